// Connections that carry frames: faults that have a name, many of them at every byte or event.
#include "sim/framing.hpp"
#include "sim/scenario.hpp"

#include <boost/test/unit_test.hpp>

#include <initializer_list>
#include <string>
#include <vector>

using namespace finpost::sim;

namespace {

const std::vector<frame_form>& every_form() {
    static const std::vector<frame_form> all = [] {
        std::vector<frame_form> out;
        for (std::size_t i = 1; i < names(frame_form()).size(); ++i)
            out.push_back(static_cast<frame_form>(i));
        return out;
    }();
    return all;
}

// What stands between two frames is told from one, and a payload's end from a pause.
const std::initializer_list<frame_form> some_forms{frame_form::line,        frame_form::crlf,
                                                   frame_form::stx_etx_sum, frame_form::mllp,
                                                   frame_form::u16be,       frame_form::netstring};

plan with_frames(frame_form form, std::size_t clients, std::uint64_t frames,
                 std::uint64_t size = 20) {
    plan out = with_clients(clients, size);
    out.rules.frame = form;
    for (client_plan& one : out.clients) one.frames = frames;
    return out;
}

// One that sends all at once, one that waits for each answer, one whose payloads go to files.
plan everybody(frame_form form) {
    plan out = with_frames(form, 3, 3);
    out.clients[1].in_turn = true, out.clients[1].heartbeats = 1;
    out.clients[2].frames = 2, out.clients[2].size = 9'000;
    out.rules.spill_above = 4 << 10;
    return out;
}

std::vector<std::string> answers(const plan& of, const client_result& one) {
    return read_answers_of(of.rules, one.got).texts;
}

std::string reason_of(const plan& of, const client_result& one, std::size_t answer) {
    const auto all = answers(of, one);
    return answer < all.size() ? refusal_in(form_of(of.rules), all[answer]) : "none";
}

} // namespace

BOOST_AUTO_TEST_SUITE(framed_scenarios)

BOOST_AUTO_TEST_CASE(frames_on_a_perfect_machine) {
    for (const frame_form form : every_form())
        for (const bool base64 : {false, true}) {
            plan what = everybody(form);
            what.fair = true;
            what.rules.base64 = base64 && form != frame_form::idle;
            for (client_plan& one : what.clients)
                if (most_text(form) < 20'000) one.size = 20;
            if (form == frame_form::idle) what.clients[1].in_turn = false;
            const run_result got = check(what);
            BOOST_TEST(got.sessions.accepted == 3u);
            if (form != frame_form::idle) BOOST_TEST(got.sessions.replied == 8u);
        }
}

BOOST_AUTO_TEST_CASE(a_hundred_frames_at_once_in_pieces_of_any_size) {
    for (const frame_form form : every_form())
        for (const std::uint64_t piece : {1u, 7u, 100'000u}) {
            plan what = with_frames(form, 1, 100);
            what.fair = true;
            what.clients[0].piece = piece;
            const run_result got = check(what);
            if (form != frame_form::idle) BOOST_TEST(got.posts == 100u);
        }
}

// What was whole before it is posted; the frame in hand never.
BOOST_AUTO_TEST_CASE(a_reset_at_every_byte_of_three_frames) {
    for (const frame_form form : some_forms)
        for (std::uint64_t at = 0; at <= 100; ++at)
            for (const bool waits : {false, true}) {
                plan what = with_frames(form, 1, 3);
                what.clients[0].kind = client_kind::reset_before_fin;
                what.clients[0].stop_at = at, what.clients[0].forgets = at % 2 == 0;
                if (waits) what.clients[0].leaves_after = 2 * ms;
                BOOST_TEST(check(what).posts <= 3u);
            }
}

BOOST_AUTO_TEST_CASE(a_reset_in_the_third_frame) {
    for (const frame_form form : some_forms) {
        plan what = with_frames(form, 1, 3);
        client_plan& one = what.clients[0];
        one.kind = client_kind::reset_before_fin, one.in_turn = true, one.leaves_after = 5 * ms;
        one.size = 1, one.stop_at = 30; // in the third one, or behind it
        for (; one.stop_at > 0; --one.stop_at) {
            const run_result got = check(what);
            BOOST_TEST((got.posts == got.sessions.replied));
            if (got.posts == 2 && got.clients[0].logged == "aborted") break;
        }
        BOOST_TEST(one.stop_at > 0u);
    }
}

BOOST_AUTO_TEST_CASE(a_fin_at_every_byte_of_two_frames) {
    std::uint64_t incomplete = 0;
    for (const frame_form form : every_form())
        for (const tail policy : {tail::automatic, tail::accept, tail::refuse})
            for (std::uint64_t at = 0; at <= 60; ++at) {
                plan what = with_frames(form, 1, 2);
                what.clients[0].heartbeats = at % 2;
                what.rules.frame_tail = policy;
                what.clients[0].kind = client_kind::fin_in_frame, what.clients[0].stop_at = at;
                const run_result got = check(what);
                incomplete += got.clients[0].reason == "incomplete_frame";
                BOOST_TEST(got.sessions.aborted == 0u);
            }
    BOOST_TEST(incomplete > 1'000u);
}

BOOST_AUTO_TEST_CASE(who_pauses_for_longer_than_between_is_closed_in_silence) {
    for (const frame_form form : some_forms) {
        plan what = with_frames(form, 2, 3);
        what.rules.between = 2'000;
        what.clients[0].in_turn = what.clients[1].in_turn = true;
        what.clients[0].between = 3 * s, what.clients[1].between = 1'900 * ms;
        const run_result got = check(what);
        BOOST_TEST(answers(what, got.clients[0]).size() == 1u);
        BOOST_TEST((got.clients[0].how == ending::fin));
        BOOST_TEST(answers(what, got.clients[1]).size() == 3u);
        BOOST_TEST(got.sessions.replied == 4u);
        BOOST_TEST(got.sessions.refused + got.sessions.aborted == 0u);
    }
}

BOOST_AUTO_TEST_CASE(who_stays_is_closed_after_between_and_no_earlier) {
    for (const frame_form form : some_forms) {
        plan what = with_frames(form, 1, 2);
        what.rules.between = 20'000, what.rules.receive_idle = 1'000;
        what.clients[0].stays = true;
        const run_result got = check(what);
        BOOST_TEST((got.took > 20 * s && got.took < 21 * s));
        BOOST_TEST(got.sessions.replied == 2u);
    }
}

// It may be a heartbeat, and is no pause: it is waited for as for any part of a frame.
BOOST_AUTO_TEST_CASE(half_a_heartbeat_is_waited_for_no_longer_than_receive_idle) {
    for (const frame_form form : {frame_form::u16be, frame_form::u32le, frame_form::ascii_4,
                                  frame_form::crlf, frame_form::bars}) {
        plan what = with_frames(form, 1, 1);
        client_plan& one = what.clients[0];
        one.kind = client_kind::silent, one.heartbeats = 1, one.stop_at = 1;
        if (form == frame_form::ascii_4) one.heartbeats = 0;
        what.rules.receive_idle = 5'000;
        const run_result got = check(what);
        BOOST_TEST((got.took > 5 * s && got.took < 8 * s));
        BOOST_TEST(got.clients[0].reason == "receive_timeout");
    }
}

BOOST_AUTO_TEST_CASE(a_fin_between_frames_needs_no_memory) {
    for (const frame_form form : some_forms) {
        plan what = with_clients(41, 5'000); // those who do not read hold all of it
        what.rules.frame = form;
        what.rules.max_payload = what.rules.max_buffered = 100'000;
        what.hard.send_buffer = 1'000;
        for (client_plan& one : what.clients)
            one.kind = client_kind::never_reads, one.receive_buffer = 200, one.begins += 100 * ms;
        client_plan& quick = what.clients[0];
        quick = client_plan();
        quick.size = 50, quick.leaves_after = 5 * s;
        const run_result got = check(what);
        BOOST_TEST(answers(what, got.clients[0]).size() == 1u);
        BOOST_TEST(got.clients[0].logged == "replied");
        BOOST_TEST((got.clients[0].how == ending::fin));
    }
}

BOOST_AUTO_TEST_CASE(heartbeats_are_passed_over) {
    for (const frame_form form : some_forms)
        for (const std::uint64_t n : {1u, 3u, 2'000u}) {
            plan what = with_frames(form, 1, 3);
            what.fair = true;
            what.clients[0].heartbeats = n, what.clients[0].piece = 50;
            BOOST_TEST(check(what).posts == 3u);
        }
}

BOOST_AUTO_TEST_CASE(heartbeats_keep_a_connection) {
    for (const frame_form form : some_forms) {
        plan what = with_frames(form, 1, 3);
        what.rules.between = 2'000;
        what.clients[0].heartbeats = 2, what.clients[0].between = 1'500 * ms;
        const run_result got = check(what);
        BOOST_TEST(got.posts == 3u);
        BOOST_TEST(got.took > 11 * s);
    }
}

BOOST_AUTO_TEST_CASE(so_many_exchanges_and_no_more) {
    for (const frame_form form : some_forms)
        for (const bool in_turn : {false, true}) {
            plan what = with_frames(form, 1, 5);
            what.rules.max_exchanges = 3;
            what.clients[0].in_turn = in_turn;
            const run_result got = check(what);
            BOOST_TEST(got.posts == 3u);
            BOOST_TEST(answers(what, got.clients[0]).size() == 3u);
            BOOST_TEST((got.clients[0].how == ending::fin));
        }
}

// What is not read fills the buffers; then nothing more is taken of who does not read.
BOOST_AUTO_TEST_CASE(who_never_reads_is_reset_and_its_frames_wait) {
    for (const frame_form form : some_forms) {
        plan what = with_frames(form, 2, 100, 2'000);
        what.hard.send_buffer = what.hard.receive_buffer = 8'000;
        what.clients[0].kind = client_kind::never_reads;
        what.clients[1].frames = 3;
        const run_result got = check(what);
        BOOST_TEST(got.posts < 60u);
        BOOST_TEST(got.clients[0].logged == "aborted");
        BOOST_TEST((got.clients[0].how == ending::rst));
        BOOST_TEST(answers(what, got.clients[1]).size() == 3u);
    }
}

BOOST_AUTO_TEST_CASE(what_is_no_frame_is_refused_and_nothing_follows_it) {
    const auto refused = [](frame_form form, slip wrong) {
        plan what = with_frames(form, 1, 3);
        what.rules.max_payload = 5'000;
        what.clients[0].wrong = wrong, what.clients[0].wrong_at = 1;
        const run_result got = check(what);
        BOOST_TEST(got.posts == 1u);
        BOOST_TEST((got.clients[0].how == ending::fin));
        return reason_of(what, got.clients[0], 1);
    };
    for (const frame_form form :
         {frame_form::stx_etx, frame_form::mllp, frame_form::netstring, frame_form::ascii_4})
        BOOST_TEST(refused(form, slip::junk) == "bad_frame");
    for (const frame_form form : {frame_form::stx_etx_lrc, frame_form::stx_etx_sum,
                                  frame_form::netstring, frame_form::u16be_inclusive})
        BOOST_TEST(refused(form, slip::damaged) == "bad_frame");
    for (const frame_form form : {frame_form::line, frame_form::crlf, frame_form::mllp,
                                  frame_form::u16le, frame_form::netstring})
        BOOST_TEST(refused(form, slip::oversize) == "too_large");
    for (const frame_form form : {frame_form::u16be, frame_form::u32be, frame_form::u32le,
                                  frame_form::ascii_4, frame_form::ascii_6, frame_form::netstring})
        BOOST_TEST(refused(form, slip::length) == "too_large");
}

BOOST_AUTO_TEST_CASE(a_refusal_of_one_frame_leaves_the_next_its_answer) {
    for (const frame_form form : some_forms)
        for (const style how : {style::line, style::close, style::reset}) {
            plan what = with_frames(form, 1, 4);
            what.rules.on_refusal = how;
            what.clients[0].first.status = 500; // to the first and the third
            const run_result got = check(what);
            BOOST_TEST(got.posts == (how == style::line ? 4u : 1u));
            if (how != style::line) continue;
            BOOST_TEST(reason_of(what, got.clients[0], 0) == "upstream_status");
            BOOST_TEST(reason_of(what, got.clients[0], 1).empty());
            BOOST_TEST(reason_of(what, got.clients[0], 2) == "upstream_status");
        }
}

BOOST_AUTO_TEST_CASE(an_answer_that_its_frame_cannot_carry_is_told) {
    plan what = with_frames(frame_form::u8, 1, 2, 251); // "0.0:" and two bytes more are 257
    const run_result got = check(what);
    BOOST_TEST(reason_of(what, got.clients[0], 0) == "reply_unframeable");
    BOOST_TEST(got.posts == 2u);
}

// There is room for the reply once, and not twice.
BOOST_AUTO_TEST_CASE(a_status_line_needs_no_second_reply) {
    for (std::uint64_t size = 130'000; size < 240'000; size += 5'000) {
        plan what = with_frames(frame_form::u32be, 1, 2, size);
        what.rules.form = reply_form::status;
        what.rules.max_buffered = 300'000;
        BOOST_TEST(check(what).sessions.replied == 2u);
    }
}

BOOST_AUTO_TEST_CASE(a_payload_of_no_bytes_is_one_where_its_frame_has_a_beginning) {
    for (const frame_form form :
         {frame_form::stx_etx, frame_form::stx_etx_sum, frame_form::mllp, frame_form::netstring}) {
        plan what = with_frames(form, 1, 30);
        what.fair = true;
        what.clients[0].blanks = true;
        BOOST_TEST(check(what).posts == 30u);
    }
}

// The frame in hand is answered, and no other begins.
BOOST_AUTO_TEST_CASE(a_drain_at_every_event_of_frames) {
    for (const frame_form form : {frame_form::line, frame_form::u16be}) {
        const plan what = everybody(form);
        at_every_tick(what, 1, [](plan& now, std::uint64_t tick) {
            now.acts.push_back(at_tick(act_kind::drain, tick));
        });
        for (std::uint64_t tick = 1; tick <= run(what).ticks; tick += 3) {
            plan now = what;
            now.acts.push_back(at_tick(act_kind::drain, tick, 5 * s));
            for (const client_result& one : check(now).clients)
                BOOST_TEST(
                    (one.logged.empty() || one.logged == "replied" || one.reason == "draining"),
                    tick << ": " << one.logged << ' ' << one.reason);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_drain_ends_pauses_at_once) {
    for (const frame_form form : some_forms)
        for (const std::uint64_t frames : {1u, 4u}) {
            plan what = with_frames(form, 3, frames);
            for (client_plan& one : what.clients) one.stays = true;
            what.clients[2].kind = client_kind::silent, what.clients[2].stop_at = 0;
            act& drain = what.acts.emplace_back();
            drain.at = 5 * s, drain.grace = 20 * s;
            const run_result got = check(what);
            BOOST_TEST((got.took > 5 * s && got.took < 6 * s));
            BOOST_TEST(got.sessions.replied == 2 * frames);
            BOOST_TEST(got.sessions.refused + got.sessions.aborted == 0u);
        }
}

BOOST_AUTO_TEST_CASE(a_stop_at_every_event_of_frames) {
    for (const frame_form form : {frame_form::crlf, frame_form::netstring})
        at_every_tick(everybody(form), 1, [](plan& now, std::uint64_t tick) {
            now.acts.push_back(at_tick(act_kind::stop, tick));
        });
}

BOOST_AUTO_TEST_CASE(a_kill_at_every_event_of_frames) {
    for (const frame_form form : {frame_form::mllp, frame_form::ascii_4})
        at_every_tick(everybody(form), 1,
                      [](plan& now, std::uint64_t tick) { now.hard.dies_at = tick; });
}

BOOST_AUTO_TEST_CASE(a_reload_at_every_event_of_frames) {
    plan what = everybody(frame_form::stx_etx_lrc);
    what.fair = true;
    what.rules.second_group = true;
    at_every_tick(what, 2, [](plan& now, std::uint64_t tick) {
        act& one = now.acts.emplace_back(at_tick(act_kind::reload, tick));
        one.moves = true, one.second_address = true;
    });
}

BOOST_AUTO_TEST_CASE(an_allocation_that_fails_at_every_index_of_frames) {
    plan plain = everybody(frame_form::line), base64 = everybody(frame_form::u16be),
         hl7 = with_frames(frame_form::mllp, 2, 3);
    base64.rules.base64 = true;
    hl7.rules.form = reply_form::hl7;
    for (const plan& what : {plain, base64, hl7}) {
        const std::uint64_t last = check(what).allocations;
        BOOST_TEST(last > 0u);
        for (std::uint64_t index = 1; index <= last; ++index) {
            plan now = what;
            now.hard.allocation_fails_at = index;
            check(now);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
