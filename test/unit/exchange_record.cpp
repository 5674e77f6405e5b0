#include "session/exchange_record.hpp"

#include "support/log_recorder.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <new>
#include <span>
#include <string>
#include <string_view>

using namespace finpost;
using namespace finpost::detail;
using namespace finpost::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

using decided = finpost::detail::outcome;
using clock_type = exchange_deadline::clock;

// An exchange of which something was received, sent on and answered, unless a test says otherwise.
struct fixture {
    void end(access_log wanted = access_log::all, log_level threshold = log_level::debug) {
        const finpost::detail::exchange_record made{
            id,  peer,     result,   stage,    bytes_in, bytes_out, "127.0.0.1:3000",
            200, accepted, received, answered, sampled,  stopped};
        record(made, counters, recorder.as_logger(threshold), wanted);
    }
    log_recorder::record line() const {
        BOOST_REQUIRE(recorder.count("exchange") == 1u);
        return recorder.of("exchange").front();
    }
    std::uint64_t ended() const {
        return counters.replied.value() + counters.aborted.value() + counters.probes.value() +
               refused_in_all();
    }
    std::uint64_t refused_in_all() const {
        std::uint64_t all = 0;
        for (const auto& each : counters.refused) all += each.value();
        return all;
    }
    std::uint64_t timed() const {
        std::uint64_t all = 0;
        for (const std::uint64_t each : counters.exchange_seconds.read().buckets) all += each;
        return all;
    }

    log_recorder recorder;
    metrics counters;
    request_id id = request_id::generate();
    socket_address peer = parse_socket_address("192.0.2.1:4711").value();
    decided result{gateway_config()};
    session_stage stage = session_stage::reply;
    std::uint64_t bytes_in = 10, bytes_out = 20;
    clock_type::time_point accepted = clock_type::now() - 900ms;
    clock_type::time_point received = accepted + 100ms, answered = accepted + 400ms;
    bool sampled = false, stopped = false;
};

void reply(decided& of) { of.reply_ended({{}, true, false, false}); }
void abort(decided& of) { of.reply_ended({asio::error::connection_reset, true, false, true}); }
void probe(decided& of) { of.preamble_ended({asio::error::eof, false}); }

} // namespace

BOOST_FIXTURE_TEST_SUITE(exchange_record, fixture)

BOOST_AUTO_TEST_CASE(a_reply_is_counted_and_logged) {
    reply(result);
    end();
    BOOST_TEST(counters.replied.value() == 1u);
    BOOST_TEST(ended() == 1u);
    BOOST_TEST(timed() == 1u);
    const auto said = line();
    BOOST_TEST((said.level == log_level::info));
    BOOST_TEST(said.at("id") == std::string(id.text()));
    BOOST_TEST(said.at("peer") == "192.0.2.1:4711");
    BOOST_TEST(said.at("bytes_in") == "10");
    BOOST_TEST(said.at("bytes_out") == "20");
    BOOST_TEST(said.at("outcome") == "replied");
    BOOST_TEST(said.at("reason") == "");
    BOOST_TEST(said.at("upstream") == "127.0.0.1:3000");
    BOOST_TEST(said.at("status") == "200");
    BOOST_TEST(said.number("receive_ms") == 100.0);
    BOOST_TEST(said.number("upstream_ms") == 300.0);
    BOOST_TEST(said.number("reply_ms") >= 500.0);
    BOOST_TEST(said.at("client_gone") == "false");
    BOOST_TEST(said.fields.count("trace_id") == 0u);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_counted_by_its_reason) {
    result.refuse(reason::too_large);
    end();
    BOOST_TEST(counters.refused_for(reason::too_large).value() == 1u);
    BOOST_TEST(ended() == 1u);
    BOOST_TEST(line().at("outcome") == "refused");
    BOOST_TEST(line().at("reason") == "too_large");
}

BOOST_AUTO_TEST_CASE(an_abort_is_counted) {
    result.client_reset();
    abort(result);
    end();
    BOOST_TEST(counters.aborted.value() == 1u);
    BOOST_TEST(ended() == 1u);
    BOOST_TEST(line().at("outcome") == "aborted");
    BOOST_TEST(line().at("reason") == "aborted_reply");
    BOOST_TEST(line().at("client_gone") == "true");
}

BOOST_AUTO_TEST_CASE(a_probe_is_counted_and_has_no_line) {
    probe(result);
    end();
    BOOST_TEST(counters.probes.value() == 1u);
    BOOST_TEST(ended() == 1u);
    BOOST_TEST(timed() == 0u); // it is no exchange
    BOOST_TEST(recorder.count("exchange") == 0u);
    BOOST_REQUIRE(recorder.count("probe") == 1u);
    BOOST_TEST(recorder.of("probe").front().at("peer") == "192.0.2.1:4711");
}

BOOST_AUTO_TEST_CASE(what_an_exception_has_cut_is_refused_and_lasted_until_now) {
    stage = session_stage::handle;
    answered = accepted; // nobody noted it
    end();
    BOOST_TEST(counters.refused_for(reason::internal).value() == 1u);
    BOOST_TEST(line().at("reason") == "internal");
    BOOST_TEST(line().number("receive_ms") == 100.0);
    BOOST_TEST(line().number("upstream_ms") >= 800.0);
    BOOST_TEST(line().number("reply_ms") == 0.0);
}

BOOST_AUTO_TEST_CASE(what_an_exception_has_cut_while_it_received) {
    stage = session_stage::receive;
    received = answered = accepted;
    end();
    BOOST_TEST(line().number("receive_ms") >= 900.0);
    BOOST_TEST(line().number("upstream_ms") == 0.0);
}

BOOST_AUTO_TEST_CASE(times_never_go_back) {
    reply(result);
    answered = received - 50ms; // refused before it was received, say
    end();
    BOOST_TEST(line().number("upstream_ms") == 0.0);
}

BOOST_AUTO_TEST_CASE(a_sampled_exchange_says_its_trace) {
    reply(result);
    sampled = true;
    end();
    const auto trace = id.trace_id();
    BOOST_TEST(line().at("trace_id") == std::string(trace.data(), trace.size()));
}

BOOST_AUTO_TEST_CASE(the_access_log_may_be_off) {
    reply(result);
    end(access_log::off);
    BOOST_TEST(recorder.count("exchange") == 0u);
    BOOST_TEST(counters.replied.value() == 1u);
}

BOOST_AUTO_TEST_CASE(the_access_log_may_have_refusals_only) {
    reply(result);
    end(access_log::refused);
    BOOST_TEST(recorder.count("exchange") == 0u);
}

BOOST_AUTO_TEST_CASE(an_abort_is_no_refusal_in_the_access_log) {
    abort(result);
    end(access_log::refused);
    BOOST_TEST(recorder.count("exchange") == 0u);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_in_the_access_log_of_refusals) {
    result.refuse(reason::busy);
    end(access_log::refused);
    BOOST_TEST(recorder.count("exchange") == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_cut_by_an_exception_is_a_refusal_in_the_access_log) {
    end(access_log::refused);
    BOOST_TEST(recorder.count("exchange") == 1u);
}

BOOST_AUTO_TEST_CASE(below_its_level_nothing_is_logged) {
    reply(result);
    end(access_log::all, log_level::warning);
    BOOST_TEST(recorder.count("exchange") == 0u);
    BOOST_TEST(counters.replied.value() == 1u);
}

BOOST_AUTO_TEST_CASE(a_stop_that_cuts_is_counted) {
    result.refuse(reason::draining);
    stopped = true;
    end();
    BOOST_TEST(counters.cut.value() == 1u);
}

BOOST_AUTO_TEST_CASE(a_stop_that_cuts_nothing_is_not) {
    result.refuse(reason::draining);
    stopped = true;
    bytes_in = 0;
    end();
    BOOST_TEST(counters.cut.value() == 0u);
}

BOOST_AUTO_TEST_CASE(a_logger_that_throws_changes_no_counter) {
    reply(result);
    const finpost::detail::exchange_record made{id,        peer,    result, stage,    bytes_in,
                                                bytes_out, "",      0,      accepted, received,
                                                answered,  sampled, stopped};
    const logger throwing(
        log_level::debug,
        [](log_level, std::string_view, std::span<const log_field>) { throw std::bad_alloc(); });
    record(made, counters, throwing, access_log::all);
    BOOST_TEST(counters.replied.value() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
