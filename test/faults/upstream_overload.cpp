// More than the upstream takes, and nobody there at all.
#include "faults/upstream_fixture.hpp"
#include "support/tcp_peer.hpp"

#include <future>
#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

BOOST_FIXTURE_TEST_SUITE(upstream_overload, upstream_fixture)

BOOST_AUTO_TEST_CASE(U23_a_flood_with_all_endpoints_down_is_told_so_and_leaves_nothing) {
    const refusing_port one, two;
    service.endpoints = {url_of(one.address()), url_of(two.address())};
    service.max_connections = 8;
    start();
    const auto got = exchange_all(address(), std::vector<std::string>(300, "x"), 50);
    std::size_t unreachable = 0, busy = 0;
    for (const auto& each : got) {
        unreachable += refusal_reason(each.bytes) == "upstream_unreachable";
        busy += refusal_reason(each.bytes) == "busy";
        BOOST_TEST((each.how == raw_client::ending::fin));
    }
    BOOST_TEST(unreachable + busy == got.size());
    BOOST_TEST(refused(reason::upstream_unreachable) == unreachable);
    BOOST_TEST(refused(reason::busy) == busy);
    // They were ejected once, not with each exchange.
    BOOST_TEST(counters.upstream_ejections.value() == 2u);
    for (const auto& status : forwarder().endpoints()) {
        BOOST_TEST(status.outstanding == 0u);
        BOOST_TEST((status.last_error == reason::upstream_unreachable));
    }
    BOOST_TEST(counters.upstream_busy.value() == 0);
}

BOOST_AUTO_TEST_CASE(U23_what_the_upstream_does_not_take_in_time_is_busy_and_it_recovers) {
    service.max_connections = 4;
    service.connect = 500ms;
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    std::vector<std::future<raw_client::received>> lucky;
    for (int i = 0; i < 4; ++i)
        lucky.push_back(std::async(std::launch::async, [this] { return exchange("held"); }));
    BOOST_REQUIRE(upstream.wait_for_requests(4));
    const auto flood = exchange_all(address(), std::vector<std::string>(40, "flood"), 40);
    for (const auto& each : flood) expect_refusal(each, reason::busy);
    BOOST_TEST(upstream.connections() == 4u);
    upstream.open_gate();
    for (auto& each : lucky) BOOST_TEST(each.get().bytes == "held");
    for (int i = 0; i < 10; ++i) expect_served();
    BOOST_TEST(upstream.connections() == 4u);
}

// The wait took the time, not the endpoint.
BOOST_AUTO_TEST_CASE(U23_who_has_little_time_left_after_its_wait_ejects_no_endpoint) {
    silent_port service_port(false);
    service.endpoints = {url_of(service_port.address())};
    service.max_connections = 1;
    service.connect = 1s;
    start();
    auto first = std::async(std::launch::async, [this] { return exchange("first"); });
    std::optional<peer_connection> busy;
    do busy.emplace(service_port.accept());
    while (busy->read_at_least(1).empty()); // a health check
    auto second = std::async(std::launch::async, [this] { return exchange("second"); });
    BOOST_REQUIRE(log.wait_for("accepted", 2));
    std::this_thread::sleep_for(600ms); // of its second: what it waits for is time
    service_port.fill();
    busy->send(response(200, "fine", "Connection: close\r\n"));
    BOOST_TEST(first.get().bytes == "fine");
    expect_refusal(second.get(), reason::busy);
    BOOST_TEST(counters.upstream_ejections.value() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
