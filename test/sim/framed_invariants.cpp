#include "sim/framed_invariants.hpp"

#include "sim/framing.hpp"

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::sim {

namespace {

constexpr std::size_t nowhere = static_cast<std::size_t>(-1);

bool is_idle(const history& all) { return all.plan->rules.frame == frame_form::idle; }

// Without memory a line may be missing, and a process that is killed writes none.
bool log_is_whole(const history& all) { return !all.any(hardship::allocation) && !all.killed; }

// The requests of one frame: one, and perhaps that it was sent again.
struct exchange {
    std::string key;
    std::vector<const post*> posts;
    std::size_t frame = nowhere;
};

std::vector<exchange> exchanges_of(const history& all, const client_history& one) {
    std::vector<exchange> out;
    for (const post* seen : all.posts_of(one)) {
        const auto same = std::find_if(out.begin(), out.end(),
                                       [seen](const exchange& e) { return e.key == seen->key; });
        (same == out.end() ? out.emplace_back(exchange{seen->key, {}, nowhere}) : *same)
            .posts.push_back(seen);
    }
    return out;
}

bool fits(const exchange& of, const sent_frames& sent, std::size_t frame) {
    if (frame >= sent.payloads.size() || !sent.payloads[frame]) return false;
    const std::string& payload = *sent.payloads[frame];
    return std::all_of(of.posts.begin(), of.posts.end(), [&](const post* seen) {
        return seen->complete ? seen->body == payload : payload.starts_with(seen->body);
    });
}

std::size_t line_of(const client_history& one, std::string_view key) {
    for (std::size_t i = 0; i < one.lines.size(); ++i)
        if (one.lines[i].id == key) return i;
    return nowhere;
}

bool is_free(const std::vector<exchange>& exchanges, std::size_t frame) {
    return std::none_of(exchanges.begin(), exchanges.end(),
                        [frame](const exchange& e) { return e.frame == frame; });
}

// Each frame has a line, so the log says which one it was. Where it does not, the first that fits.
// Requests may come to the service in another order: of one that was given up, and the next one.
void place(const history& all, const client_history& one, const sent_frames& sent,
           std::vector<exchange>& exchanges) {
    for (exchange& each : exchanges) {
        const std::size_t line = log_is_whole(all) ? line_of(one, each.key) : nowhere;
        if (is_idle(all)) { // nobody knows where its frames end
            each.frame = line;
        } else if (line != nowhere) {
            if (fits(each, sent, line)) each.frame = line;
        } else {
            for (std::size_t i = 0; i < sent.payloads.size() && each.frame == nowhere; ++i)
                if (is_free(exchanges, i) && fits(each, sent, i)) each.frame = i;
        }
    }
    std::stable_sort(exchanges.begin(), exchanges.end(),
                     [](const exchange& a, const exchange& b) { return a.frame < b.frame; });
}

// RFC 8259, as far as these texts need it.
std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        char code[8];
        if (c == '\r' || c == '\n' || c == '\t') {
            out += c == '\r' ? "\\r" : c == '\n' ? "\\n" : "\\t";
        } else if (c >= 0 && c < ' ') {
            std::snprintf(code, sizeof code, "\\u%04x", static_cast<unsigned>(c));
            out += code;
        } else {
            if (c == '\\' || c == '"') out += '\\';
            out += c;
        }
    }
    return out;
}

// What junk has made of a length may make no UTF-8 of a payload.
std::string json_body(std::string_view body) {
    const bool text = std::all_of(body.begin(), body.end(), [](char c) { return c >= 0; });
    if (text) return R"(,"body":")" + escaped(body) + "\"}";
    return R"(,"body_base64":")" + base64_of(body) + "\"}";
}

std::string formed(const history& all, unsigned status, const std::string& key,
                   std::string_view body) {
    const std::string code = std::to_string(status);
    switch (form_of(all.plan->rules)) {
    case reply_form::status:
        return code + ' ' + key + '\n' + std::string(body);
    case reply_form::json:
        return R"({"id":")" + key + R"(","outcome":"replied","status":)" + code + json_body(body);
    case reply_form::ack_nak:
        return status < 300 ? "\x06" : "\x15";
    case reply_form::hl7:
        return "\rMSA|AA"; // and the message's number
    case reply_form::body:
        break;
    }
    return all.plan->rules.base64 ? base64_of(body) : std::string(body);
}

// What may be the whole answer to a frame that was posted.
std::vector<std::string> right_answers(const history& all, const exchange& of) {
    std::vector<std::string> out;
    for (const post* seen : of.posts) {
        if (seen->coded || seen->bodiless) continue;
        const auto add = [&](std::string_view body) {
            out.push_back(formed(all, seen->status, seen->key, body));
        };
        if (seen->complete && seen->status == 200) add(reply_to(seen->body));
        if (seen->complete && seen->status == 204) add("");
        if (!all.plan->rules.relays || form_of(all.plan->rules) == reply_form::hl7) continue;
        if (seen->status == 413)
            add(too_large_body);
        else if (seen->complete && seen->status > 299 && seen->status != 408)
            add(failed_body);
    }
    return out;
}

// The number of a message, from its MSH.
std::string hl7_number(std::string_view message) {
    for (int bars = 0; bars < 9; ++bars) {
        const auto bar = message.find('|');
        if (bar == message.npos) return {};
        message.remove_prefix(bar + 1);
    }
    return std::string(message.substr(0, message.find_first_of("|\r")));
}

std::string_view without_line_end(std::string_view text) {
    if (text.ends_with('\n')) text.remove_suffix(1);
    return text;
}

bool is_answer(const history& all, const exchange& of, std::string_view text) {
    const auto right = right_answers(all, of);
    if (form_of(all.plan->rules) == reply_form::hl7) {
        if (right.empty() || !text.starts_with("MSH|")) return false;
        const std::string number = hl7_number(of.posts.back()->body);
        return text.find(right.front() + (number.empty() ? "" : '|' + number)) != text.npos;
    }
    return std::any_of(right.begin(), right.end(), [text](const std::string& one) {
        return without_line_end(one) == without_line_end(text);
    });
}

// All that went to and fro on a connection.
struct conversation {
    sent_frames sent;
    std::vector<exchange> exchanges;
    std::vector<std::string> answers; ///< and refusals
    bool bad = false, rest = false;   ///< it has read what is no answer; a part of one more
    bool indexed = true;              ///< the n-th answer is the n-th frame's
    std::size_t wordless = 0;         ///< exchanges whose answer may be no byte at all
};

// Without frames around answers: one behind another, each known by its text.
void split(const history& all, std::string_view got, conversation& into) {
    into.indexed = false;
    std::size_t next = 0;
    for (const exchange& each : into.exchanges)
        for (const std::string& right : right_answers(all, each)) into.wordless += right.empty();
    while (!got.empty()) {
        std::string found;
        const auto line = got.find('\n');
        if (line != got.npos && !refusal_in(reply_form::body, got.substr(0, line + 1)).empty())
            found = got.substr(0, line + 1);
        bool begun = std::string_view("finpost: ").starts_with(got.substr(0, 9));
        for (std::size_t i = next; i < into.exchanges.size() && found.empty(); ++i)
            for (const std::string& right : right_answers(all, into.exchanges[i])) {
                begun = begun || right.starts_with(got);
                if (right.empty() || !got.starts_with(right)) continue;
                found = right, next = log_is_whole(all) ? i + 1 : 0;
                break;
            }
        if (found.empty()) {
            into.rest = begun, into.bad = !begun;
            return;
        }
        into.answers.push_back(found);
        got.remove_prefix(found.size());
    }
}

conversation read_conversation(const history& all, const client_history& one) {
    const rules_plan& rules = all.plan->rules;
    conversation out;
    out.sent = read_sent(all, one);
    out.exchanges = exchanges_of(all, one);
    place(all, one, out.sent, out.exchanges);
    if (answer_spec_of(rules)) {
        const read_answers read = read_answers_of(rules, one.got);
        out.answers = read.texts, out.bad = read.bad, out.rest = read.rest;
    } else if (form_of(rules) == reply_form::ack_nak) {
        for (const char c : one.got) out.answers.emplace_back(1, c);
    } else {
        split(all, one.got, out);
    }
    if (is_idle(all) && !log_is_whole(all)) out.indexed = false;
    return out;
}

bool is_refusal(const history& all, std::string_view text) {
    return !refusal_in(form_of(all.plan->rules), text).empty();
}

// Its own account of it, in place of a frame.
bool is_probe_answer(const client_history& one) {
    return one.plan->kind == client_kind::foreign &&
           one.got.starts_with(std::string_view("HTTP/1.1 200 OK").substr(0, one.got.size()));
}

const exchange* of_frame(const conversation& with, std::size_t frame) {
    for (const exchange& each : with.exchanges)
        if (each.frame == frame) return &each;
    return nullptr;
}

// Without a log nobody knows which of two equal payloads it was, nor of which a part.
bool is_answer_to(const history& all, const conversation& with, std::size_t frame,
                  std::string_view text) {
    if (!log_is_whole(all))
        return std::any_of(with.exchanges.begin(), with.exchanges.end(),
                           [&](const exchange& e) { return is_answer(all, e, text); });
    const exchange* const of = of_frame(with, frame);
    return of != nullptr && is_answer(all, *of, text);
}

std::string shown(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, 60)) out += c >= ' ' && c < 127 ? c : '.';
    return '"' + out + '"';
}

// Calls `judge_one(client, conversation)` for each client of a framed listener.
template <class F>
sentences of_each(const history& all, F&& judge_one) {
    sentences out;
    if (!has_frames(all.plan->rules)) return out;
    for (const client_history& one : all.clients) {
        if (is_probe_answer(one)) continue;
        // What comes is OpenSSL's alert.
        if (all.plan->rules.tls && one.plan->kind == client_kind::in_preamble) continue;
        judge_one(one, read_conversation(all, one), out);
    }
    return out;
}

// The payloads of a listener that ends them at pauses are slices of what was sent, in its order.
bool are_slices(const history& all, const client_history& one,
                const std::vector<exchange>& exchanges) {
    std::size_t from = 0;
    for (const exchange& each : exchanges) {
        const std::string& body = each.posts.front()->body;
        from = one.sends.find(body, log_is_whole(all) ? from : 0);
        if (from == one.sends.npos || from + body.size() > one.sent) return false;
        from += body.size();
    }
    return true;
}

} // namespace

sentences each_frame_is_posted_once_and_in_order(const history& all) {
    return of_each(all, [&all](const client_history& one, const conversation& with,
                               sentences& out) {
        if (one.plan->kind == client_kind::no_header && all.plan->rules.proxy &&
            !with.exchanges.empty())
            out.push_back(one.name() + "was posted without its PROXY header");
        const std::uint64_t most = all.rules.max_exchanges;
        if (most > 0 && with.exchanges.size() > most)
            out.push_back(one.name() + "was posted " + std::to_string(with.exchanges.size()) +
                          " times on a connection that has " + std::to_string(most) + " exchanges");
        if (is_idle(all)) {
            if (!are_slices(all, one, with.exchanges))
                out.push_back(one.name() + "was posted what it has not sent, or not in its order");
            return;
        }
        for (const exchange& each : with.exchanges)
            if (each.frame == nowhere)
                out.push_back(one.name() + "was posted what is no frame of its own, or again: " +
                              shown(each.posts.back()->body));
    });
}

sentences answers_are_whole_and_in_order(const history& all) {
    return of_each(all, [&all](const client_history& one, const conversation& with,
                               sentences& out) {
        if (with.bad) out.push_back(one.name() + "reads what is no answer: " + shown(one.got));
        for (std::size_t i = 0; i < with.answers.size(); ++i) {
            const std::string& text = with.answers[i];
            if (is_refusal(all, text) && form_of(all.plan->rules) != reply_form::ack_nak) {
                if (all.rules.on_refusal != refusal_style::line)
                    out.push_back(one.name() + "was told a refusal where they are without a word");
                continue;
            }
            if (!with.indexed || text == "\x15") continue;
            if (!is_answer_to(all, with, i, text))
                out.push_back(one.name() + "has an answer to frame " + std::to_string(i) +
                              " that is not its own: " + shown(text));
        }
        // A first one may be about the connection.
        const std::size_t asked =
            with.sent.payloads.size() + (with.sent.cut || with.sent.bad ? 1 : 0);
        // For one there was no memory, or its other half came too late.
        const bool scarce = all.plan->rules.max_buffered != rules_plan().max_buffered;
        const bool by_heartbeat =
            with.sent.heartbeats > 0 && (scarce || one.plan->pause > 0 || one.plan->between > 0);
        if (with.answers.size() > std::max<std::size_t>(1, asked) && !is_idle(all) && !by_heartbeat)
            out.push_back(one.name() + "has " + std::to_string(with.answers.size()) +
                          " answers to " + std::to_string(asked) + " frames");
        if (one.left || !one.ended || one.how != ending::fin) return;
        if (with.rest) out.push_back(one.name() + "got a part of an answer, and a FIN");
        const bool closed = all.rules.on_refusal == refusal_style::close;
        if (with.exchanges.size() > with.answers.size() + with.wordless + (closed ? 1 : 0))
            out.push_back(one.name() + "got a FIN and " + std::to_string(with.answers.size()) +
                          " answers, and was posted " + std::to_string(with.exchanges.size()) +
                          " times");
    });
}

sentences lines_say_what_came_of_each_frame(const history& all) {
    if (!log_is_whole(all)) return {};
    return of_each(
        all, [&all](const client_history& one, const conversation& with, sentences& out) {
            if (!with.indexed || !one.ended) return;
            const reply_form form = form_of(all.plan->rules);
            const bool by_spare = one.lines.empty() && with.answers.size() == 1;
            if (with.answers.size() > one.lines.size() && !by_spare)
                out.push_back(one.name() + "has " + std::to_string(with.answers.size()) +
                              " answers and " + std::to_string(one.lines.size()) + " access lines");
            for (std::size_t i = 0; i < one.lines.size(); ++i) {
                const access_line& line = one.lines[i];
                const std::string name = one.name() + "frame " + std::to_string(i) +
                                         " is logged as " + line.outcome + ' ' + line.reason;
                if (line.outcome == "aborted" && i + 1 < one.lines.size())
                    out.push_back(name + ", and another came after it");
                if (i >= with.answers.size()) {
                    if (line.outcome == "replied" && one.how == ending::fin && !one.left)
                        out.push_back(name + ", and its client got a FIN without its answer");
                    continue;
                }
                std::string id;
                const std::string why = refusal_in(form, with.answers[i], &id);
                if (form == reply_form::ack_nak) continue;
                const std::string said = why.empty() ? "replied" : "refused";
                if (said != line.outcome || why != (why.empty() ? "" : line.reason))
                    out.push_back(name + ", and its client was " + said + ' ' + why);
                if (!id.empty() && id != line.id) out.push_back(name + ", by another identifier");
            }
        });
}

sentences a_reason_tells_the_truth_of_its_frame(const history& all) {
    return of_each(all, [&all](const client_history& one, const conversation& with,
                               sentences& out) {
        for (const access_line& line : one.lines) {
            const bool says_unsent = line.reason == "upstream_unreachable" ||
                                     line.reason == "busy" || line.reason == "draining";
            const bool sent = std::any_of(with.exchanges.begin(), with.exchanges.end(),
                                          [&line](const exchange& e) { return e.key == line.id; });
            if (line.outcome == "refused" && says_unsent && sent)
                out.push_back(one.name() + "is told " + line.reason +
                              ", and the service had its request");
            const bool of_tail = line.reason == "incomplete_frame" && !with.sent.refused_tail;
            const bool of_frame = line.reason == "bad_frame" && !with.sent.bad;
            if ((of_tail || of_frame) && !is_idle(all))
                out.push_back(one.name() + "is told " + line.reason + ", and has sent none");
        }
    });
}

sentences frames_are_sent_again_once(const history& all) {
    return of_each(
        all, [&all](const client_history& one, const conversation& with, sentences& out) {
            for (const exchange& each : with.exchanges) {
                if (each.posts.size() > 2)
                    out.push_back(one.name() + "was sent a frame " +
                                  std::to_string(each.posts.size()) + " times");
                for (std::size_t i = 0; i + 1 < each.posts.size(); ++i) {
                    const post& seen = *each.posts[i];
                    const bool answered =
                        seen.answered && !seen.rejected && all.plan->service.down_at == 0;
                    if (seen.first_on_connection || answered)
                        out.push_back(one.name() +
                                      "was sent a frame again although its connection was new, or "
                                      "something had come back");
                }
            }
        });
}

sentences a_fair_frame_is_replied(const history& all) {
    if (!all.plan->fair) return {};
    return of_each(all, [&all](const client_history& one, const conversation& with,
                               sentences& out) {
        const client_plan& plan = *one.plan;
        if (plan.kind != client_kind::good || plan.bad_text || plan.wrong != slip::none) return;
        if (with.sent.bad && plan.forgets) return; // the reset behind it
        std::size_t replied = 0, wanted = with.sent.payloads.size();
        for (const std::string& text : with.answers) replied += is_refusal(all, text) ? 0 : 1;
        replied += with.wordless;
        if (is_idle(all) && one.sends.size() > all.rules.max_payload) return;
        if (is_idle(all)) wanted = with.exchanges.size();
        const std::uint64_t most = all.rules.max_exchanges;
        if (most > 0 && wanted > most) wanted = most;
        if (replied < wanted || (is_idle(all) && wanted == 0))
            out.push_back(one.name() + "has " + std::to_string(replied) + " replies to " +
                          std::to_string(wanted) + " frames although nothing speaks against it: " +
                          one.logged + ' ' + one.reason);
    });
}

namespace {

// A refusal behind which the connection goes on, for the whole frame was read.
bool goes_on_after(const history& all, std::string_view why) {
    // What goes to a file is decoded on its way, and not read on when that fails.
    const bool whole = why == "bad_encoding" && all.rules.spill_above == 0;
    return why.starts_with("upstream_") || why.starts_with("reply_") || why == "empty" || whole;
}

bool somebody_stops(const history& all, const client_history& one) {
    const bool drains = all.drain_began >= 0 && all.drain_began <= one.ended_at;
    return all.stopped || all.killed || drains;
}

// It got a FIN, and the last thing that it was told ends nothing.
bool ends_in_a_pause(const history& all, const client_history& one, const conversation& with) {
    if (one.left || !one.ended || one.how != ending::fin || somebody_stops(all, one)) return false;
    if (form_of(all.plan->rules) == reply_form::ack_nak || !with.indexed) return false;
    if (all.rules.on_refusal != refusal_style::line) return false;
    if (!log_is_whole(all) || all.any(hardship::accept_fails) || all.any(hardship::descriptors))
        return false;
    const std::size_t n = with.answers.size();
    if (all.rules.max_exchanges > 0 && n >= all.rules.max_exchanges) return false;
    const std::string why = n == 0 ? "" : refusal_in(form_of(all.plan->rules), with.answers.back());
    return why.empty() || goes_on_after(all, why);
}

} // namespace

sentences who_may_go_on_is_answered(const history& all) {
    return of_each(all, [&all](const client_history& one, const conversation& with,
                               sentences& out) {
        if (is_idle(all) || !ends_in_a_pause(all, one, with)) return;
        const client_plan& plan = *one.plan;
        const nanos pause = static_cast<nanos>(all.plan->rules.between) * ms;
        // What comes behind a pause that was too long finds nobody.
        if (pause < 2 * s || std::max({plan.between, plan.pause, plan.waits}) > pause - s) return;
        // What the gateway's kernel still holds of an answer is none of its pause.
        const bool narrow = plan.receive_buffer < 64 << 10 || plan.read_pause > 0 ||
                            all.plan->hard.receive_buffer < 64 << 10;
        if (narrow) return;
        const bool fed = one.fin_sent || plan.stays || plan.kind == client_kind::silent;
        const std::size_t wanted =
            with.sent.payloads.size() + (with.sent.refused_tail || with.sent.bad ? 1 : 0);
        if (plan.kind == client_kind::good && one.sent < one.sends.size() && !with.sent.bad &&
            pause > plan.between + plan.pause + plan.waits + 3 * s)
            out.push_back(one.name() + "got a FIN, and was not silent for so long");
        if (fed && with.answers.size() < wanted)
            out.push_back(one.name() + "got a FIN behind " + std::to_string(with.answers.size()) +
                          " answers, and has sent " + std::to_string(wanted) + " frames");
    });
}

// The exchange in hand is finished, and no other begins.
sentences a_drain_begins_no_frame(const history& all) {
    return of_each(
        all, [&all](const client_history& one, const conversation& with, sentences& out) {
            if (all.drain_began < 0) return;
            const nanos late = all.drain_began + 1 * s; // what was on its way to the service
            const auto begun =
                std::count_if(with.exchanges.begin(), with.exchanges.end(),
                              [late](const exchange& e) { return e.posts.front()->at > late; });
            if (begun > 1)
                out.push_back(one.name() + "was posted " + std::to_string(begun) +
                              " frames after a drain had begun");
        });
}

namespace {

constexpr nanos late = 2 * s; // the process does not always run, nor the network

// Whoever is silent now, and has nothing to do but to wait: since when; -1: somebody else.
nanos silent_since(const history& all, const client_history& one) {
    const client_plan& plan = *one.plan; // what it sends to who has gone counts for nothing
    if (all.plan->rules.tls || all.plan->rules.proxy || is_idle(all)) return -1;
    if (one.fin_sent || one.left || !one.ended || one.arrived.empty()) return -1;
    if (plan.pause > 0 || plan.between > 0 || plan.waits > 0 || plan.read_pause > 0) return -1;
    if (plan.kind != client_kind::good && plan.kind != client_kind::silent) return -1;
    return std::max({one.arrived.back().first, one.last_read, one.accepted_at});
}

} // namespace

sentences a_pause_is_as_long_as_it_may_be(const history& all) {
    return of_each(all,
                   [&all](const client_history& one, const conversation& with, sentences& out) {
                       const nanos active = silent_since(all, one);
                       const nanos pause = static_cast<nanos>(all.plan->rules.between) * ms;
                       if (active < 0 || with.sent.bad || with.sent.cut) return;
                       if (pause < 2 * s || !ends_in_a_pause(all, one, with)) return;
                       const nanos last = one.arrived.back().first;
                       if (one.ended_at < last + pause - ms)
                           out.push_back(one.name() + "was closed in a pause of " +
                                         std::to_string((one.ended_at - last) / ms) + " ms");
                       if (one.ended_at > active + pause + late)
                           out.push_back(one.name() + "was let in peace for " +
                                         std::to_string((one.ended_at - active) / ms) + " ms");
                   });
}

sentences half_a_frame_is_no_pause(const history& all) {
    if (all.killed || all.any(hardship::allocation)) return {};
    return of_each(
        all, [&all](const client_history& one, const conversation& with, sentences& out) {
            const nanos active = silent_since(all, one);
            const nanos limit = all.rules.receive_idle.count() * ms;
            const bool waits = all.rules.max_buffered != rules_plan().max_buffered; // for memory
            if (active < 0 || !with.sent.cut || with.sent.bad || waits) return;
            const bool answered = with.indexed && with.answers.size() >= with.sent.payloads.size();
            if (!answered || one.accepted_at < 0) return; // the frame before is in hand
            // Before a reset behind other replies it has time to read them.
            const bool reads = all.rules.on_refusal == refusal_style::reset;
            const nanos linger = reads ? all.rules.lingering_close.count() * ms : 0;
            if (one.ended_at > active + limit + linger + late)
                out.push_back(one.name() + "was waited for in a frame for " +
                              std::to_string((one.ended_at - active) / ms) + " ms");
        });
}

sentences a_drain_ends_pauses(const history& all) {
    if (all.killed || all.drain_began < 0) return {};
    return of_each(
        all, [&all](const client_history& one, const conversation& with, sentences& out) {
            const nanos active = silent_since(all, one);
            if (active < 0 || with.sent.bad || with.sent.cut || active > all.drain_began - late)
                return;
            if (with.answers.size() < with.sent.payloads.size()) return; // one is in hand
            if (one.ended_at > all.drain_began + late)
                out.push_back(one.name() + "was in a pause, and closed " +
                              std::to_string((one.ended_at - all.drain_began) / ms) +
                              " ms after the drain had begun");
        });
}

sentences heartbeats_are_no_exchanges(const history& all) {
    std::uint64_t sent = 0;
    if (!has_frames(all.plan->rules)) return {};
    for (const client_history& one : all.clients) sent += read_sent(all, one).heartbeats;
    const std::uint64_t counted = all.counters.heartbeats.value();
    if (counted <= sent) return {};
    return {std::to_string(counted) + " heartbeats are counted, and " + std::to_string(sent) +
            " were sent"};
}

} // namespace finpost::sim
