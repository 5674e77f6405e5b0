#include "sim/clients.hpp"

#include "sim/connection.hpp"
#include "sim/frame_sender.hpp"
#include "sim/framing.hpp"

#include "finpost/base64.hpp"

#include <algorithm>
#include <cerrno>
#include <optional>
#include <span>
#include <utility>

namespace finpost::sim {

std::string reply_to(std::string_view payload) { return "<" + std::string(payload) + ">"; }

std::string base64_of(std::string_view bytes) {
    std::string out(base64::encoded_size(bytes.size()), '\0');
    out.resize(base64::encode(std::as_bytes(std::span(bytes)), out.data()));
    return out;
}

void prepare(client_history& one, const plan& what) {
    const client_plan& mine = *one.plan;
    rng dice(mine.seed * 104'729 + 1);
    if (has_frames(what.rules)) {
        make_frames(one, what);
    } else if (mine.kind == client_kind::foreign) {
        one.payload = "GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n";
        if (mine.size < one.payload.size()) one.payload.resize(mine.size);
        one.sends = one.payload;
    } else {
        if (mine.header_in_payload && !what.rules.proxy)
            one.payload = "PROXY TCP4 10.9.9.9 10.0.0.1 1 5000\r\n";
        one.payload += std::to_string(one.number) + ":";
        one.payload += some_text(dice, mine.size);
        one.sends = what.rules.base64 ? base64_of(one.payload) : one.payload;
        if (what.rules.base64 && mine.bad_text) one.sends[dice.below(one.sends.size())] = '!';
    }
}

namespace {

void note_conduct(history& all, const client_plan& one) {
    all.did(static_cast<conduct>(one.kind));
    all.did(conduct::bad_text, one.bad_text), all.did(conduct::forgets, one.forgets);
    all.did(conduct::begins_late, one.waits > 0), all.did(conduct::pauses, one.pause > 0);
    all.did(conduct::reads_slowly, one.read_pause > 0);
    all.did(conduct::small_window, one.receive_buffer < 64 << 10);
    all.did(conduct::header_in_payload, one.header_in_payload);
    all.did(conduct::to_second_address, one.door == 1);
    all.did(conduct::to_second_group, one.door == 2);
}

void note_frames(history& all, const client_plan& one) {
    if (!has_frames(all.plan->rules)) return;
    all.did(conduct::heartbeats, one.heartbeats > 0), all.did(conduct::stays, one.stays);
    all.did(conduct::blanks, one.blanks);
    all.did(conduct::junk, one.wrong == slip::junk);
    all.did(conduct::damaged, one.wrong == slip::damaged);
    all.did(conduct::oversize, one.wrong == slip::oversize);
    all.did(conduct::length, one.wrong == slip::length);
}

// Of what it sends, where it stops.
std::size_t stop_of(const history& all, const client_history& me) {
    using kind = client_kind;
    const client_plan& mine = *me.plan;
    if (mine.kind == kind::probe || mine.kind == kind::probe_reset ||
        mine.kind == kind::in_preamble)
        return 0;
    const bool frames = has_frames(all.plan->rules);
    const std::size_t size = me.sends.size();
    const bool partial = mine.kind == kind::reset_before_fin || mine.kind == kind::silent ||
                         (frames && mine.kind == kind::fin_in_frame);
    std::size_t stop_at = partial ? std::min<std::size_t>(size, mine.stop_at) : size;
    if (mine.kind == kind::silent && !frames && stop_at == size) --stop_at;
    return stop_at;
}

} // namespace

script run_client(history& all, client_history& me, std::function<void()> over) {
    using kind = client_kind;
    const client_plan& mine = *me.plan;
    const bool tls = all.plan->rules.tls;
    rng dice(mine.seed * 7 + 3);
    co_await sleep(mine.begins);
    tcp_end& sock =
        network::current->dial(me.port, static_cast<std::uint16_t>(gateway_port + mine.door));
    sock.receive_buffer = std::min<std::size_t>(mine.receive_buffer, sock.receive_buffer);
    sock.forgets = mine.forgets;
    while (sock.state == tcp_end::stage::connecting) co_await change(sock);
    me.connected = sock.state == tcp_end::stage::open;
    bool broken = !me.connected;
    all.did(conduct::finds_nobody, !me.connected);
    if (me.connected) note_conduct(all, mine), note_frames(all, mine);
    const auto pause = [&](nanos most) {
        return static_cast<nanos>(dice.below(static_cast<std::uint64_t>(most)));
    };

    const bool stalls = mine.kind == kind::in_preamble;
    if ((all.plan->rules.proxy && mine.kind != kind::no_header) || (stalls && tls)) {
        std::string header = all.plan->rules.proxy ? "PROXY TCP4 10.1.2.3 10.0.0.1 " +
                                                         std::to_string(me.port) + " 5000\r\n"
                                                   : "\x16\x03\x01\x02";
        if (stalls) header.resize(std::min<std::size_t>(header.size() - 1, mine.stop_at));
        for (std::size_t sent = 0; !broken && sent < header.size();) {
            const std::int64_t took = sock.send(header.data() + sent, header.size() - sent);
            if (took > 0)
                sent += static_cast<std::size_t>(took);
            else if (took == -EAGAIN)
                co_await change(sock);
            else
                broken = true;
        }
    }
    if (mine.waits > 0 && !broken) co_await sleep(mine.waits);
    connection line(sock, tls && !stalls); // whoever reads would shake hands
    const std::size_t stop_at = stop_of(all, me);
    const bool frames = has_frames(all.plan->rules);
    frame_sender sender(all, me, line, stop_at);
    if (frames && !broken && stop_at > 0) {
        for (frame_sender::step todo = sender.next(); todo.what != frame_sender::step::action::over;
             todo = sender.next()) {
            if (todo.what == frame_sender::step::action::sleep)
                co_await sleep(todo.span);
            else
                co_await change(sock);
        }
        broken = sender.broken() || me.how == ending::rst;
    }
    for (std::size_t sent = 0; !frames && !broken && sent < stop_at;) {
        const std::size_t n = std::min<std::size_t>(1 + dice.below(mine.piece), stop_at - sent);
        const std::int64_t took = line.send(me.sends.data() + sent, n);
        if (took > 0)
            sent += static_cast<std::size_t>(took);
        else if (took == -EAGAIN)
            co_await change(sock);
        else
            broken = true; // told once: what is read later looks like an end
        if (mine.pause > 0 && !broken) co_await sleep(pause(mine.pause));
    }
    const bool resets_now = mine.kind == kind::reset_before_fin || mine.kind == kind::probe_reset;
    const bool stays = frames && mine.stays && mine.kind == kind::good;
    if (!broken && !resets_now && mine.kind != kind::silent && !stalls && !stays) {
        if (frames && mine.leaves_after > 0) co_await sleep(mine.leaves_after);
        std::int64_t said = 0;
        while ((said = line.finish()) == -EAGAIN) {
            if (frames && me.how == ending::none && sender.read_some()) continue;
            co_await change(sock);
        }
        me.fin_sent = said == 0;
        broken = said != 0;
    }
    if (broken && me.how == ending::none) me.how = me.connected ? ending::rst : ending::refused;
    const bool leaves =
        resets_now || mine.kind == kind::reset_after_fin || mine.kind == kind::close_after_fin;
    if (leaves) {
        if (mine.leaves_after > 0) co_await sleep(mine.leaves_after);
        me.left = true; // for a close: if anything still comes
        if (mine.kind == kind::close_after_fin)
            sock.close();
        else
            sock.reset();
    }
    if (mine.kind == kind::never_reads) co_await sleep(120 * s); // until it is too late
    char room[8192];
    bool alert = false; // what comes is OpenSSL's to read
    while (!leaves) {
        const std::size_t most = mine.read_pause > 0 ? 1 + dice.below(sizeof room) : sizeof room;
        const std::int64_t n = line.receive(room, most);
        if (tls && stalls && n > 0 && me.got.empty() && room[0] == '\x15') alert = true;
        if (n > 0 && !alert)
            me.got.append(room, static_cast<std::size_t>(n)), me.last_read = all.now();
        else if (n == -EAGAIN)
            co_await change(sock);
        else if (me.how == ending::none && n <= 0)
            me.how = n == 0 ? ending::fin : n == -ECONNREFUSED ? ending::refused : ending::rst;
        if (n <= 0 && n != -EAGAIN) break;
        if (mine.kind == kind::close_unread && me.got.size() >= mine.stop_at) {
            me.left = true;
            break;
        }
        if (mine.read_pause > 0) co_await sleep(dice.between(0, mine.read_pause));
    }
    sock.close();
    me.ended = true;
    me.ended_at = all.now();
    ++all.over;
    over();
}

} // namespace finpost::sim
