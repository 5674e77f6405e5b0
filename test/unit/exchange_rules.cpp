#include "upstream/exchange_rules.hpp"

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstring>
#include <string_view>

using namespace finpost;
using namespace finpost::detail;
using state = response_guard::state;

namespace {

const error_code success;
const error_code reset = boost::asio::error::connection_reset;
const error_code would_block = boost::asio::error::would_block;
const error_code eof = boost::asio::error::eof;
const error_code truncated = reason::tls_truncated;
constexpr std::string_view until_close = "HTTP/1.1 200 OK\r\n\r\nsome";
constexpr std::string_view counted = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nsome";

} // namespace

BOOST_AUTO_TEST_SUITE(exchange_rules)

BOOST_AUTO_TEST_CASE(what_a_read_came_to_is_told_to_the_guard) {
    const struct {
        const char* what;
        std::string_view before; // of the response
        result<std::size_t> read;
        bool request_is_whole;
        response_guard::state then;
    } table[] = {
        {"nothing is there", "", would_block, true, state::more},
        {"nothing more is there", until_close, would_block, true, state::more},
        {"an end of a body", until_close, eof, true, state::complete},
        {"an end while the request goes out", until_close, eof, false, state::failed},
        {"an end without a response", "", eof, true, state::failed},
        {"an end in a body of a length", counted, eof, true, state::failed},
        {"a reset ends no body", until_close, reset, true, state::failed},
        {"nor does a truncation", until_close, truncated, true, state::failed},
    };
    for (const auto& row : table) {
        response_guard guard(1 << 20, nullptr);
        if (!row.before.empty()) {
            BOOST_REQUIRE(guard.make_room());
            std::memcpy(guard.buffer().writable().data(), row.before.data(), row.before.size());
            const auto read = result<std::size_t>(row.before.size());
            BOOST_REQUIRE((take_read(guard, read, true) == state::more));
        }
        BOOST_TEST((take_read(guard, row.read, row.request_is_whole) == row.then), row.what);
    }
}

BOOST_AUTO_TEST_CASE(a_certificate_is_rejected_before_anything_was_answered) {
    response_guard guard(1 << 20, nullptr);
    const result<std::size_t> rejected = make_error_code(reason::tls_handshake);
    BOOST_TEST(rejects_certificate(rejected, guard, false));
    BOOST_TEST(!rejects_certificate(rejected, guard, true));
    BOOST_TEST(!rejects_certificate(reset, guard, false));
    BOOST_TEST(!rejects_certificate(std::size_t{1}, guard, false));
    BOOST_REQUIRE(guard.make_room());
    std::memcpy(guard.buffer().writable().data(), "H", 1);
    guard.received(1);
    BOOST_TEST(!rejects_certificate(rejected, guard, false));
}

BOOST_AUTO_TEST_CASE(a_request_is_sent_again_only_when_nobody_can_have_acted_on_it_for_an_answer) {
    const struct {
        const char* what;
        bool repeatable;
        error_code failed;
        int status;
        bool started;
        bool again;
    } table[] = {
        {"closed without a byte", true, reason::upstream_incomplete, 0, false, true},
        {"closed on a new connection", false, reason::upstream_incomplete, 0, false, false},
        {"closed in the middle of a head", true, reason::upstream_incomplete, 0, true, false},
        {"closed in the middle of a body", true, reason::upstream_incomplete, 200, true, false},
        {"a complete 408", true, success, 408, true, true},
        {"a 408 that was cut", true, reason::upstream_incomplete, 408, true, true},
        {"a 408 on a new connection", false, success, 408, true, false},
        {"a complete answer", true, success, 200, true, false},
        {"a complete refusal", true, success, 503, true, false},
        {"no answer in time", true, reason::upstream_timeout, 0, false, false},
        {"an answer that is no HTTP", true, reason::upstream_invalid, 0, true, false},
        {"bytes that are no HTTP and never began", true, reason::upstream_invalid, 0, false, false},
        {"the gateway stops", true, reason::draining, 0, false, false},
        {"a certificate that is rejected", true, reason::upstream_unreachable, 0, false, false},
        {"a file that cannot be read", true, reason::spill_failed, 0, false, false},
        {"no memory for the answer", true, reason::busy, 200, true, false},
    };
    for (const auto& row : table)
        BOOST_TEST(may_send_again(row.repeatable, row.failed, row.status, row.started) == row.again,
                   row.what);
}

BOOST_AUTO_TEST_CASE(an_endpoint_fails_by_what_is_its_own_fault) {
    const struct {
        error_code why;
        bool is_failure;
    } table[] = {
        {reason::upstream_unreachable, true},
        {reason::upstream_timeout, true},
        {reason::upstream_invalid, true},
        {reason::upstream_incomplete, true},
        {success, false},
        {reason::upstream_status, false},
        {reason::reply_too_large, false},
        {reason::busy, false},
        {reason::draining, false},
        {reason::spill_failed, false},
        {reason::receive_timeout, false},
        {reason::too_slow, false},
        {reason::bad_encoding, false},
        {reason::internal, false},
        {reset, false}, // of the client, in a stream
    };
    for (const auto& row : table)
        BOOST_TEST(is_endpoint_failure(row.why) == row.is_failure, row.why.message());
}

BOOST_AUTO_TEST_CASE(no_reason_says_that_nothing_was_sent_when_something_was) {
    const exchange_progress nothing;
    exchange_progress sent;
    sent.sent = true;
    exchange_progress before;
    before.sent_before = true;
    exchange_progress rejected = sent;
    rejected.rejected = true;
    exchange_progress rejected_after = rejected;
    rejected_after.sent_before = true;
    const struct {
        const char* what;
        error_code why;
        exchange_progress progress;
        error_code told;
    } table[] = {
        {"no connection", reason::upstream_unreachable, nothing, reason::upstream_unreachable},
        {"no slot", reason::busy, nothing, reason::busy},
        {"a stop before", reason::draining, nothing, reason::draining},
        {"no memory for the answer", reason::busy, sent, reason::upstream_incomplete},
        {"a stop meanwhile", reason::draining, sent, reason::upstream_incomplete},
        {"no second connection", reason::upstream_unreachable, before, reason::upstream_incomplete},
        {"no second slot", reason::busy, before, reason::upstream_incomplete},
        {"a stop between two", reason::draining, before, reason::upstream_incomplete},
        {"rejected", reason::upstream_unreachable, rejected, reason::upstream_unreachable},
        {"rejected, a stop", reason::draining, rejected, reason::draining},
        {"rejected the second time", reason::upstream_unreachable, rejected_after,
         reason::upstream_incomplete},
        {"a timeout stays one", reason::upstream_timeout, sent, reason::upstream_timeout},
        {"bad HTTP stays that", reason::upstream_invalid, sent, reason::upstream_invalid},
        {"a status stays one", reason::upstream_status, sent, reason::upstream_status},
        {"a bad file stays one", reason::spill_failed, sent, reason::spill_failed},
        {"a client's reset stays one", reset, sent, reset},
    };
    for (const auto& row : table)
        BOOST_TEST((refusal_reason(row.why, row.progress) == row.told), row.what);
}

BOOST_AUTO_TEST_CASE(successes_go_to_the_client_and_other_answers_as_configured) {
    const struct {
        int status;
        bool refusing, relaying; // by `on_status`
    } table[] = {
        {0, false, false},  {199, false, true}, {200, true, true},  {204, true, true},
        {299, true, true},  {300, false, true}, {304, false, true}, {404, false, true},
        {500, false, true}, {599, false, true},
    };
    for (const auto& row : table) {
        BOOST_TEST(is_relayed(row.status, status_policy::refuse) == row.refusing, row.status);
        BOOST_TEST(is_relayed(row.status, status_policy::relay) == row.relaying, row.status);
    }
}

BOOST_AUTO_TEST_CASE(an_upload_ends_early_for_an_answer_that_nobody_gets) {
    const struct {
        const char* what;
        int status;
        status_policy policy;
        bool whole;
        bool ends;
    } table[] = {
        {"no answer yet", 0, status_policy::refuse, false, false},
        {"no answer yet, relaying", 0, status_policy::relay, false, false},
        {"an early refusal", 413, status_policy::refuse, false, true},
        {"an early redirection", 302, status_policy::refuse, false, true},
        {"a refusal when all is sent", 413, status_policy::refuse, true, false},
        {"an early refusal that is relayed", 413, status_policy::relay, false, false},
        {"an early success", 200, status_policy::refuse, false, false},
        {"an early success, relaying", 200, status_policy::relay, false, false},
    };
    for (const auto& row : table)
        BOOST_TEST(ends_upload(row.status, row.policy, row.whole) == row.ends, row.what);
}

BOOST_AUTO_TEST_SUITE_END()
