// Clients that do not read their reply.
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t large = 30'000'000; // more than the kernel buffers on both sides

} // namespace

BOOST_FIXTURE_TEST_SUITE(slow_reader, gateway_fixture)

BOOST_AUTO_TEST_CASE(a_client_that_never_reads_is_reset_and_cannot_take_it_for_the_end) {
    config.reply_total = 300ms;
    service.max_reply = large;
    upstream.by_default(scripted_upstream::raw(response(200, some_bytes(large))));
    start();
    raw_client client = connect();
    client.send("a lot, please").half_close();
    const auto line = access_line();
    BOOST_TEST(line.at("outcome") == "aborted");
    BOOST_TEST(line.at("reason") == "aborted_reply");
    BOOST_TEST(line.number("bytes_out") < static_cast<double>(large));
    BOOST_TEST(line.number("reply_ms") >= 290);
    const auto got = client.read_to_end();
    BOOST_TEST((got.how == raw_client::ending::reset));
    BOOST_TEST(got.bytes.size() < large);
    BOOST_TEST(counters.aborted.value() == 1u);
}

BOOST_AUTO_TEST_CASE(a_client_that_reads_late_gets_everything) {
    service.max_reply = large;
    upstream.by_default(scripted_upstream::raw(response(200, some_bytes(large))));
    start();
    raw_client client = connect();
    client.send("a lot, please").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    BOOST_TEST(!log.wait_for("exchange", 1, 300ms)); // it is being written
    const auto got = client.read_to_end();
    BOOST_TEST((got.bytes == some_bytes(large)));
    BOOST_TEST((got.how == raw_client::ending::fin));
    BOOST_TEST(access_line().at("outcome") == "replied");
}

BOOST_AUTO_TEST_CASE(a_client_that_resets_while_its_reply_is_written) {
    service.max_reply = large;
    upstream.by_default(scripted_upstream::raw(response(200, some_bytes(large))));
    start();
    raw_client client = connect();
    client.send("a lot, please").half_close();
    client.read_at_least(1000);
    client.reset();
    BOOST_TEST(access_line().at("reason") == "aborted_reply");
    BOOST_TEST(access_line().at("client_gone") == "true");
}

BOOST_AUTO_TEST_SUITE_END()
