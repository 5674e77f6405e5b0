#include "sim/plan.hpp"

#include "sim/framing.hpp"

#include <algorithm>
#include <charconv>
#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <istream>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <type_traits>

namespace finpost::sim {

std::span<const std::string_view> names(client_kind) {
    static constexpr std::string_view all[] = {"good",
                                               "probe",
                                               "probe_reset",
                                               "reset_before_fin",
                                               "reset_after_fin",
                                               "close_after_fin",
                                               "silent",
                                               "never_reads",
                                               "close_unread",
                                               "foreign",
                                               "no_header",
                                               "in_preamble",
                                               "fin_in_frame"};
    return all;
}
std::span<const std::string_view> names(framing) {
    static constexpr std::string_view all[] = {"sized", "chunked", "until_close"};
    return all;
}
std::span<const std::string_view> names(act_kind) {
    static constexpr std::string_view all[] = {"drain", "stop", "reload"};
    return all;
}
std::span<const std::string_view> names(style) {
    static constexpr std::string_view all[] = {"line", "close", "reset"};
    return all;
}
std::span<const std::string_view> names(frame_form) {
    static constexpr std::string_view all[] = {"eof",
                                               "line",
                                               "delimiter:0D0A",
                                               "delimiter:7C7E7C7C",
                                               "stx-etx",
                                               "stx-etx,lrc",
                                               "stx-etx,sum",
                                               "mllp",
                                               "length:u8",
                                               "length:u16be",
                                               "length:u16le",
                                               "length:u32be",
                                               "length:u32le",
                                               "length:u8,inclusive",
                                               "length:u16be,inclusive",
                                               "length:u32le,inclusive",
                                               "length:ascii:4",
                                               "length:ascii:6",
                                               "netstring",
                                               "fixed:64",
                                               "fixed:4KiB",
                                               "idle:50ms"};
    return all;
}
std::span<const std::string_view> names(tail) {
    static constexpr std::string_view all[] = {"automatic", "accept", "refuse"};
    return all;
}
std::span<const std::string_view> names(reply_frame) {
    static constexpr std::string_view all[] = {"same", "none", "line", "netstring"};
    return all;
}
std::span<const std::string_view> names(reply_form) {
    static constexpr std::string_view all[] = {"body", "status", "json", "ack-nak", "hl7"};
    return all;
}
std::span<const std::string_view> names(slip) {
    static constexpr std::string_view all[] = {"none", "junk", "damaged", "oversize", "length"};
    return all;
}
std::span<const std::string_view> names(delivery_form) {
    static constexpr std::string_view all[] = {"relay", "queue", "fallback"};
    return all;
}

// ---- printed, and read again

namespace {

template <class T>
std::string text_of(const T& value) {
    if constexpr (std::is_enum_v<T>) {
        return std::string(names(value)[static_cast<std::size_t>(value)]);
    } else if constexpr (std::is_same_v<T, bool>) {
        return value ? "yes" : "no";
    } else if constexpr (std::is_floating_point_v<T>) {
        char room[40];
        std::snprintf(room, sizeof room, "%.17g", value);
        return room;
    } else {
        return std::to_string(value);
    }
}

template <class T>
bool read_into(T& value, std::string_view text) {
    if constexpr (std::is_enum_v<T>) {
        const auto all = names(value);
        const auto found = std::find(all.begin(), all.end(), text);
        if (found == all.end()) return false;
        value = static_cast<T>(found - all.begin());
        return true;
    } else if constexpr (std::is_same_v<T, bool>) {
        value = text == "yes";
        return text == "yes" || text == "no";
    } else {
        return std::from_chars(text.data(), text.data() + text.size(), value).ptr ==
               text.data() + text.size();
    }
}

// What differs from the default, on a line of its own.
template <class Part>
void print_part(std::ostream& to, std::string_view name, const Part& part) {
    const Part usual{};
    std::vector<std::string> defaults;
    fields(usual, [&](std::string_view, const auto& value) { defaults.push_back(text_of(value)); });
    std::size_t i = 0;
    to << name;
    fields(part, [&](std::string_view field, const auto& value) {
        const std::string text = text_of(value);
        if (text != defaults[i++]) to << ' ' << field << '=' << text;
    });
    to << '\n';
}

template <class Part>
void read_part(Part& part, std::istream& words, const std::string& line) {
    for (std::string word; words >> word;) {
        const auto equals = word.find('=');
        bool known = false;
        fields(part, [&](std::string_view field, auto& value) {
            if (std::string_view(word).substr(0, equals) != field || equals == word.npos) return;
            known = read_into(value, std::string_view(word).substr(equals + 1));
        });
        if (!known) throw std::invalid_argument("\"" + word + "\" in the line \"" + line + "\"");
    }
}

} // namespace

void print(std::ostream& to, const plan& what) {
    print_part(to, "plan", what);
    print_part(to, "hard", what.hard);
    print_part(to, "rules", what.rules);
    print_part(to, "service", what.service);
    for (const act& one : what.acts) print_part(to, "act", one);
    for (const client_plan& one : what.clients) {
        print_part(to, "client", one);
        if (one.first != answer()) print_part(to, "  first", one.first);
        if (one.again != answer()) print_part(to, "  again", one.again);
    }
}

plan read_plan(std::istream& from) {
    plan out;
    for (std::string line; std::getline(from, line);) {
        std::istringstream words(line);
        std::string name;
        if (!(words >> name) || name.starts_with('#')) continue;
        const bool of_client = name == "first" || name == "again";
        if (of_client && out.clients.empty())
            throw std::invalid_argument("no client before \"" + line + "\"");
        if (name == "plan")
            read_part(out, words, line);
        else if (name == "hard")
            read_part(out.hard, words, line);
        else if (name == "rules")
            read_part(out.rules, words, line);
        else if (name == "service")
            read_part(out.service, words, line);
        else if (name == "act")
            read_part(out.acts.emplace_back(), words, line);
        else if (name == "client")
            read_part(out.clients.emplace_back(), words, line);
        else if (name == "first")
            read_part(out.clients.back().first, words, line);
        else if (name == "again")
            read_part(out.clients.back().again, words, line);
        else
            throw std::invalid_argument("the line \"" + line + "\"");
    }
    return out;
}

// ---- which rules are there

namespace {

// Calls `each(name, drawn)` for every rule, as `of` has it.
template <class F>
void each_rule(const rules_plan& of, F&& each) {
    const rules_plan usual{};
    std::vector<std::string> defaults;
    fields(usual, [&](std::string_view, const auto& value) { defaults.push_back(text_of(value)); });
    std::size_t i = 0;
    fields(of, [&](std::string_view name, const auto& value) {
        const std::string text = text_of(value), by_default = defaults[i++];
        if constexpr (std::is_enum_v<std::remove_cvref_t<decltype(value)>>) {
            for (const std::string_view other : names(value))
                if (other != by_default)
                    each(std::string(name) + '=' + std::string(other), text == other);
        } else {
            each(std::string(name), text != by_default);
        }
    });
}

} // namespace

const std::vector<std::string>& rule_names() {
    static const std::vector<std::string> all = [] {
        std::vector<std::string> out;
        each_rule({}, [&out](std::string name, bool) { out.push_back(std::move(name)); });
        return out;
    }();
    return all;
}

rule_counts drawn_rules(const rules_plan& of) {
    rule_counts out{};
    std::size_t i = 0;
    each_rule(of, [&](const std::string&, bool drawn) { out.at(i++) = drawn; });
    return out;
}

// ---- drawn from a seed

namespace {

struct drawer {
    explicit drawer(std::uint64_t seed) : dice(seed * 7919 + 17) {}

    bool on(double p = 0.35) { return dice.chance(p); }
    double share(bool is_on, double most) {
        const double p = most * static_cast<double>(dice.below(1000)) / 1000;
        return is_on ? p : 0;
    }
    nanos at_most(nanos often, nanos seldom) {
        return dice.between(0, dice.chance(0.5) ? often : seldom);
    }

    answer one_answer(std::uint64_t payload) {
        answer out;
        const bool rude = rude_service && dice.chance(0.25), bad = bad_service && dice.chance(0.2);
        const std::uint64_t about = payload + 60; // the response with its head
        if (rude && dice.chance(0.4)) out.reads = dice.below(payload + 2);
        out.resets = rude && dice.chance(0.3);
        if (slow_service)
            out.waits = dice.between(0, dice.chance(0.1)   ? 35 * s
                                        : dice.chance(0.3) ? 300 * ms
                                                           : 3 * ms);
        if (bad_service && dice.chance(0.1))
            out.interim = 1 + dice.below(dice.chance(0.2) && !slow_service ? 4'000 : 5);
        static constexpr unsigned others[] = {408, 204, 404, 429, 500, 101};
        out.bodiless = bad && dice.chance(0.3);
        if (bad && dice.chance(0.4))
            out.status = others[dice.below(std::size(others))];
        else if (bad && dice.chance(0.3))
            out.nonsense = true;
        if (rude_service && dice.chance(0.4))
            out.how = dice.chance(0.6) ? framing::chunked : framing::until_close;
        if (bad && out.how != framing::until_close && dice.chance(0.1))
            out.extra = 1 + dice.below(80);
        // Where they meet the next request on its way, 13 bytes or more can begin a good answer.
        if (out.extra > 0 && dice.chance(0.5))
            out.extra = 1 + out.extra % 12, out.extra_after = dice.between(1, 20 * ms);
        if (rude && dice.chance(0.5)) {
            out.cut_at = dice.below(about);
            out.cut_by_reset = dice.chance(0.5);
            if (dice.chance(0.5)) out.lingers = dice.between(0, 20 * ms);
        }
        if (slow_service) {
            if (dice.chance(0.5)) out.piece = 1 + dice.below(4000);
            if (dice.chance(0.2)) out.pause = dice.between(0, 50 * ms);
        }
        out.closes = idle_close && dice.chance(0.2);
        out.coded = bad && dice.chance(0.1);
        out.echoes = dice.chance(0.3);
        return out;
    }

    client_plan one_client(std::size_t number, nanos span) {
        client_plan out;
        out.seed = dice.below(1'000'000) * 1000 + number;
        out.begins = dice.between(0, span);
        out.size = 1 + dice.below(dice.chance(0.5) ? 64 : 8192);
        if (large && dice.chance(0.3)) out.size = 1 + dice.below(300'000);
        if (rude_clients && dice.chance(0.5)) out.kind = static_cast<client_kind>(dice.below(10));
        if (proxied && rude_clients && dice.chance(0.1)) out.kind = client_kind::no_header;
        if (preambles && rude_clients && dice.chance(0.3)) out.kind = client_kind::in_preamble;
        if (out.kind == client_kind::in_preamble) out.stop_at = dice.below(50);
        if (out.kind == client_kind::reset_before_fin || out.kind == client_kind::silent)
            out.stop_at = dice.below(out.size + 1);
        if (out.kind == client_kind::close_unread)
            out.stop_at = 1 + dice.below(out.size + 2); // of the reply
        if (dice.chance(0.7)) out.leaves_after = at_most(2 * ms, 400 * ms);
        if (slow_clients) {
            if (dice.chance(0.3)) out.waits = at_most(2 * ms, 12 * s);
            if (dice.chance(0.5)) out.pause = dice.chance(0.5) ? 2 * ms : 12 * s;
            if (dice.chance(0.5)) out.read_pause = dice.chance(0.5) ? 2 * ms : 2 * s;
            if (dice.chance(0.5)) out.piece = 1 + dice.below(2000);
            if (dice.chance(0.3)) out.receive_buffer = 200 + dice.below(2000);
        }
        if (out.piece < 200 && out.size > 20'000) out.piece = 2000;
        out.bad_text = base64 && dice.chance(0.1);
        out.header_in_payload = !proxied && rude_clients && dice.chance(0.05);
        if (second_group && dice.chance(0.4)) out.door = 2;
        out.forgets = dice.chance(0.3);
        out.first = one_answer(out.size);
        out.again = one_answer(out.size);
        return out;
    }

    // Frames have dice of their own: a schedule without them is the same as ever.
    void add_frames(plan& out, std::uint64_t seed) {
        dice = rng(seed * 15'485'863 + 29);
        if (!dice.chance(0.3)) return;
        rules_plan& rules = out.rules;
        rules.frame = static_cast<frame_form>(1 + dice.below(names(frame_form()).size() - 1));
        if (dice.chance(0.3)) rules.frame_tail = static_cast<tail>(1 + dice.below(2));
        if (dice.chance(0.2)) rules.replies = static_cast<reply_frame>(1 + dice.below(3));
        if (rules.frame == frame_form::idle) rules.base64 = false;
        if (dice.chance(0.3)) rules.form = static_cast<reply_form>(1 + dice.below(4));
        if (rules.form != reply_form::body) {
            rules.base64 = rules.base64 && dice.chance(0.5);
            if (form_of(rules) != rules.form) rules.form = reply_form::body;
        }
        if (dice.chance(0.2)) rules.max_exchanges = 1 + dice.below(5);
        // Few places, and who stays keeps one.
        const bool crowded = rules.max_connections < out.clients.size() + 1;
        if (crowded || dice.chance(0.3)) rules.between = 2'000 + dice.below(8'000);
        if (!out.fair && dice.chance(0.3)) rules.between = 1 + dice.below(3'000);
        // Fixed sizes and a limit below them: nothing would ever be posted.
        rules.max_payload = std::max<std::uint64_t>(rules.max_payload, 64);
        for (client_plan& one : out.clients) frames_of_client(one, out);
    }

    void frames_of_client(client_plan& one, const plan& of) {
        const rules_plan& rules = of.rules;
        one.frames = 1 + dice.below(dice.chance(0.7) ? 4 : dice.chance(0.8) ? 15 : 100);
        if (of.fair && rules.max_exchanges > 0)
            one.frames = std::min(one.frames, rules.max_exchanges);
        if (one.frames > 3) one.size = 1 + one.size % (60'000 / one.frames);
        // Mostly what fits, and the answer with it.
        const reply_form form = form_of(rules);
        const std::uint64_t most = most_text(rules.frame);
        const std::uint64_t carried = rules.base64               ? most / 4 * 3
                                      : form == reply_form::json ? most / 2 // with escapes
                                                                 : most;
        if (most < everything && (of.fair || dice.chance(0.8)))
            one.size = std::min(one.size, carried - answer_overhead(form) - 10);
        one.in_turn = dice.chance(0.4);
        if (dice.chance(0.3)) one.heartbeats = 1 + dice.below(3);
        one.stays = dice.chance(0.2);
        one.blanks = dice.chance(0.3);
        if (one.kind == client_kind::foreign && (rules.refuses_foreign || rules.probes_foreign))
            one.kind = client_kind::good;
        if (slow_clients && dice.chance(0.3)) one.between = at_most(100 * ms, 12 * s);
        if (one.between + one.pause > 0) one.frames = std::min<std::uint64_t>(one.frames, 8);
        if (rules.frame == frame_form::idle && one.pause > 0) // each piece is a payload
            one.piece = std::max(one.piece, one.size / 8 + 1);
        const std::uint64_t about = one.frames * (one.size / 2 + 8) + one.size / 2;
        if (rude_clients && dice.chance(0.1)) one.kind = client_kind::fin_in_frame;
        if (one.kind == client_kind::reset_before_fin || one.kind == client_kind::silent ||
            one.kind == client_kind::fin_in_frame)
            one.stop_at = dice.below(about);
        if (one.kind == client_kind::close_unread) one.stop_at = 1 + dice.below(about);
        // The next request is on its way at once: more than that can begin a good answer to it.
        for (answer* each : {&one.first, &one.again})
            if (each->extra > 12) each->extra = 1 + each->extra % 12;
        if (!rude_clients || !dice.chance(0.2)) return;
        one.wrong = static_cast<slip>(1 + dice.below(4));
        one.wrong_at = dice.below(one.frames);
        if (one.wrong == slip::oversize && rules.max_payload > 300'000) one.wrong = slip::junk;
    }

    // So has a queue. It is where there are no frames; no allocation fails, for a store is not of
    // the program's memory.
    void add_queue(plan& out, std::uint64_t seed) {
        dice = rng(seed * 32'452'843 + 31);
        rules_plan& rules = out.rules;
        const hardships& hard = out.hard;
        if (!dice.chance(0.12) || rules.frame != frame_form::eof) return;
        if (hard.allocation_fails_every + hard.allocation_fails_at > 0) return;
        rules.delivery = static_cast<delivery_form>(1 + dice.below(2));
        rules.stream_above = everything;
        if (dice.chance(0.3)) rules.deliveries = 1 + dice.below(8);
        if (out.fair) return;
        if (dice.chance(0.3)) rules.queue_timeout = 1 + dice.below(dice.chance(0.5) ? 10 : 10'000);
        if (dice.chance(0.3)) rules.retry_for = 100 + dice.below(10'000);
        if (dice.chance(0.3)) rules.slow_commits = 1 + dice.below(50);
        if (dice.chance(0.3)) rules.failed_commits = 1 + dice.below(50);
        if (dice.chance(0.3)) rules.full_commits = 1 + dice.below(50);
        // The service is down for a time.
        if (out.service.down_at > 0 || !dice.chance(0.5)) return;
        out.service.down_at = 1 + dice.between(0, 2 * s);
        out.service.up_at = out.service.down_at + dice.between(0, 5 * s);
        out.service.all_down = true;
    }

    rng dice;
    bool rude_clients = false, slow_clients = false, large = false, rude_service = false,
         slow_service = false, bad_service = false, idle_close = false, base64 = false,
         proxied = false, preambles = false, second_group = false;
};

} // namespace

plan draw(std::uint64_t seed) {
    drawer by(seed);
    rng& dice = by.dice;
    plan out;
    out.dice = dice.next();
    out.fair = dice.chance(0.25);
    const auto unfair = [&](double p = 0.35) { // nothing that a fair schedule has
        const bool drawn = by.on(p);
        return drawn && !out.fair;
    };

    // The machine.
    hardships& hard = out.hard;
    const bool budget = by.on(), streams = by.on();
    const bool late = by.on() && !(out.fair && budget);
    hard.late = by.share(late, 0.2);
    hard.small = by.share(by.on(), 0.8);
    const bool memory = unfair();
    hard.short_write = by.share(memory, 0.5);
    hard.no_space = hard.short_write / 2;
    hard.stall = by.share(by.on(), 0.05);
    hard.accept_fails = by.share(unfair(), 0.3);
    hard.socket_fails = by.share(unfair(), 0.2);
    hard.lost_syn = by.share(unfair(0.2), 0.3);
    hard.unanswered = by.share(unfair(), 0.3);
    hard.disk_full = by.share(unfair(), 0.2);
    hard.short_disk = by.share(by.on(), 0.5);
    hard.disk_error = by.share(unfair(0.1), 0.2);
    hard.read_error = by.share(unfair(0.2), 0.5);
    hard.no_file = by.share(unfair(0.1), 0.5);
    hard.short_read = by.share(by.on(), 0.5);
    const bool busy = out.fair && (budget || late); // few slots, and nobody who keeps one
    if (by.on() && !busy) hard.send_buffer = hard.receive_buffer = 256 + dice.below(4096);
    if (unfair(0.1))
        hard.allocation_fails_every = 20 + dice.below(2000);
    else if (unfair(0.1))
        hard.allocation_fails_at = 1 + dice.below(20'000);
    if (unfair(0.15)) hard.dies_at = 1 + dice.below(dice.chance(0.5) ? 600 : 20'000);

    // The peers.
    by.rude_clients = by.on() && !(out.fair && budget && streams);
    by.slow_clients = unfair();
    by.large = by.on() && !busy;
    by.rude_service = unfair(), by.slow_service = unfair(), by.bad_service = unfair();
    by.idle_close = by.on();
    if (by.idle_close) out.service.patience = dice.chance(0.5) ? 5 * ms : 5 * s;

    // The gateway.
    rules_plan& rules = out.rules;
    if (by.on(0.3)) rules.spill_above = 8 << 10;
    if (budget) {
        rules.max_connections = 1 + dice.below(30);
        rules.upstream_connections = 1 + dice.below(6);
        if (!out.fair) rules.max_buffered = (256 << 10) + dice.below(100'000);
    }
    if (streams) {
        rules.stream_above = dice.below(dice.chance(0.5) ? 10'000 : 100'000);
        if (rules.max_buffered < 1 << 20) rules.max_buffered += 1'200'000;
    }
    rules.cancels = by.on();
    // A strand of Asio's that finds no memory when its handler ends calls std::terminate.
    const bool strands = by.on();
    rules.strands = strands && hard.allocation_fails_at + hard.allocation_fails_every == 0;
    rules.base64 = by.base64 = by.on();
    if (unfair()) rules.min_rate = 1 + dice.below(20'000);
    rules.second_service = unfair();
    rules.health = by.on();
    rules.proxy = by.on(0.2);
    rules.tls = by.on(0.05);
    if (unfair())
        rules.max_per_source = 1 + dice.below(8),
        rules.accept_rate = dice.chance(0.5) ? 1 + dice.below(dice.chance(0.5) ? 6 : 100) : 0;
    if (by.on()) rules.on_refusal = dice.chance(0.5) ? style::close : style::reset;
    rules.relays = by.on();
    rules.second_group = by.on(0.2);
    by.proxied = rules.proxy, by.preambles = rules.proxy || rules.tls;
    by.second_group = rules.second_group;
    if (!rules.strands && by.on(0.2)) rules.loops = 2 + dice.below(2);
    if (by.on(0.3)) (dice.chance(0.5) ? rules.refuses_foreign : rules.probes_foreign) = true;
    if (unfair()) {
        const auto some = [&](std::uint64_t least, std::uint64_t most) {
            return least + dice.below(dice.chance(0.5) ? most : most / 20);
        };
        rules.receive_idle = some(1, 10'000), rules.receive_total = some(10, 60'000),
        rules.reply_total = some(1, 30'000);
        rules.linger = some(1, 2'000), rules.handshake = some(1, 5'000),
        rules.connect = some(1, 3'000);
        rules.total = some(1, 30'000), rules.keep_alive = some(1, 4'000),
        rules.health_every = some(100, 5'000);
    }
    if (by.bad_service && rules.health) out.service.unwell = 0.3;
    if (by.on(0.1)) rules.max_payload = 1 + dice.below(dice.chance(0.5) ? 10'000 : 200'000);
    if (unfair(0.1)) rules.max_reply = 1 + dice.below(dice.chance(0.5) ? 10'000 : 200'000);
    if (by.on(0.1)) rules.max_handshakes = 1 + dice.below(10);
    if (rules.second_service && dice.chance(0.5)) {
        out.service.down_at = 1 + dice.between(0, 2 * s);
        out.service.up_at = out.service.down_at + dice.between(0, 5 * s);
        out.service.all_down = dice.chance(0.3);
    }

    // Who comes, and what happens meanwhile.
    const nanos span = dice.between(0, dice.chance(0.3) ? 20 * s : 20 * ms);
    const std::size_t count = 1 + dice.below(24);
    for (std::size_t i = 0; i < count; ++i) out.clients.push_back(by.one_client(i, span));
    const nanos whole = dice.between(1 * ms, dice.chance(0.5) ? 50 * ms : 20 * s);
    const auto add = [&](act_kind kind) -> act& {
        act& one = out.acts.emplace_back();
        one.kind = kind;
        if (dice.chance(0.5))
            one.at = dice.between(0, whole);
        else
            one.tick = 1 + dice.below(dice.chance(0.5) ? 600 : 20'000);
        return one;
    };
    if (unfair(0.3))
        add(act_kind::drain).grace =
            static_cast<nanos>(dice.below(dice.chance(0.5) ? 20 : 5000)) * ms;
    if (unfair(0.05)) add(act_kind::stop);
    if (by.on())
        for (int i = 0; i < 3; ++i) {
            act& one = add(act_kind::reload);
            one.moves = rules.second_group && dice.chance(0.5);
            if (dice.chance(0.3)) (dice.chance(0.5) ? one.broken : one.taken) = true;
            if (out.fair) continue;
            one.max_connections = 1 + dice.below(30), one.max_per_source = dice.below(10);
            one.second_address = dice.chance(0.5);
            for (client_plan& client : out.clients)
                if (one.second_address && dice.chance(0.1)) client.door = 1;
        }
    if (unfair()) {
        out.few = dice.below(12);
        out.few_from = dice.between(0, whole),
        out.few_until = out.few_from + dice.between(0, whole);
    }
    by.add_frames(out, seed);
    by.add_queue(out, seed);
    return out;
}

} // namespace finpost::sim
