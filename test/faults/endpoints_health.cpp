// Health checks: what makes readiness true on a gateway that has nothing to do.
#include "faults/upstream_fixture.hpp"
#include "support/until.hpp"

#include <atomic>
#include <string>
#include <thread>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using conversation = scripted_upstream::conversation;

namespace {

struct health_fixture : upstream_fixture {
    health_fixture() {
        service.health_path = "/health?full=1";
        service.health_every = 30ms;
        upstream.by_default([this](conversation& talk) {
            if (!talk.request().request_line().starts_with("GET ")) {
                scripted_upstream::echo()(talk);
                return;
            }
            if (health == 0) talk.stay_silent();
            talk.send(response(health, "report"));
        });
    }
    std::atomic<int> health{200}; // the status of the answer; 0: none comes
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(endpoints_health, health_fixture)

BOOST_AUTO_TEST_CASE(an_idle_gateway_knows_when_its_endpoint_is_unwell_and_when_it_is_back) {
    start();
    BOOST_REQUIRE(upstream.wait_for_heads(2));
    BOOST_TEST(forwarder().endpoints().front().up);
    health = 503;
    BOOST_REQUIRE(log.wait_for("upstream endpoint ejected"));
    const auto status = forwarder().endpoints().front();
    BOOST_TEST(!status.up);
    BOOST_TEST((status.last_error == reason::upstream_status));
    BOOST_TEST(status.cause == "/health?full=******** answers 503");
    BOOST_TEST((status.ejected_until == std::chrono::steady_clock::time_point::max()));
    BOOST_TEST(counters.upstream_ejections.value() == 1u);
    health = 204;
    BOOST_REQUIRE(log.wait_for("upstream endpoint restored"));
    BOOST_TEST(forwarder().endpoints().front().up);
    BOOST_TEST(counters.accepted.value() == 0u);
}

BOOST_AUTO_TEST_CASE(a_check_has_a_connection_of_its_own) {
    start();
    BOOST_REQUIRE(upstream.wait_for_heads(3));
    expect_served();
    const auto seen = upstream.requests();
    BOOST_TEST(seen[0].request_line() == "GET /health?full=1 HTTP/1.1");
    BOOST_TEST(seen[0].field("Host") == to_string(upstream.address()));
    BOOST_TEST(seen[0].field("Connection") == "close");
    BOOST_TEST(seen[0].connection != seen[1].connection);
    BOOST_TEST(counters.upstream_idle.value() == 1); // the exchange's
}

BOOST_AUTO_TEST_CASE(silence_is_unwell) {
    health = 0;
    service.health_timeout = 100ms;
    start();
    BOOST_REQUIRE(log.wait_for("upstream endpoint ejected"));
    BOOST_TEST(log.of("upstream endpoint ejected").front().at("reason") == "upstream_timeout");
    BOOST_TEST(upstream.connections() == 1u); // at the first check
    expect_served();                          // all are ejected, so it is asked all the same
}

BOOST_AUTO_TEST_CASE(a_black_hole_and_a_refusal_are_unwell) {
    const refusing_port nobody;
    const silent_port silent;
    service.endpoints = {url_of(nobody.address()), url_of(silent.address()), upstream.url()};
    service.health_timeout = 100ms;
    start();
    BOOST_REQUIRE(log.wait_for("upstream endpoint ejected", 2));
    const auto all = forwarder().endpoints();
    BOOST_TEST((all[0].last_error == reason::upstream_unreachable));
    BOOST_TEST((all[1].last_error == reason::upstream_timeout));
    BOOST_TEST((!all[0].up && !all[1].up && all[2].up));
    for (int i = 0; i < 20; ++i) expect_served(); // none of them meets the black hole
    for (std::size_t i = 1; i <= 20; ++i) BOOST_TEST(access_line(i).number("upstream_ms") < 1000);
}

BOOST_AUTO_TEST_CASE(what_is_no_http_is_unwell) {
    upstream.by_default(scripted_upstream::raw_then_fin("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    start();
    BOOST_REQUIRE(log.wait_for("upstream endpoint ejected"));
    BOOST_TEST(log.of("upstream endpoint ejected").front().at("reason") == "upstream_invalid");
}

BOOST_AUTO_TEST_CASE(closing_ends_a_check_under_way) {
    health = 0;
    service.health_timeout = 10min;
    start();
    BOOST_REQUIRE(upstream.wait_for_heads(1));
    const auto began = std::chrono::steady_clock::now();
    forwarder().close();
    BOOST_TEST(upstream.wait_for_open_connections(0));
    BOOST_TEST((std::chrono::steady_clock::now() - began < 10s));
}

BOOST_AUTO_TEST_CASE(
    without_a_path_an_endpoint_is_looked_at_once_and_not_bothered_while_it_is_well) {
    service.health_path.clear();
    start();
    BOOST_REQUIRE(upstream.wait_for_looks(1)); // nobody has sent anything
    BOOST_TEST(until([this] { return forwarder().endpoints().front().up; }));
    const auto enough = std::chrono::steady_clock::now() + 10 * service.health_every;
    std::size_t exchanges = 0;
    for (; std::chrono::steady_clock::now() < enough; ++exchanges) expect_served();
    BOOST_TEST(upstream.count() == exchanges);
    BOOST_TEST(upstream.looks() == 1u);
}

BOOST_AUTO_TEST_CASE(without_a_path_one_that_nobody_asks_is_found_to_be_gone_and_to_be_back) {
    refusing_port nobody;
    service.health_path.clear();
    service.endpoints = {url_of(nobody.address())};
    start();
    const auto before = forwarder().endpoints().front();
    BOOST_TEST((!before.up && !before.usable));
    BOOST_REQUIRE(log.wait_for("upstream endpoint ejected"));
    BOOST_TEST(log.of("upstream endpoint ejected").front().at("reason") == "upstream_unreachable");
    BOOST_TEST(log.of("upstream endpoint ejected").front().at("what") == "Connection refused");
    const auto gone = forwarder().endpoints().front();
    BOOST_TEST((!gone.up && !gone.usable));
    BOOST_TEST(gone.cause == "Connection refused");
    expect_refusal(exchange("x"), reason::upstream_unreachable); // it is asked all the same
    nobody.listen();
    BOOST_REQUIRE(log.wait_for("upstream endpoint restored"));
    const auto back = forwarder().endpoints().front();
    BOOST_TEST((back.up && back.usable && back.cause.empty()));
    BOOST_TEST(log.of("upstream endpoint ejected").size() == 1u); // though it failed several times
    BOOST_TEST(counters.upstream_ejections.value() == 1u);
}

BOOST_AUTO_TEST_CASE(without_a_path_a_dead_service_stays_down_between_one_exchange_and_the_next) {
    service.health_path.clear();
    start();
    expect_served();
    upstream.stop();
    static_cast<void>(exchange("x"));
    BOOST_REQUIRE(log.wait_for("upstream endpoint ejected"));
    // Longer than the pause after a first failure, and than one check takes.
    const auto enough = std::chrono::steady_clock::now() + 400ms;
    while (std::chrono::steady_clock::now() < enough) {
        const auto now = forwarder().endpoints().front();
        BOOST_TEST_REQUIRE((!now.up && !now.usable));
        BOOST_TEST_REQUIRE(now.cause == "Connection refused");
        std::this_thread::yield();
    }
    BOOST_TEST(log.of("upstream endpoint restored").empty());
}

BOOST_AUTO_TEST_CASE(without_a_path_a_black_hole_is_told_from_a_refusal) {
    const silent_port silent;
    service.health_path.clear();
    service.health_timeout = 100ms;
    service.endpoints = {url_of(silent.address())};
    start();
    BOOST_REQUIRE(log.wait_for("upstream endpoint ejected"));
    BOOST_TEST(log.of("upstream endpoint ejected").front().at("reason") == "upstream_unreachable");
    BOOST_TEST(forwarder().endpoints().front().cause == "Connection timed out");
}

BOOST_AUTO_TEST_CASE(without_a_path_plain_text_where_tls_is_due_is_no_connection) {
    upstream.by_default(scripted_upstream::raw("no TLS here\r\n\r\n"));
    service.health_path.clear();
    service.health_timeout = 100ms; // the service waits for what it would know as a request
    service.endpoints = {parse_http_url("https://" + to_string(upstream.address()) + "/").value()};
    start();
    BOOST_REQUIRE(log.wait_for("upstream endpoint ejected"));
    const std::string cause = log.of("upstream endpoint ejected").front().at("what");
    BOOST_TEST(cause.starts_with("TLS handshake: "), cause);
}

BOOST_AUTO_TEST_CASE(without_a_path_closing_ends_a_look_under_way) {
    const silent_port silent;
    service.health_path.clear();
    service.health_timeout = 10min;
    service.endpoints = {url_of(silent.address())};
    start();
    forwarder().close(); // the fixture waits until the loop has nothing left to do
}

BOOST_AUTO_TEST_SUITE_END()
