#include "sim/invariants.hpp"

#include "sim/clients.hpp"
#include "sim/framed_invariants.hpp"
#include "sim/framing.hpp"
#include "sim/queue_invariants.hpp"

#include <algorithm>
#include <map>

namespace finpost::sim {

std::string_view name_of(conduct what) {
    const std::span<const std::string_view> kinds = names(client_kind());
    static constexpr std::string_view others[] = {
        "bad_text",
        "forgets",
        "header_in_payload",
        "to_second_address",
        "to_second_group",
        "finds_nobody",
        "begins_late",
        "pauses",
        "reads_slowly",
        "small_window",
        "further_frames",
        "in_turn",
        "heartbeats",
        "stays",
        "blanks",
        "pauses_between",
        "junk",
        "damaged",
        "oversize",
        "length",
        "sized",
        "chunked",
        "until_close",
        "interim",
        "interim_without_end",
        "bodiless",
        "nonsense",
        "coded",
        "resets",
        "resets_early",
        "echoes",
        "closes",
        "early_413",
        "status_101",
        "status_204",
        "status_404",
        "status_408",
        "status_429",
        "status_500",
        "cut_by_fin",
        "cut_by_reset",
        "extra",
        "extra_later",
        "answers_late",
        "in_pieces",
        "leaves_idle",
        "unwell",
        "restarts",
        "all_restart",
        "slow_commits",
        "failed_commits",
        "full_commits",
        "withdrawn",
        "given_up",
        "drains",
        "stops",
        "reloads",
        "moves",
        "second_address",
        "broken_rules",
        "address_taken",
    };
    constexpr auto first = static_cast<std::size_t>(conduct::bad_text);
    static_assert(first + std::size(others) == static_cast<std::size_t>(conduct::count));
    const auto at = static_cast<std::size_t>(what);
    return at < first ? kinds[at] : others[at - first];
}

std::string client_history::name() const {
    return "client " + std::to_string(number) + " (" +
           std::string(names(plan->kind)[static_cast<std::size_t>(plan->kind)]) + ") ";
}

client_history* history::of_port(std::uint16_t port) {
    for (client_history& one : clients)
        if (one.port == port) return &one;
    return nullptr;
}

std::vector<const post*> history::posts_of(const client_history& one) const {
    std::vector<const post*> out;
    for (const post& seen : posts)
        if (seen.client == one.port) out.push_back(&seen);
    return out;
}

namespace {

using kind = client_kind;

// By framed_invariants.cpp or queue_invariants.cpp.
bool is_judged_elsewhere(const history& all) {
    return has_frames(all.plan->rules) || stores(all.plan->rules);
}

bool without_memory(const history& all) { return all.any(hardship::allocation); }

// The reason in a refusal's line; empty when `got` is none.
std::string reason_in(std::string_view got) {
    if (!got.starts_with("finpost: ") || !got.ends_with("\n")) return {};
    const auto end = got.find(' ', 9);
    if (end == got.npos || got.size() != end + 1 + 36 + 1) return {};
    return std::string(got.substr(9, end - 9));
}

bool is_begun_line(std::string_view got) {
    constexpr std::string_view line = "finpost: ";
    return line.starts_with(got.substr(0, line.size())) &&
           (got.size() <= line.size() || got.find('\n') == got.npos);
}

constexpr std::string_view probe_answer = "HTTP/1.1 200 OK";

// What the client may have got as a whole answer; with `of_any`, also of a request that did not
// become complete.
std::vector<std::string> right_answers(const history& all, const client_history& one,
                                       bool of_any = false) {
    std::vector<std::string> out;
    const auto coded = [&](std::string_view text) {
        return all.plan->rules.base64 ? base64_of(text) : std::string(text);
    };
    for (const post* seen : all.posts_of(one)) {
        if (seen->coded) continue;    // nobody has asked for that
        if (seen->bodiless) continue; // and that would look like a success
        const bool complete = seen->complete || of_any;
        if (complete && seen->status == 200) out.push_back(coded(reply_to(one.payload)));
        if (complete && seen->status == 204) out.push_back(""); // that is all of it
        if (!all.plan->rules.relays) continue;
        if (seen->status == 413)
            out.push_back(coded(too_large_body));
        else if (complete && seen->status > 299 && seen->status != 408)
            out.push_back(coded(failed_body));
    }
    return out;
}

bool replied(const history& all, const client_history& one) {
    const auto right = right_answers(all, one);
    return std::find(right.begin(), right.end(), one.got) != right.end();
}

// Nobody owes these an answer.
bool asks_nothing(const client_history& one) {
    return one.plan->kind == kind::probe ||
           (one.plan->kind == kind::silent && one.plan->stop_at == 0);
}

// ---- safety

sentences whole_reply_refusal_or_reset(const history& all) {
    sentences out;
    if (is_judged_elsewhere(all)) return out;
    for (const client_history& one : all.clients) {
        const auto right = right_answers(all, one, true);
        const bool begun =
            one.got.empty() || is_begun_line(one.got) ||
            std::any_of(right.begin(), right.end(),
                        [&one](const std::string& whole) { return whole.starts_with(one.got); });
        if (one.plan->kind == kind::close_unread && !begun && reason_in(one.got).empty())
            out.push_back(one.name() + "read \"" + one.got.substr(0, 60) + '"');
        if (one.left || !one.ended) continue;
        const bool answered =
            replied(all, one) || !reason_in(one.got).empty() ||
            (one.plan->kind == kind::foreign && one.got.starts_with(probe_answer));
        if (one.how == ending::fin && !answered) {
            // A refusal that is closed without a word, or one by the spare descriptor, which has no
            // access line.
            const bool unlogged =
                one.logged.empty() && (all.any(hardship::descriptors) ||
                                       all.any(hardship::accept_fails) || without_memory(all));
            const bool closed = all.rules.on_refusal == refusal_style::close && one.got.empty() &&
                                (one.logged == "refused" || unlogged);
            if (closed || (asks_nothing(one) && one.got.empty())) continue;
            out.push_back(one.name() + "got " + std::to_string(one.got.size()) +
                          " bytes and a FIN, neither a reply nor a refusal: \"" +
                          one.got.substr(0, 60) + "\", logged as " + one.logged + ' ' + one.reason);
        }
        if (all.rules.on_refusal != refusal_style::line && !reason_in(one.got).empty())
            out.push_back(one.name() + "was told " + reason_in(one.got) +
                          " where refusals are without a word");
        if (one.how == ending::rst && !answered && !begun &&
            !probe_answer.starts_with(one.got.substr(0, probe_answer.size())))
            out.push_back(one.name() + "got \"" + one.got.substr(0, 60) + "\" before a RST");
    }
    return out;
}

sentences bodies_are_payloads(const history& all) {
    sentences out;
    if (has_frames(all.plan->rules)) return out; // see framed_invariants.cpp
    for (const post& seen : all.posts) {
        const auto one = std::find_if(all.clients.begin(), all.clients.end(),
                                      [&](auto& c) { return c.port == seen.client; });
        if (one == all.clients.end()) continue;
        if (seen.complete ? seen.body != one->payload : !one->payload.starts_with(seen.body))
            out.push_back(one->name() +
                          "was posted something else: " + std::to_string(seen.body.size()) +
                          " bytes of " + std::to_string(one->payload.size()));
    }
    return out;
}

sentences a_cut_payload_is_never_whole(const history& all) {
    sentences out;
    if (has_frames(all.plan->rules)) return out; // see framed_invariants.cpp
    for (const client_history& one : all.clients) {
        const auto posts = all.posts_of(one);
        const auto complete =
            std::count_if(posts.begin(), posts.end(), [](const post* p) { return p->complete; });
        if (!one.fin_sent && complete > 0)
            out.push_back(one.name() + "was posted as a whole without its FIN");
        if (!one.fin_sent && !posts.empty() && !all.rules.stream_above)
            out.push_back(one.name() + "was posted without its FIN");
        if (one.plan->kind == kind::no_header && all.plan->rules.proxy && !posts.empty())
            out.push_back(one.name() + "was posted without its PROXY header");
        if (one.plan->bad_text && complete > 0)
            out.push_back(one.name() + "was posted though its text is bad");
    }
    return out;
}

sentences sent_again_once_with_the_same_key(const history& all) {
    sentences out;
    if (is_judged_elsewhere(all)) return out;
    std::map<std::string_view, std::uint16_t> whose;
    for (const post& seen : all.posts) {
        const auto [at, fresh] = whose.try_emplace(seen.key, seen.client);
        if (!fresh && at->second != seen.client)
            out.push_back("two clients have the key " + seen.key);
    }
    for (const client_history& one : all.clients) {
        const auto posts = all.posts_of(one);
        if (posts.size() > 2)
            out.push_back(one.name() + "was sent " + std::to_string(posts.size()) + " times");
        for (std::size_t i = 0; i + 1 < posts.size(); ++i) {
            const post& seen = *posts[i];
            if (seen.key != posts[i + 1]->key)
                out.push_back(one.name() + "was sent again with another key");
            // What a service that restarts has sent may be lost with its connection.
            const bool answered = seen.answered && !seen.rejected && all.plan->service.down_at == 0;
            if (seen.first_on_connection || seen.chunked || answered)
                out.push_back(
                    one.name() +
                    "was sent again although its connection was new, or something had come back");
        }
    }
    return out;
}

sentences a_reason_tells_the_truth(const history& all) {
    sentences out;
    if (is_judged_elsewhere(all)) return out;
    for (const client_history& one : all.clients) {
        std::string why = reason_in(one.got);
        if (why.empty() && one.logged == "refused") why = one.reason;
        const bool says_nothing_was_sent =
            why == "upstream_unreachable" || why == "busy" || why == "draining";
        if (says_nothing_was_sent && !all.posts_of(one).empty())
            out.push_back(one.name() + "is told " + why + ", and the service had its request");
    }
    return out;
}

sentences every_end_has_its_line(const history& all) {
    if (all.killed || all.stuck || without_memory(all)) return {};
    const auto lines = [&all](std::string_view what) {
        std::uint64_t n = 0;
        for (const client_history& one : all.clients)
            n += static_cast<std::uint64_t>(
                std::count_if(one.lines.begin(), one.lines.end(),
                              [what](const access_line& line) { return line.outcome == what; }));
        return n;
    };
    if (lines("replied") == all.books.replied && lines("aborted") == all.books.aborted &&
        lines("refused") <= all.books.refused)
        return {};
    return {"the access lines and the counters differ"};
}

// `internal` is for what nobody has thought of.
sentences nothing_is_internal(const history& all) {
    if (without_memory(all) || all.killed) return {};
    const auto at = static_cast<std::size_t>(reason::internal) - 1;
    const std::uint64_t n = all.counters.refused[at].value();
    if (n == 0) return {};
    return {std::to_string(n) + " refused with internal"};
}

sentences the_log_says_what_the_client_saw(const history& all) {
    sentences out;
    if (is_judged_elsewhere(all)) return out;
    if (all.killed) return out;
    const bool can_be_lost = without_memory(all);
    for (const client_history& one : all.clients) {
        if (one.lines.size() > 1)
            out.push_back(one.name() + "has " + std::to_string(one.lines.size()) + " access lines");
        if (one.left || !one.ended || one.logged.empty()) continue;
        // Where refusals are closed without a word an empty reply looks the same.
        const bool wordless = all.rules.on_refusal == refusal_style::close && one.got.empty();
        if (one.how == ending::fin && !wordless && replied(all, one) != (one.logged == "replied") &&
            one.plan->kind != kind::foreign)
            out.push_back(one.name() + "is logged as " + one.logged + ' ' + one.reason +
                          ", and got " + (replied(all, one) ? "its reply" : "none"));
        const std::string why = reason_in(one.got);
        if (!why.empty() && one.logged == "refused" && one.reason != why)
            out.push_back(one.name() + "was told " + why + ", logged is " + one.reason);
        // Of a reply that the kernel has taken nobody knows whether it was read: a reset because of
        // what the client sends behind an early answer may overtake it.
        if (one.how == ending::rst && one.fin_sent && one.logged == "replied" &&
            !replied(all, one) && one.plan->kind != kind::never_reads && !can_be_lost)
            out.push_back(one.name() + "is logged as replied, and got a RST after " +
                          std::to_string(one.got.size()) + " bytes");
    }
    return out;
}

// ---- the books

sentences nothing_is_left(const history& all) {
    sentences out;
    if (all.killed || all.stuck) return out;
    const metrics& c = all.counters;
    const auto& seen = all.books;
    const auto must_be_zero = [&out](const char* what, std::int64_t n) {
        if (n != 0) out.push_back(std::string(what) + ": " + std::to_string(n));
    };
    // Of a connection that is in a pause no exchange is in flight.
    if (seen.accepted + seen.further !=
        seen.replied + seen.queued + seen.refused + seen.aborted + seen.probes)
        out.push_back("accepted " + std::to_string(seen.accepted) + " + " +
                      std::to_string(seen.further) + " further" +
                      " != " + std::to_string(seen.replied) + " replied + " +
                      std::to_string(seen.queued) + " queued + " + std::to_string(seen.refused) +
                      " refused + " + std::to_string(seen.aborted) + " aborted + " +
                      std::to_string(seen.probes) + " probes");
    std::uint64_t timed = 0;
    for (const std::uint64_t n : c.exchange_seconds.read().buckets) timed += n;
    const std::uint64_t ended = seen.replied + seen.queued + seen.aborted;
    if (timed < ended || timed > ended + seen.refused)
        out.push_back("the times of " + std::to_string(timed) + " exchanges");
    must_be_zero("between frames", c.between_frames.value());
    must_be_zero("buffered bytes", c.buffered_bytes.value());
    must_be_zero("spilled bytes", c.spilled_bytes.value());
    must_be_zero("busy upstream connections", c.upstream_busy.value());
    must_be_zero("idle upstream connections", c.upstream_idle.value());
    must_be_zero("sessions", static_cast<std::int64_t>(all.sessions_left));
    must_be_zero("descriptors", static_cast<std::int64_t>(all.descriptors_left));
    return out;
}

// ---- liveness

sentences nobody_waits_for_ever(const history& all) {
    sentences out;
    if (all.stuck) out.push_back("nothing happens any more, or it does not end");
    for (const client_history& one : all.clients)
        if (!one.ended) out.push_back(one.name() + "never came to its end");
    if (all.calls > 3'000'000) out.push_back("it spins: " + std::to_string(all.calls) + " calls");
    if (all.counters.accept_errors.value() > 100 + static_cast<std::uint64_t>(all.took / s) * 20)
        out.push_back("it spins: " + std::to_string(all.counters.accept_errors.value()) +
                      " failed accepts");
    return out;
}

sentences a_fair_exchange_is_replied(const history& all) {
    sentences out;
    if (is_judged_elsewhere(all)) return out;
    if (!all.plan->fair) return out;
    for (const client_history& one : all.clients)
        if (one.plan->kind == client_kind::good && !one.plan->bad_text && !replied(all, one) &&
            one.sends.size() <= all.rules.max_payload)
            out.push_back(one.name() + "has no reply although nothing speaks against it: " +
                          one.logged + ' ' + one.reason);
    return out;
}

sentences limits_are_kept(const history& all) {
    sentences out;
    const double slack = 1000; // the process does not always run
    const auto ms_of = [](duration span) { return static_cast<double>(span.count()); };
    const gateway_config& rules = all.rules;
    const bool streams = rules.stream_above.has_value();
    const double storing =
        stores(all.plan->rules) ? static_cast<double>(all.plan->rules.queue_timeout) : 0;
    const double upstream = ms_of(all.service.total) + ms_of(all.service.connect) + storing;
    const double receive = ms_of(rules.receive_total) + ms_of(rules.receive_idle) +
                           ms_of(rules.proxy_protocol) + ms_of(rules.tls_handshake);
    // A connection that finds no memory in a pause has the pause in its times.
    if (has_frames(all.plan->rules) && without_memory(all)) return out;
    for (const client_history& one : all.clients) {
        const auto in_time = [&](const char* what, double took, double most) {
            if (took > most + slack)
                out.push_back(one.name() + what + " took " + std::to_string(took) + " ms of " +
                              std::to_string(most));
        };
        in_time("receiving", one.receive_ms, receive + (streams ? upstream : 0));
        in_time("the upstream", one.upstream_ms,
                upstream + (streams ? ms_of(rules.receive_total) + ms_of(rules.reply_total) +
                                          ms_of(all.service.total)
                                    : 0));
        in_time("replying", one.reply_ms, ms_of(rules.reply_total) + ms_of(rules.lingering_close));
    }
    return out;
}

// Of the gateway's time; the process does not always run.
constexpr nanos late_look = 500 * ms, unjudged = 5 * s;

nanos nanos_of(double milliseconds) { return static_cast<nanos>(milliseconds * 1e6); }
nanos nanos_of(duration span) { return span.count() * ms; }

// What is encrypted comes in records, and what waits for memory or for the service is not waited
// for.
bool reads_at_once(const history& all) {
    return !all.plan->rules.tls && !all.plan->rules.proxy && !has_frames(all.plan->rules) &&
           !all.rules.stream_above && all.rules.max_buffered == rules_plan().max_buffered &&
           !without_memory(all);
}

std::uint64_t arrived_until(const client_history& one, nanos when) {
    std::uint64_t out = 0;
    for (const auto& [at, all] : one.arrived)
        if (at <= when) out = all;
    return out;
}

bool slower_than(std::uint64_t rate, std::uint64_t bytes, nanos span) {
    return static_cast<double>(bytes) < static_cast<double>(rate) * static_cast<double>(span) / 1e9;
}

// When the gateway has to be done with an upload, by what has come of it.
nanos upload_is_over(const history& all, const client_history& one) {
    const nanos idle = nanos_of(all.rules.receive_idle), began = one.accepted_at;
    nanos last = began, due = began + nanos_of(all.rules.receive_total);
    if (one.end_came >= 0) due = std::min(due, std::max(one.end_came, began));
    for (const auto& [at, bytes] : one.arrived) {
        if (at > last + idle + late_look || at > due) break; // what had come may have been unread
        last = std::max(last, at);
        if (at - began > unjudged + late_look &&
            slower_than(all.rules.min_rate, bytes, at - began - late_look))
            return std::min(due, at);
    }
    return std::min(due, last + idle);
}

sentences who_is_slow_or_idle_is_refused_in_time(const history& all) {
    sentences out;
    if (!reads_at_once(all) || all.killed) return out;
    for (const client_history& one : all.clients) {
        if (one.logged.empty() || one.accepted_at < 0) continue;
        const nanos took = nanos_of(one.receive_ms),
                    due = upload_is_over(all, one) - one.accepted_at;
        if (took > due + late_look)
            out.push_back(one.name() + "was received for " + std::to_string(took / ms) +
                          " ms, and was due after " + std::to_string(due / ms) + ": " + one.logged +
                          ' ' + one.reason);
    }
    return out;
}

sentences who_is_neither_is_not(const history& all) {
    sentences out;
    if (all.plan->rules.tls || all.rules.max_buffered != rules_plan().max_buffered) return out;
    if (has_frames(all.plan->rules)) return out; // by what had come of the frame
    for (const client_history& one : all.clients) {
        if (one.logged != "refused" || one.accepted_at < 0) continue;
        const nanos span = nanos_of(one.receive_ms), end = one.accepted_at + span;
        nanos last = one.accepted_at;
        for (const auto& arrival : one.arrived)
            if (arrival.first <= end - late_look) last = std::max(last, arrival.first);
        if (one.reason == "receive_timeout" && end - last < nanos_of(all.rules.receive_idle) - ms &&
            span < nanos_of(all.rules.receive_total))
            out.push_back(one.name() + "timed out after " + std::to_string(span / ms) +
                          " ms, and something had come " + std::to_string((end - last) / ms) +
                          " ms before");
        const std::uint64_t header = all.plan->rules.proxy ? 60 : 0; // is no payload
        const std::uint64_t bytes = arrived_until(one, end - late_look);
        if (one.reason == "too_slow" &&
            (span < unjudged ||
             !slower_than(all.rules.min_rate, bytes - std::min(bytes, header), span)))
            out.push_back(one.name() + "was too slow after " + std::to_string(span / ms) +
                          " ms, with " + std::to_string(bytes) + " bytes");
    }
    return out;
}

// What the client's system has taken and its program has not read counts for the client.
sentences who_reads_too_slowly_is_reset_in_time(const history& all) {
    sentences out;
    if (all.rules.min_rate == 0 || all.rules.stream_above || all.killed) return out;
    const auto rate = static_cast<double>(all.rules.min_rate);
    for (const client_history& one : all.clients) {
        if (one.logged.empty() || one.logged == "probe") continue;
        const nanos span = nanos_of(one.reply_ms);
        const double taken = static_cast<double>(
            one.got.size() + std::min<std::uint64_t>(one.plan->receive_buffer, 64 << 10));
        const nanos most = std::max(unjudged, static_cast<nanos>(taken / rate * 1e9));
        if (span > most + late_look)
            out.push_back(one.name() + "was waited for for " + std::to_string(span / ms) +
                          " ms, and has read " + std::to_string(one.got.size()) + " bytes");
        if (one.logged == "aborted" && one.reason == "too_slow" &&
            (span < unjudged ||
             static_cast<double>(one.got.size()) > rate * static_cast<double>(span) / 1e9 + taken))
            out.push_back(one.name() + "was reset as too slow after " + std::to_string(span / ms) +
                          " ms, and has read " + std::to_string(one.got.size()) + " bytes");
    }
    return out;
}

// A bucket for each group. Who is refused by the spare descriptor is not counted by it.
sentences accepts_keep_their_rate(const history& all) {
    sentences out;
    const auto rate = static_cast<double>(all.rules.accept_rate);
    const auto beside = all.hits[static_cast<std::size_t>(hardship::accept_fails)] +
                        all.hits[static_cast<std::size_t>(hardship::descriptors)];
    for (const bool second : {false, true}) {
        std::vector<nanos> at;
        for (const auto& [when, port] : all.accepts)
            if ((port == second_group_port) == second) at.push_back(when);
        for (std::size_t from = 0; from < at.size(); ++from)
            for (std::size_t to = from; to < at.size(); ++to) {
                const double most =
                    rate * (1 + static_cast<double>(at[to] - at[from]) / 1e9) + 0.05;
                const auto n = to - from + 1;
                if (static_cast<double>(n) > most + static_cast<double>(beside)) {
                    out.push_back(std::to_string(n) + " were accepted in " +
                                  std::to_string((at[to] - at[from]) / ms) + " ms, at a rate of " +
                                  std::to_string(all.rules.accept_rate));
                    return out;
                }
            }
    }
    return out;
}

// Whoever came under the rules before a reload is not counted by those after it.
sentences preambles_keep_their_share(const history& all) {
    const std::size_t groups = all.plan->rules.second_group ? 2 : 1;
    const std::size_t reloads = all.conducts[static_cast<std::size_t>(conduct::reloads)];
    if (all.most_preambles <= all.rules.max_handshakes * groups * (1 + reloads)) return {};
    return {std::to_string(all.most_preambles) + " were in their preamble at once, and " +
            std::to_string(all.rules.max_handshakes) + " may"};
}

sentences a_drain_ends_in_its_grace(const history& all) {
    sentences out;
    if (all.killed || all.stuck || all.drain_began < 0) return out;
    const nanos linger = all.rules.lingering_close.count() * ms;
    if (all.drain_ended < 0)
        out.push_back("the drain did not end");
    else if (all.drain_ended - all.drain_began > all.grace + linger + 2 * s)
        out.push_back("the drain took " + std::to_string((all.drain_ended - all.drain_began) / ms) +
                      " ms, " + std::to_string(all.grace / ms) + " were granted");
    return out;
}

// Who did nothing wrong, on a network that does nothing wrong.
sentences a_refused_client_can_read_why(const history& all) {
    sentences out;
    const hardships& hard = all.plan->hard;
    const bool rough = hard.short_write > 0 || hard.no_space > 0 || hard.late > 0 ||
                       hard.stall > 0 || hard.send_buffer < 64 << 10;
    const bool short_limits =
        all.rules.lingering_close < duration(2'000) || all.rules.reply_total < duration(30'000);
    // The drain that follows the last client is none of theirs.
    const bool drains = std::any_of(all.plan->acts.begin(), all.plan->acts.end(),
                                    [](const act& one) { return one.kind == act_kind::drain; });
    if (rough || short_limits || all.killed || all.stopped || without_memory(all) || drains)
        return out;
    if (all.rules.on_refusal != refusal_style::line) return out;
    for (const client_history& one : all.clients) {
        const client_plan& how = *one.plan;
        if (!one.is_mild() || !one.fin_sent || how.pause > 0 || how.read_pause > 0 ||
            how.waits > 0 || how.receive_buffer < 64 << 10)
            continue;
        if (has_frames(all.plan->rules)) continue; // lines_say_what_came_of_each_frame
        const bool silent = one.reason == "tls_handshake" || one.reason == "denied" ||
                            one.reason == "proxy_protocol";
        // Where there is no descriptor nobody can linger until it has been read.
        const bool by_spare = all.any(hardship::accept_fails) || all.any(hardship::descriptors);
        if (one.reason == "busy" && by_spare) continue;
        if (one.logged == "refused" && !silent && reason_in(one.got).empty())
            out.push_back(one.name() + "was refused (" + one.reason +
                          ") and did not get to read it");
    }
    return out;
}

sentences the_world_has_no_complaint(const history& all) { return all.complaints; }

constexpr invariant every[] = {
    {"whole_reply_refusal_or_reset", whole_reply_refusal_or_reset},
    {"bodies_are_payloads", bodies_are_payloads},
    {"a_cut_payload_is_never_whole", a_cut_payload_is_never_whole},
    {"sent_again_once_with_the_same_key", sent_again_once_with_the_same_key},
    {"a_reason_tells_the_truth", a_reason_tells_the_truth},
    {"nothing_is_internal", nothing_is_internal},
    {"every_end_has_its_line", every_end_has_its_line},
    {"the_log_says_what_the_client_saw", the_log_says_what_the_client_saw},
    {"nothing_is_left", nothing_is_left},
    {"nobody_waits_for_ever", nobody_waits_for_ever},
    {"a_fair_exchange_is_replied", a_fair_exchange_is_replied},
    {"limits_are_kept", limits_are_kept},
    {"who_is_slow_or_idle_is_refused_in_time", who_is_slow_or_idle_is_refused_in_time},
    {"who_is_neither_is_not", who_is_neither_is_not},
    {"who_reads_too_slowly_is_reset_in_time", who_reads_too_slowly_is_reset_in_time},
    {"accepts_keep_their_rate", accepts_keep_their_rate},
    {"preambles_keep_their_share", preambles_keep_their_share},
    {"a_drain_ends_in_its_grace", a_drain_ends_in_its_grace},
    {"a_refused_client_can_read_why", a_refused_client_can_read_why},
    {"each_frame_is_posted_once_and_in_order", each_frame_is_posted_once_and_in_order},
    {"answers_are_whole_and_in_order", answers_are_whole_and_in_order},
    {"lines_say_what_came_of_each_frame", lines_say_what_came_of_each_frame},
    {"a_reason_tells_the_truth_of_its_frame", a_reason_tells_the_truth_of_its_frame},
    {"frames_are_sent_again_once", frames_are_sent_again_once},
    {"a_fair_frame_is_replied", a_fair_frame_is_replied},
    {"who_may_go_on_is_answered", who_may_go_on_is_answered},
    {"a_drain_begins_no_frame", a_drain_begins_no_frame},
    {"a_pause_is_as_long_as_it_may_be", a_pause_is_as_long_as_it_may_be},
    {"half_a_frame_is_no_pause", half_a_frame_is_no_pause},
    {"a_drain_ends_pauses", a_drain_ends_pauses},
    {"heartbeats_are_no_exchanges", heartbeats_are_no_exchanges},
    {"who_has_a_receipt_has_a_payload", who_has_a_receipt_has_a_payload},
    {"what_is_delivered_was_taken", what_is_delivered_was_taken},
    {"stored_payloads_are_read_or_refused", stored_payloads_are_read_or_refused},
    {"a_key_is_of_one_payload", a_key_is_of_one_payload},
    {"the_books_of_the_queue_balance", the_books_of_the_queue_balance},
    {"a_fair_queue_delivers_all", a_fair_queue_delivers_all},
    {"the_world_has_no_complaint", the_world_has_no_complaint},
};

} // namespace

std::span<const invariant> invariants() { return every; }

sentences judge(const history& all) {
    sentences out;
    for (const invariant& one : every)
        for (const std::string& what : one.holds(all))
            out.push_back(std::string(one.name) + ": " + what);
    return out;
}

} // namespace finpost::sim
