// Upstreams that cannot be reached, do not answer, or close as the request goes out.
#include "faults/upstream_fixture.hpp"
#include "support/tcp_peer.hpp"

#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using conversation = scripted_upstream::conversation;

BOOST_FIXTURE_TEST_SUITE(upstream_connections, upstream_fixture)

BOOST_AUTO_TEST_CASE(U1_one_that_refuses_is_told_at_once_and_avoided) {
    const refusing_port nobody;
    service.endpoints = {url_of(nobody.address())};
    start();
    expect_refusal(exchange("x"), reason::upstream_unreachable);
    BOOST_TEST(access_line().number("upstream_ms") < 1000); // not the 3 s a connection may take
    BOOST_TEST(access_line().at("upstream") == to_string(nobody.address()));
    BOOST_REQUIRE(log.wait_for("upstream endpoint ejected"));
    const auto line = log.of("upstream endpoint ejected").front();
    BOOST_TEST(line.at("endpoint") == to_string(nobody.address()));
    BOOST_TEST(line.at("reason") == "upstream_unreachable");
    BOOST_TEST(counters.upstream_ejections.value() == 1u);
    const auto status = forwarder().endpoints().front();
    BOOST_TEST((status.last_error == reason::upstream_unreachable));
}

BOOST_AUTO_TEST_CASE(U1_the_next_endpoint_has_the_exchanges_of_one_that_refuses) {
    const refusing_port nobody;
    service.endpoints = {url_of(nobody.address()), upstream.url()};
    start();
    for (int i = 0; i < 20; ++i) expect_served();
    BOOST_TEST(upstream.count() == 20u);
    BOOST_TEST(counters.replied.value() == 20u);
}

BOOST_AUTO_TEST_CASE(U2_a_black_hole_costs_the_connect_limit_and_no_more) {
    const silent_port silent;
    service.endpoints = {url_of(silent.address())};
    service.connect = 300ms;
    start();
    expect_refusal(exchange("x"), reason::upstream_unreachable);
    BOOST_TEST(access_line().number("upstream_ms") >= 290);
    BOOST_TEST(access_line().number("upstream_ms") < 5000); // of the 30 s it has in all
}

BOOST_AUTO_TEST_CASE(U2_a_black_hole_leaves_time_for_the_next_endpoint) {
    const silent_port silent;
    service.endpoints = {url_of(silent.address()), upstream.url()};
    service.connect = 1s;
    // No kept connection helps: who comes from the black hole has to connect as well.
    upstream.by_default(scripted_upstream::raw(response(200, "fine", "Connection: close\r\n")));
    start();
    auto unlucky = std::async(std::launch::async, [&] { return exchange("unlucky"); });
    for (int i = 0; i < 10; ++i) expect_served();
    BOOST_TEST(unlucky.get().bytes == "fine");
    BOOST_TEST(counters.refused_for(reason::upstream_unreachable).value() == 0u);
}

BOOST_AUTO_TEST_CASE(U3_one_that_never_answers_is_not_asked_again) {
    service.total = 400ms;
    fault([](conversation& talk) { talk.stay_silent(); });
    start();
    expect_fault_refused(reason::upstream_timeout);
    BOOST_TEST(counters.upstream_retries.value() == 0u);
}

BOOST_AUTO_TEST_CASE(U3_nor_is_it_on_a_kept_connection) {
    service.total = 400ms;
    fault([](conversation& talk) { talk.stay_silent(); });
    start();
    expect_served();
    expect_refusal(exchange("fault"), reason::upstream_timeout);
    BOOST_TEST(upstream.requests().at(1).connection == 1u); // it was a kept one
    expect_sent_once();
    expect_connection_given_up();
}

BOOST_AUTO_TEST_CASE(U4_drops_of_an_answer_do_not_move_the_limit) {
    service.total = 400ms;
    fault([](conversation& talk) {
        talk.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
        for (;;) {
            talk.send("x");
            std::this_thread::sleep_for(10ms); // how slow it is
        }
    });
    start();
    expect_fault_refused(reason::upstream_timeout);
    const auto lines = log.of("exchange");
    for (const auto& line : lines)
        if (line.at("outcome") == "refused") BOOST_TEST(line.number("upstream_ms") < 5000);
}

// The finer points of it are in flow/keep_alive.cpp.
BOOST_AUTO_TEST_CASE(U17_a_kept_connection_that_closes_as_the_request_goes_out_costs_nothing) {
    for (const bool by_reset : {false, true}) {
        std::atomic<int> left{1};
        fault([&](conversation& talk) {
            if (left-- <= 0) return scripted_upstream::echo()(talk);
            if (by_reset) talk.reset();
            talk.finish();
        });
        if (!by_reset) start();
        expect_served(); // makes the connection that is kept
        const std::size_t before = upstream.count();
        const auto retries = counters.upstream_retries.value();
        BOOST_TEST(exchange("fault").bytes == "fault");
        const auto seen = upstream.requests();
        BOOST_REQUIRE(seen.size() == before + 2);
        BOOST_TEST(seen[before].field("Idempotency-Key") ==
                   seen[before + 1].field("Idempotency-Key"));
        BOOST_TEST(seen[before].field("Idempotency-Key") != "");
        BOOST_TEST(seen[before].connection != seen[before + 1].connection);
        BOOST_TEST(counters.upstream_retries.value() == retries + 1);
    }
}

BOOST_AUTO_TEST_CASE(U17_a_kept_connection_that_closes_late_leaves_time_for_another) {
    service.connect = 100ms;
    std::atomic<int> left{1};
    fault([&](conversation& talk) {
        if (left-- <= 0) return scripted_upstream::echo()(talk);
        std::this_thread::sleep_for(300ms); // longer than a connection may take
        talk.finish();
    });
    start();
    expect_served(); // makes the connection that is kept
    BOOST_TEST(exchange("fault").bytes == "fault");
    BOOST_TEST(counters.upstream_retries.value() == 1u);
}

BOOST_AUTO_TEST_CASE(U17_a_new_connection_that_closes_without_an_answer_is_not_tried_again) {
    fault([](conversation& talk) { talk.finish(); });
    start();
    expect_refusal(exchange("fault"), reason::upstream_incomplete);
    expect_sent_once();
    BOOST_TEST(counters.upstream_retries.value() == 0u);
}

BOOST_AUTO_TEST_CASE(U17_one_byte_of_an_answer_forbids_to_ask_again) {
    fault([](conversation& talk) {
        talk.send("H");
        talk.finish();
    });
    start();
    expect_served();
    expect_refusal(exchange("fault"), reason::upstream_incomplete);
    BOOST_TEST(upstream.requests().at(1).connection == 1u);
    expect_sent_once();
    expect_connection_given_up();
}

BOOST_AUTO_TEST_CASE(U17_the_second_attempt_goes_to_the_endpoint_that_may_have_seen_the_first) {
    scripted_upstream other;
    service.endpoints = {upstream.url(), other.url()};
    start();
    expect_served();
    BOOST_TEST(exchange("fine").bytes == "fine"); // now each has a kept connection
    BOOST_REQUIRE((upstream.count() == 1u && other.count() == 1u));
    upstream.on(2, scripted_upstream::raw_then_fin(""));
    BOOST_TEST(exchange("again").bytes == "again");
    BOOST_TEST(upstream.count() == 3u);
    BOOST_TEST(other.count() == 1u);
}

BOOST_AUTO_TEST_CASE(U18_a_name_that_does_not_exist_is_refused_in_time) {
    service.endpoints = {parse_http_url("http://nowhere.invalid:1/upload").value()};
    service.connect = 1s;
    start();
    expect_refusal(exchange("x"), reason::upstream_unreachable);
    BOOST_TEST(access_line().number("upstream_ms") < 5000);
    BOOST_TEST(!forwarder().endpoints().front().up);
    BOOST_TEST((forwarder().endpoints().front().last_error == reason::upstream_unreachable));
}

// Names that change, hang and have many addresses: endpoints_names.py.
BOOST_AUTO_TEST_CASE(U18_a_name_that_does_not_exist_delays_nobody) {
    service.endpoints = {parse_http_url("http://nowhere.invalid:1/upload").value(), upstream.url()};
    start();
    for (int i = 0; i < 10; ++i) expect_served();
    for (std::size_t i = 1; i <= 10; ++i) BOOST_TEST(access_line(i).number("upstream_ms") < 1000);
    BOOST_TEST(!forwarder().endpoints().front().up);
    BOOST_TEST(forwarder().endpoints().back().up);
}

// However a request ends on its way: the service must not take the end for the request's.
BOOST_AUTO_TEST_CASE(U3_a_request_that_is_given_up_half_way_ends_in_a_reset) {
    service.total = 400ms;
    upstream.on(1, [](conversation& talk) {
        talk.wait_for_gate(); // the kernels' buffers fill up
        talk.read_body();
    });
    start();
    expect_refusal(exchange(some_bytes(12'000'000)), reason::upstream_timeout);
    upstream.open_gate();
    BOOST_TEST(upstream.wait_for_open_connections(0));
    BOOST_TEST(upstream.requests().at(0).cut);
    BOOST_TEST(upstream.requests().at(0).by_reset);
    expect_served();
}

BOOST_AUTO_TEST_CASE(U17_an_idle_connection_that_is_let_go_ends_in_a_fin) {
    service.keep_alive = 200ms;
    std::promise<bool> ended;
    const auto script = [&](peer_connection& one) {
        one.read_at_least(1);
        one.send(response(200, "fine"));
        one.read_to_end();
        ended.set_value(one.was_reset());
    };
    tcp_peer peer(script, "127.0.0.1", true);
    service.endpoints = {url_of(parse_socket_address(to_string(peer.address())).value())};
    start();
    BOOST_TEST(exchange("x").bytes == "fine");
    auto reset = ended.get_future();
    BOOST_REQUIRE((reset.wait_for(20s) == std::future_status::ready));
    BOOST_TEST(!reset.get());
}

BOOST_AUTO_TEST_SUITE_END()
