// Payloads that are too large, too slow, or never end.
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <future>

#include <poll.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// Sends a byte every 20 ms until the gateway has something to say, at most for 20 s.
void trickle(raw_client& client) {
    for (int i = 0; i < 1000; ++i) {
        client.send_some("x", 1s);
        pollfd one{client.fd(), POLLIN, 0};
        if (::poll(&one, 1, 20) != 0) return;
    }
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(receive_limits, gateway_fixture)

BOOST_AUTO_TEST_CASE(the_largest_payload_and_one_byte_more) {
    config.max_payload = 100'000;
    start();
    BOOST_TEST((exchange(some_bytes(100'000)).bytes == some_bytes(100'000)));
    expect_refusal(exchange(some_bytes(100'001)), reason::too_large);
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_CASE(the_refusal_reaches_a_client_that_is_still_sending) {
    config.max_payload = 10'000;
    start();
    raw_client client = connect();
    client.send(some_bytes(6'000'000)); // far more than the kernel buffers: somebody reads it
    expect_refusal(client.read_to_end(), reason::too_large);
    client.send(some_bytes(1000)).half_close();
    BOOST_TEST(upstream.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(a_client_that_never_stops_sending_is_cut_in_time) {
    config.max_payload = 10'000;
    config.linger = 300ms;
    start();
    raw_client client = connect();
    auto sent = std::async(std::launch::async, [&client] {
        const std::string data = some_bytes(1'000'000);
        std::size_t total = 0;
        for (std::size_t n = data.size(); n == data.size(); total += n)
            n = client.send_some(data, 10s);
        return total;
    });
    const std::string line = client.read_at_least(55);
    BOOST_TEST(refusal_reason(line) == "too_large");
    BOOST_TEST(sent.get() > 0u); // ends, since the gateway closes
    BOOST_TEST(refused(reason::too_large) == 1u);
}

BOOST_AUTO_TEST_CASE(a_payload_without_an_end_is_refused_when_nothing_comes) {
    config.receive_idle = 200ms;
    start();
    raw_client client = connect();
    client.send("no end");
    expect_refusal(client.read_to_end(), reason::receive_timeout);
    BOOST_TEST(access_line().number("receive_ms") >= 190);
    BOOST_TEST(access_line().at("bytes_in") == "6");
    BOOST_TEST(upstream.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(and_also_when_a_little_comes_all_the_time) {
    config.receive_idle = 5s;
    config.receive_total = 400ms;
    start();
    raw_client client = connect();
    trickle(client);
    expect_refusal(client.read_to_end(), reason::receive_timeout);
    BOOST_TEST(access_line().number("receive_ms") >= 390);
    BOOST_TEST(upstream.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(whoever_goes_on_sending_has_time) {
    config.receive_idle = 3s;
    start();
    raw_client client = connect();
    for (int i = 0; i < 35; ++i) {
        client.send("x");
        pollfd one{client.fd(), POLLIN, 0};
        BOOST_TEST(::poll(&one, 1, 100) == 0); // nothing to read: a pause far below the limit
    }
    client.half_close();
    BOOST_TEST(client.read_to_end().bytes == std::string(35, 'x'));
}

BOOST_AUTO_TEST_CASE(a_connection_that_never_says_anything_is_a_probe) {
    config.receive_idle = 200ms;
    start();
    raw_client client = connect();
    const auto got = client.read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::fin));
    BOOST_TEST(log.wait_for("probe"));
    BOOST_TEST(counters.probes.value() == 1u);
}

BOOST_AUTO_TEST_CASE(an_upload_slower_than_allowed_is_refused) {
    config.min_rate = 1 << 20;
    start();
    raw_client client = connect();
    trickle(client);
    expect_refusal(client.read_to_end(), reason::too_slow);
    BOOST_TEST(access_line().number("receive_ms") >= 4990); // nobody is judged before 5 s
    BOOST_TEST(upstream.connections() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
