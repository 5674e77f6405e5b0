#include "probe.hpp"

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace std::chrono_literals;

namespace {

// Half-closed after 300 ms, ended after 301.
exchange_result half_closed(exchange_stage stage, std::uint64_t received = 0) {
    exchange_result out;
    out.stage = stage;
    out.half_closed = 300ms;
    out.ended = 301ms;
    out.received = received;
    if (received > 0) out.first_byte = 301ms;
    return out;
}

int code(bool payload, error_code failed, const exchange_result& result) {
    const probe_verdict verdict = judge_probe({"device.test", 5000}, payload, failed, result);
    BOOST_TEST(verdict.text != "");
    return verdict.code;
}

} // namespace

BOOST_AUTO_TEST_SUITE(probe)

BOOST_AUTO_TEST_CASE(an_end_after_the_half_close_of_nothing_is_good_news) {
    BOOST_TEST(code(false, {}, half_closed(exchange_stage::done)) == 0);
}

BOOST_AUTO_TEST_CASE(with_a_payload_only_an_answer_is) {
    BOOST_TEST(code(true, {}, half_closed(exchange_stage::done)) == 6);
    BOOST_TEST(code(true, {}, half_closed(exchange_stage::done, 5)) == 0);
    exchange_result refused = half_closed(exchange_stage::receive, 60);
    refused.refused = reason::bad_encoding;
    BOOST_TEST(code(true, reason::bad_encoding, refused) == 0);
    refused.refused = reason::receive_timeout; // it did not see the half-close
    BOOST_TEST(code(true, reason::receive_timeout, refused) == 5);
}

BOOST_AUTO_TEST_CASE(what_comes_before_the_half_close_is_no_answer_to_it) {
    exchange_result early = half_closed(exchange_stage::done, 5);
    early.first_byte = 100ms;
    BOOST_TEST(code(true, {}, early) == 6);
    exchange_result gone;
    gone.stage = exchange_stage::send;
    BOOST_TEST(code(false, boost::asio::error::broken_pipe, gone) == 6);
    gone.refused = reason::busy;
    BOOST_TEST(code(false, reason::busy, gone) == 5);
}

BOOST_AUTO_TEST_CASE(silence_and_cuts_are_told_apart) {
    BOOST_TEST(code(false, boost::asio::error::timed_out, half_closed(exchange_stage::wait)) == 4);
    BOOST_TEST(
        code(false, boost::asio::error::connection_reset, half_closed(exchange_stage::wait)) == 6);
    BOOST_TEST(code(false, boost::asio::error::connection_refused, {}) == 3);
    BOOST_TEST(code(true, reason::tls_truncated, half_closed(exchange_stage::receive, 5)) == 6);
}

BOOST_AUTO_TEST_SUITE_END()
