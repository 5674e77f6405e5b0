// Faults that have a name, many of them at every byte or at every call and event.
#include "sim/scenario.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace finpost::sim;

namespace {

// Small ones, one that spills, one that streams.
plan everybody() {
    plan out = with_clients(4);
    out.clients[1].size = 30'000;
    out.clients[2].size = 90'000;
    out.clients[3].first.how = framing::chunked;
    out.rules.spill_above = 16 << 10;
    out.rules.stream_above = 60'000;
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(scenarios)

BOOST_AUTO_TEST_CASE(exchanges_on_a_perfect_machine) {
    plan what = everybody();
    what.fair = true;
    const run_result got = check(what);
    BOOST_TEST(got.sessions.replied == 4u);
    BOOST_TEST(got.posts == 4u);
}

BOOST_AUTO_TEST_CASE(the_same_plan_makes_the_same_run) {
    for (std::uint64_t seed : {11u, 12u, 13u, 14u})
        BOOST_TEST(run(draw(seed)).hash == run(draw(seed)).hash);
    plan tls = everybody();
    tls.rules.tls = true;
    BOOST_TEST(run(tls).hash == run(tls).hash);
}

BOOST_AUTO_TEST_CASE(a_reset_behind_the_threshold_of_streams) {
    for (std::uint64_t at = 1; at <= 100'000; at += 331)
        for (const bool forgets : {false, true}) {
            plan what = with_clients(1, 100'000);
            what.rules.stream_above = 64 << 10;
            what.clients[0].kind = client_kind::reset_before_fin;
            what.clients[0].stop_at = at, what.clients[0].forgets = forgets;
            BOOST_TEST(check(what).sessions.replied == 0u);
        }
}

// The service answers while the client still sends: a write may be told of the reset before a read
// is.
BOOST_AUTO_TEST_CASE(a_reset_while_the_reply_goes_out) {
    for (nanos after = 0; after <= 1 * ms; after += 5 * us)
        for (const bool forgets : {false, true}) {
            plan what = with_clients(1, 100'000);
            what.rules.stream_above = 8 << 10;
            what.hard.receive_buffer = what.hard.send_buffer = 8'000;
            what.clients[0].kind = client_kind::reset_before_fin;
            what.clients[0].stop_at = 90'000, what.clients[0].leaves_after = after;
            what.clients[0].forgets = forgets;
            what.clients[0].first.echoes = true;
            BOOST_TEST(check(what).sessions.replied == 0u);
        }
}

BOOST_AUTO_TEST_CASE(a_reset_at_every_byte_of_a_payload) {
    for (std::uint64_t at = 0; at <= 60; ++at)
        for (const bool waits : {false, true})
            for (const bool base64 : {false, true}) {
                plan what = with_clients(1, 60);
                what.rules.base64 = base64;
                what.clients[0].kind = client_kind::reset_before_fin;
                what.clients[0].stop_at = at;
                if (waits) what.clients[0].leaves_after = 1 * ms;
                BOOST_TEST(check(what).posts == 0u);
            }
}

BOOST_AUTO_TEST_CASE(an_end_at_every_byte_of_a_payload) {
    for (std::uint64_t size = 1; size <= 200; ++size)
        for (const std::uint64_t piece : {1u, 7u, 1000u}) {
            plan what = with_clients(1, size);
            what.fair = true;
            what.clients[0].piece = piece;
            BOOST_TEST(check(what).sessions.replied == 1u);
        }
}

BOOST_AUTO_TEST_CASE(the_first_byte_after_receive_idle) {
    for (nanos after = 990 * ms; after <= 1'010 * ms; after += 100 * us) {
        plan what = with_clients(1);
        what.rules.receive_idle = 1'000;
        what.clients[0].waits = after;
        const run_result got = check(what);
        BOOST_TEST((got.sessions.replied == 1 || got.clients[0].how == ending::rst ||
                    !got.clients[0].reason.empty()));
    }
}

BOOST_AUTO_TEST_CASE(a_response_that_is_cut_at_every_byte) {
    for (const framing how : {framing::sized, framing::chunked, framing::until_close})
        for (const bool by_reset : {false, true})
            for (const bool streams : {false, true})
                for (std::uint64_t at = 0; at < 340; ++at) {
                    plan what = with_clients(1);
                    if (streams) what.rules.stream_above = 50;
                    what.clients[0].first.how = how;
                    what.clients[0].first.cut_at = at,
                    what.clients[0].first.cut_by_reset = by_reset;
                    check(what);
                }
}

BOOST_AUTO_TEST_CASE(a_response_that_is_cut_while_it_waits_for_memory) {
    for (std::uint64_t at = 1'000; at < 140'000; at += 997)
        for (const framing how : {framing::sized, framing::chunked}) {
            plan what = with_clients(3, 140'000);
            what.rules.max_buffered = 280 << 10, what.rules.max_payload = 256 << 10;
            for (client_plan& one : what.clients) one.begins = 0;
            what.clients[1].first.how = how, what.clients[1].first.cut_at = at;
            check(what);
        }
}

BOOST_AUTO_TEST_CASE(a_refusal_that_finds_no_room) {
    for (std::size_t room = 1; room < 60; ++room) {
        plan what = with_clients(1, 300'000);
        what.rules.max_payload = 1'000; // too large
        what.hard.send_buffer = room;
        check(what);
    }
}

BOOST_AUTO_TEST_CASE(a_kept_connection_that_is_closed_at_every_moment) {
    std::uint64_t retries = 0;
    for (nanos after = 0; after < 2 * ms; after += 2 * us) {
        plan what = with_clients(2);
        what.fair = true;
        what.service.patience = 500 * us;
        what.clients[1].begins = after;
        what.hard.fastest = what.hard.slowest = 40 * us;
        const run_result got = check(what);
        BOOST_TEST(got.sessions.replied == 2u);
        retries += got.retries;
    }
    BOOST_TEST(retries > 0u);
}

BOOST_AUTO_TEST_CASE(an_early_413_while_the_body_goes_out) {
    for (const bool streams : {false, true})
        for (const bool relays : {false, true})
            for (std::uint64_t reads = 0; reads < 200'000; reads += 5'003) {
                plan what = with_clients(1, 200'000);
                what.rules.relays = relays;
                if (streams) what.rules.stream_above = 10'000;
                what.clients[0].first.reads = reads;
                what.hard.receive_buffer = 8'000;
                BOOST_TEST(check(what).posts == 1u);
            }
}

BOOST_AUTO_TEST_CASE(a_service_that_resets_while_the_body_goes_out) {
    for (const bool streams : {false, true})
        for (std::uint64_t reads = 0; reads < 200'000; reads += 5'003) {
            plan what = with_clients(1, 200'000);
            if (streams) what.rules.stream_above = 10'000;
            what.clients[0].first.reads = reads, what.clients[0].first.resets = true;
            what.hard.receive_buffer = 8'000;
            const run_result got = check(what);
            BOOST_TEST(got.posts == 1u);
            BOOST_TEST(got.clients[0].reason == "upstream_incomplete");
        }
}

BOOST_AUTO_TEST_CASE(interim_answers_are_passed_over_up_to_64_kib) {
    for (const std::uint64_t n : {1u, 20u, 2'600u, 2'700u, 20'000u})
        for (const bool streams : {false, true}) {
            plan what = with_clients(1);
            if (streams) what.rules.stream_above = 50;
            what.clients[0].first.interim = n;
            const run_result got = check(what);
            BOOST_TEST(got.clients[0].reason == (n * 25 > 64 << 10 ? "upstream_invalid" : ""));
        }
    plan what = with_clients(1); // nobody has asked for another protocol
    what.clients[0].first.status = 101;
    BOOST_TEST(check(what).clients[0].reason == "upstream_invalid");
}

BOOST_AUTO_TEST_CASE(an_error_status_is_refused_or_relayed_and_never_empty) {
    for (const unsigned status : {404u, 429u, 500u, 503u})
        for (const bool relays : {false, true})
            for (const bool bodiless : {false, true}) {
                plan what = with_clients(1);
                what.rules.relays = relays;
                what.clients[0].first.status = status, what.clients[0].first.bodiless = bodiless;
                const run_result got = check(what);
                BOOST_TEST(got.posts == 1u);
                BOOST_TEST(got.clients[0].reason == (relays && !bodiless ? "" : "upstream_status"));
            }
}

// The reset of a service that reads no more is told to who sends; to who reads afterwards it looks
// like an end.
BOOST_AUTO_TEST_CASE(an_early_413_that_is_cut) {
    for (const bool streams : {false, true})
        for (const framing how : {framing::sized, framing::chunked, framing::until_close})
            for (std::uint64_t cut_at = 20; cut_at < 80; ++cut_at)
                for (const bool by_reset : {false, true}) {
                    plan what = with_clients(1, 200'000);
                    what.rules.relays = true;
                    if (streams) what.rules.stream_above = 10'000;
                    answer& first = what.clients[0].first;
                    first.how = how, first.reads = 20'000;
                    first.cut_at = cut_at, first.cut_by_reset = by_reset;
                    what.hard.receive_buffer = what.hard.send_buffer = 8'000;
                    BOOST_TEST(check(what).posts == 1u);
                }
}

BOOST_AUTO_TEST_CASE(a_drain_at_every_event) {
    at_every_tick(everybody(), 1, [](plan& now, std::uint64_t tick) {
        now.acts.push_back(at_tick(act_kind::drain, tick));
    });
    // With time enough whoever was let in gets its reply, but for who has not sent a byte.
    const plan what = everybody();
    for (std::uint64_t tick = 1; tick <= run(what).ticks; tick += 3) {
        plan now = what;
        now.acts.push_back(at_tick(act_kind::drain, tick, 5 * s));
        for (const client_result& one : check(now).clients)
            BOOST_TEST((one.logged.empty() || one.logged == "replied" || one.reason == "draining"),
                       tick << ": " << one.logged << ' ' << one.reason);
    }
}

BOOST_AUTO_TEST_CASE(a_stop_at_every_event) {
    at_every_tick(everybody(), 1, [](plan& now, std::uint64_t tick) {
        now.acts.push_back(at_tick(act_kind::stop, tick));
    });
}

BOOST_AUTO_TEST_CASE(a_reload_at_every_event) {
    plan what = everybody();
    what.fair = true;
    what.rules.second_group = true;
    at_every_tick(what, 2, [](plan& now, std::uint64_t tick) {
        act& one = now.acts.emplace_back(at_tick(act_kind::reload, tick));
        one.moves = true, one.second_address = true;
        now.acts.push_back(at_tick(act_kind::reload, tick + 40));
    });
}

BOOST_AUTO_TEST_CASE(a_bad_reload_at_every_event) {
    for (const bool broken : {false, true}) {
        plan what = everybody();
        what.fair = true;
        what.rules.second_group = broken;
        at_every_tick(what, 5, [broken](plan& now, std::uint64_t tick) {
            act& one = now.acts.emplace_back(at_tick(act_kind::reload, tick));
            (broken ? one.broken : one.taken) = true;
        });
    }
}

BOOST_AUTO_TEST_CASE(a_kill_at_every_event) {
    plan plain = everybody(), tls = with_clients(2), slow = with_clients(2, 60'000);
    tls.rules.tls = true;
    slow.clients[0].read_pause = 1 * ms, slow.clients[1].first.piece = 5'000,
    slow.clients[1].first.pause = 1 * ms;
    for (const plan& what : {plain, tls, slow})
        at_every_tick(what, 1, [](plan& now, std::uint64_t tick) { now.hard.dies_at = tick; });
}

BOOST_AUTO_TEST_CASE(an_allocation_that_fails_at_every_index) {
    plan plain = everybody(), base64 = with_clients(2, 3'000), rude = everybody();
    base64.rules.base64 = true;
    rude.clients[0].first.how = framing::chunked, rude.clients[0].first.cut_at = 100;
    rude.clients[1].kind = client_kind::reset_after_fin, rude.clients[1].leaves_after = 1 * ms;
    rude.rules.proxy = true;
    plan loops = everybody(); // what is destroyed for want of memory may be destroyed later
    loops.rules.loops = 2, loops.rules.stream_above = 20'000;
    for (const plan& what : {plain, base64, rude, loops}) {
        const std::uint64_t last = check(what).allocations;
        BOOST_TEST(last > 0u);
        for (std::uint64_t index = 1; index <= last; ++index) {
            plan now = what;
            now.hard.allocation_fails_at = index;
            check(now);
        }
    }
}

// A record of which the kernel cannot hold more: to wait for the rest would go round and round.
BOOST_AUTO_TEST_CASE(a_first_record_that_does_not_fit) {
    for (std::size_t room = 100; room < 600; room += 50) {
        plan what = with_clients(1);
        what.fair = true;
        what.rules.tls = true;
        what.hard.receive_buffer = room;
        BOOST_TEST(check(what).sessions.replied == 1u);
    }
}

// Some are refused by the spare descriptor, one a pause; the others wait until there are
// descriptors.
BOOST_AUTO_TEST_CASE(no_descriptors_while_two_hundred_wait) {
    plan what = with_clients(200, 20);
    for (client_plan& one : what.clients) one.begins = 0;
    what.few = 5, what.few_from = 10 * us, what.few_until = 5 * s;
    const run_result got = check(what);
    BOOST_TEST(got.sessions.accepted == 200u);
    BOOST_TEST(got.sessions.refused > 10u);
    BOOST_TEST(got.sessions.replied > 100u);
}

BOOST_AUTO_TEST_CASE(bytes_behind_a_response_are_nobodys) {
    for (const std::uint64_t extra : {1u, 4u, 30u, 44u})
        for (const nanos after : {nanos{0}, 1 * ms}) {
            plan what = with_clients(2);
            what.clients[0].first.extra = extra, what.clients[0].first.extra_after = after;
            what.clients[1].begins = 100 * ms;
            const run_result got = check(what);
            BOOST_TEST(got.sessions.replied == 2u);
        }
}

BOOST_AUTO_TEST_CASE(a_204_with_a_body) {
    plan what = with_clients(2);
    what.clients[0].first.status = 204;
    what.clients[1].begins = 100 * ms;
    const run_result got = check(what);
    BOOST_TEST(got.sessions.replied == 2u);
    BOOST_TEST(got.clients[0].got.empty());
}

BOOST_AUTO_TEST_CASE(who_is_slow_and_steady_is_served) {
    plan what = with_clients(2, 60);
    for (client_plan& one : what.clients) one.piece = 1, one.pause = 200 * ms;
    what.clients[1].size = 200'000, what.clients[1].piece = 8'000;
    what.rules.receive_idle = 400, what.rules.spill_above = 20'000;
    BOOST_TEST(check(what).sessions.replied == 2u);
}

BOOST_AUTO_TEST_CASE(who_is_slower_than_min_rate_is_refused) {
    for (const std::uint64_t above : {std::uint64_t{100}, everything}) // that is streamed, or not
        for (const std::uint64_t spills : {0u, 100u}) {
            plan what = with_clients(2, 1'000);
            what.rules.min_rate = 400;
            what.rules.stream_above = above, what.rules.spill_above = spills;
            for (client_plan& one : what.clients) one.pause = 20 * ms;
            what.clients[0].piece = 1; // 100 bytes a second
            what.clients[1].piece = 20, what.clients[1].size = 10'000;
            const run_result got = check(what);
            BOOST_TEST(got.clients[0].reason == "too_slow");
            BOOST_TEST(got.clients[1].logged == "replied");
        }
}

BOOST_AUTO_TEST_CASE(who_reads_more_slowly_than_min_rate_is_reset) {
    plan what = with_clients(2, 1'000);
    what.rules.min_rate = 50, what.hard.send_buffer = 100;
    for (client_plan& one : what.clients) one.receive_buffer = 1;
    what.clients[0].read_pause = 200 * ms; // 10 bytes a second
    what.clients[1].read_pause = 10 * ms;
    const run_result got = check(what);
    BOOST_TEST(got.clients[0].logged == "aborted");
    BOOST_TEST(got.clients[0].reason == "too_slow");
    BOOST_TEST((got.clients[0].how == ending::rst));
    BOOST_TEST(got.clients[1].logged == "replied");
}

BOOST_AUTO_TEST_CASE(a_flood_comes_in_as_it_may) {
    plan what = with_clients(300, 20);
    for (client_plan& one : what.clients) one.begins = 0;
    plan slow = what, few = what, of_one_source = what;
    slow.rules.accept_rate = 50;
    run_result got = check(slow);
    BOOST_TEST(got.sessions.replied == 300u);
    BOOST_TEST((got.took > 5 * s && got.took < 6 * s)); // 50 at once, then 50 a second
    few.rules.max_connections = 20;
    BOOST_TEST(check(few).sessions.replied == 300u);
    of_one_source.rules.max_per_source = 20;
    got = check(of_one_source);
    BOOST_TEST(got.sessions.replied >= 20u);
    BOOST_TEST(got.sessions.replied + got.sessions.refused == 300u);
    for (const client_result& one : got.clients)
        BOOST_TEST((one.logged == "replied" || one.reason == "busy"));
}

BOOST_AUTO_TEST_CASE(who_stalls_in_its_preamble_keeps_nobody_out) {
    for (const bool tls : {false, true}) {
        plan what = with_clients(41);
        (tls ? what.rules.tls : what.rules.proxy) = true;
        what.rules.max_handshakes = 10, what.rules.handshake = 1'000;
        for (client_plan& one : what.clients)
            one.begins = 0, one.kind = client_kind::in_preamble, one.stop_at = 3;
        what.clients[40].kind = client_kind::good, what.clients[40].begins = 100 * ms;
        const run_result got = check(what);
        BOOST_TEST(got.clients[0].reason == (tls ? "tls_handshake" : "proxy_protocol"));
        BOOST_TEST(got.clients[40].logged == "replied");
        BOOST_TEST((got.took > 4 * s && got.took < 8 * s));
    }
}

BOOST_AUTO_TEST_CASE(a_proxy_header_is_demanded_of_proxies_only) {
    for (std::uint64_t size = 1; size < 60; ++size) {
        plan what = with_clients(1, size), proxied = what;
        what.clients[0].header_in_payload = true;
        BOOST_TEST(check(what).clients[0].logged == "replied");
        proxied.rules.proxy = true, proxied.clients[0].kind = client_kind::no_header;
        const run_result got = check(proxied);
        BOOST_TEST(got.clients[0].reason == "proxy_protocol");
        BOOST_TEST(got.posts == 0u);
    }
}

BOOST_AUTO_TEST_CASE(text_that_is_no_base64_is_refused_as_such) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        plan what = with_clients(1, 3 + seed);
        what.rules.base64 = true;
        what.clients[0].seed = seed, what.clients[0].bad_text = true;
        if (seed % 3 == 1) what.rules.spill_above = 50;
        if (seed % 3 == 2) what.rules.stream_above = 50;
        BOOST_TEST(check(what).clients[0].got.starts_with("finpost: bad_encoding "));
    }
}

BOOST_AUTO_TEST_CASE(a_content_coding_that_nobody_asked_for) {
    for (const bool relays : {false, true})
        for (const unsigned status : {200u, 500u})
            for (const bool interim : {false, true}) {
                plan what = with_clients(1);
                what.rules.relays = relays;
                what.clients[0].first.status = status,
                what.clients[0].first.interim = interim ? 1 : 0;
                what.clients[0].first.coded = true;
                // A status that is refused is refused as such, whatever its body is.
                const bool refused = status == 500 && !relays;
                BOOST_TEST(check(what).clients[0].reason ==
                           (refused ? "upstream_status" : "upstream_invalid"));
            }
}

// An HTTP request that ends anywhere is one from its first line on.
BOOST_AUTO_TEST_CASE(a_foreign_request_that_is_cut_at_every_byte) {
    const std::string_view head = "GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n";
    for (std::uint64_t at = 1; at <= head.size(); ++at) {
        plan what = with_clients(1);
        what.rules.refuses_foreign = true;
        what.clients[0].kind = client_kind::foreign, what.clients[0].size = at;
        const bool foreign = at >= head.find("\r\n");
        const run_result got = check(what);
        BOOST_TEST(got.clients[0].reason == (foreign ? "foreign" : ""), at);
        BOOST_TEST(got.posts == (foreign ? 0u : 1u), at);
    }
}

// The reply waits for room, and not a byte of it is out.
BOOST_AUTO_TEST_CASE(a_stop_while_a_reply_finds_no_room) {
    std::uint64_t told = 0;
    plan what = with_clients(3);
    what.hard.no_space = 0.8;
    at_every_tick(what, 1, [](plan& now, std::uint64_t tick) {
        now.acts.push_back(at_tick(act_kind::stop, tick));
    });
    for (std::uint64_t tick = 1; tick < 200; ++tick) {
        plan now = what;
        now.acts.push_back(at_tick(act_kind::stop, tick));
        for (const client_result& one : check(now).clients)
            told += one.reason == "upstream_incomplete";
    }
    BOOST_TEST(told > 0u);
}

// The end of the connection must not overtake the line, whatever the client's system does with a
// reset.
BOOST_AUTO_TEST_CASE(who_is_refused_while_it_sends_reads_why) {
    for (std::uint64_t size = 20'000; size <= 300'000; size += 20'000)
        for (const nanos pause : {nanos{0}, 100 * us}) {
            plan what = with_clients(1, size);
            what.rules.max_payload = 1'000;
            what.clients[0].forgets = true, what.clients[0].pause = pause;
            what.clients[0].piece = 5'000;
            const run_result got = check(what);
            BOOST_TEST(got.clients[0].got.starts_with("finpost: too_large "));
        }
}

BOOST_AUTO_TEST_CASE(a_client_that_never_reads) {
    plan what = with_clients(2, 200'000);
    what.clients[0].kind = client_kind::never_reads;
    what.clients[0].receive_buffer = 2'000;
    const run_result got = check(what);
    BOOST_TEST(got.clients[1].logged == "replied");
    BOOST_TEST(got.clients[0].logged != "replied");
}

BOOST_AUTO_TEST_CASE(a_budget_full_of_stalled_uploads) {
    plan what = with_clients(12, 100'000);
    what.rules.max_buffered = 300 << 10, what.rules.max_payload = 256 << 10;
    for (std::size_t i = 0; i < 11; ++i)
        what.clients[i].kind = client_kind::silent, what.clients[i].stop_at = 90'000;
    check(what);
    what.clients[11].size = 500;
    what.clients[11].begins = 1 * s;
    BOOST_TEST(check(what).clients[11].logged == "replied");
}

BOOST_AUTO_TEST_CASE(a_service_that_restarts) {
    plan what = with_clients(40, 100);
    for (std::size_t i = 0; i < what.clients.size(); ++i)
        what.clients[i].begins = static_cast<nanos>(i) * 250 * ms;
    what.service.down_at = 2 * s, what.service.up_at = 4 * s;
    const run_result got = check(what);
    BOOST_TEST(got.clients.front().logged == "replied");
    BOOST_TEST(got.clients.back().logged == "replied");
    BOOST_TEST(got.sessions.refused > 0u);
}

BOOST_AUTO_TEST_CASE(a_flood_while_no_endpoint_is_up) {
    plan what = with_clients(300, 100);
    what.rules.second_service = true, what.rules.upstream_connections = 20;
    what.service.down_at = 1, what.service.up_at = 3 * s, what.service.all_down = true;
    for (std::size_t i = 0; i < what.clients.size(); ++i)
        what.clients[i].begins = i < 250 ? 1 * ms : 5 * s;
    const run_result got = check(what);
    for (std::size_t i = 0; i < what.clients.size(); ++i)
        BOOST_TEST((i < 250 ? got.clients[i].reason == "upstream_unreachable"
                            : got.clients[i].logged == "replied"));
}

BOOST_AUTO_TEST_SUITE_END()
