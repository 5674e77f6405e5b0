// Rows D5 to D9: clients that go, or do not read, while they are answered.
#include "faults/downstream_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <future>

#include <poll.h>
#include <sys/socket.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t large = 30'000'000; // more than the kernel buffers on both sides

// Reads a byte now and then until the connection ends; how it ended.
raw_client::ending read_slowly(raw_client& client, std::chrono::milliseconds pause) {
    for (int i = 0; i < 10'000; ++i) {
        pollfd one{client.fd(), POLLRDHUP, 0}; // an end or nothing: data does not wake it
        if (::poll(&one, 1, static_cast<int>(pause.count())) > 0 &&
            (one.revents & (POLLERR | POLLHUP)) != 0)
            return raw_client::ending::reset;
        char byte = 0;
        if (::recv(client.fd(), &byte, 1, MSG_DONTWAIT) == 0) return raw_client::ending::fin;
    }
    return raw_client::ending::timeout;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(downstream_reply, downstream_fixture)

BOOST_AUTO_TEST_CASE(D5_a_reset_is_noticed_while_the_service_works_and_the_exchange_is_finished) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    raw_client client = connect();
    client.send("deliver me").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    client.reset();
    // Before the service has answered.
    BOOST_TEST(until([&] { return counters.client_gone.value() == 1; }));
    BOOST_TEST(log.count("exchange") == 0u);
    upstream.on(2, scripted_upstream::echo());
    expect_served();
    upstream.open_gate();
    const auto line = access_line(2);
    BOOST_TEST(line.at("outcome") == "aborted");
    BOOST_TEST(line.at("reason") == "aborted_reply");
    BOOST_TEST(line.at("client_gone") == "true");
    BOOST_TEST(line.at("status") == "200");
    BOOST_TEST(line.at("bytes_out") == "0");
    BOOST_TEST(upstream.complete() == 2u);
    BOOST_TEST(counters.client_gone.value() == 1u);
    BOOST_TEST(counters.aborted.value() == 1u);
}

BOOST_AUTO_TEST_CASE(D5_an_empty_reply_is_not_logged_as_written_to_a_client_that_has_gone) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::raw(response(200, ""))));
    start();
    for (std::size_t n = 1; n <= 20; ++n) {
        raw_client client = connect();
        client.send("no answer needed").half_close();
        BOOST_TEST(upstream.wait_for_requests(n));
        client.reset();
        upstream.open_gate(); // too soon for the watch, from the second on
        const auto line = access_line(n);
        BOOST_TEST(line.at("outcome") ==
                   (line.at("client_gone") == "true" ? "aborted" : "replied"));
        if (n == 1) BOOST_TEST(line.at("client_gone") == "true");
    }
    upstream.by_default(scripted_upstream::raw(response(200, "")));
    const auto got = exchange("another client");
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::fin));
    BOOST_TEST(access_line(21).at("outcome") == "replied");
}

BOOST_AUTO_TEST_CASE(D5_a_refused_exchange_says_its_reason_and_that_nobody_read_it) {
    service.total = 600ms;
    upstream.by_default(scripted_upstream::never());
    start();
    raw_client client = connect();
    client.send("patience").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    client.reset();
    const auto line = access_line();
    BOOST_TEST(line.at("outcome") == "refused");
    BOOST_TEST(line.at("reason") == "upstream_timeout");
    BOOST_TEST(line.at("client_gone") == "true");
    BOOST_TEST(refused(reason::upstream_timeout) == 1u);
    BOOST_TEST(counters.client_gone.value() == 1u);
}

BOOST_AUTO_TEST_CASE(D5_a_client_that_only_waits_is_not_taken_for_gone) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    raw_client client = connect();
    client.send("patience").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    pollfd one{client.fd(), POLLIN, 0};
    BOOST_TEST(::poll(&one, 1, 400) == 0); // long enough to be watched
    upstream.open_gate();
    BOOST_TEST(client.read_to_end().bytes == "patience");
    BOOST_TEST(access_line().at("client_gone") == "false");
    BOOST_TEST(counters.client_gone.value() == 0u);
}

BOOST_AUTO_TEST_CASE(D5_or_cancelled_where_that_is_wanted) {
    config.on_client_reset = client_reset_policy::cancel;
    upstream.by_default(scripted_upstream::never());
    start();
    raw_client client = connect();
    client.send("never mind").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    client.reset();
    const auto line = access_line();
    BOOST_TEST(line.at("outcome") == "aborted");
    BOOST_TEST(line.at("reason") == "aborted_handle");
    BOOST_TEST(line.at("client_gone") == "true");
    BOOST_TEST(upstream.wait_for_open_connections(0));
    BOOST_TEST(counters.aborted.value() == 1u);
    BOOST_TEST(counters.client_gone.value() == 1u);
}

BOOST_AUTO_TEST_CASE(D6_a_client_that_closed_is_noticed_at_the_second_write_at_the_latest) {
    service.max_reply = large;
    upstream.by_default(
        scripted_upstream::held(scripted_upstream::raw(response(200, some_bytes(large)))));
    upstream.on(2, scripted_upstream::echo());
    start();
    raw_client client = connect();
    client.send("a lot, please").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    client.close(); // a FIN was sent already: nothing tells the gateway
    expect_served();
    upstream.open_gate();
    const auto line = expect_aborted("aborted_reply");
    BOOST_TEST(line.at("client_gone") == "true");
    BOOST_TEST(line.number("bytes_out") < static_cast<double>(large));
    BOOST_TEST(counters.client_gone.value() == 1u);
    upstream.by_default(scripted_upstream::echo());
    expect_served(); // no SIGPIPE
}

BOOST_AUTO_TEST_CASE(D7_a_client_that_never_reads_is_reset_and_cannot_take_it_for_the_end) {
    config.reply_total = 300ms;
    service.max_reply = large;
    upstream.on(1, scripted_upstream::raw(response(200, some_bytes(large))));
    start();
    raw_client client = connect();
    client.send("a lot, please").half_close();
    BOOST_TEST(upstream.wait_for_requests(1));
    expect_served();
    const auto line = line_with("aborted_reply");
    BOOST_TEST(line.at("outcome") == "aborted");
    BOOST_TEST(line.at("reason") == "aborted_reply");
    BOOST_TEST(line.number("bytes_out") < static_cast<double>(large));
    BOOST_TEST(line.number("reply_ms") >= 290);
    const auto got = client.read_to_end();
    BOOST_TEST((got.how == raw_client::ending::reset));
    BOOST_TEST(got.bytes.size() < large);
    BOOST_TEST(counters.aborted.value() == 1u);
}

BOOST_AUTO_TEST_CASE(D7_a_client_that_reads_late_gets_everything) {
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

BOOST_AUTO_TEST_CASE(D6_a_client_that_resets_while_its_reply_is_written) {
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

BOOST_AUTO_TEST_CASE(D8_a_reply_read_byte_by_byte_is_reset_when_it_is_slower_than_allowed) {
    config.min_rate = 4 << 20; // above what fills the kernels' buffers, divided by the 5 s
    service.max_reply = large;
    upstream.on(1, scripted_upstream::raw(response(200, some_bytes(large))));
    start();
    raw_client client = connect();
    client.send("a lot, please").half_close();
    auto end = std::async(std::launch::async, [&] { return read_slowly(client, 50ms); });
    BOOST_TEST(upstream.wait_for_requests(1));
    expect_served();
    BOOST_TEST((end.get() == raw_client::ending::reset));
    const auto line = access_line(2);
    BOOST_TEST(line.at("outcome") == "aborted");
    BOOST_TEST(line.at("reason") == "too_slow");
    BOOST_TEST(line.at("client_gone") == "false");
    BOOST_TEST(line.number("reply_ms") >= 4990);  // nobody is judged before 5 s
    BOOST_TEST(line.number("reply_ms") < 20'000); // long before --reply-total
    BOOST_TEST(counters.aborted.value() == 1u);
    BOOST_TEST(refused(reason::too_slow) == 0u); // its bytes are no refusal
}

BOOST_AUTO_TEST_CASE(D8_whoever_reads_fast_enough_gets_it_all_although_it_takes_longer) {
    config.min_rate = 1 << 20;
    service.max_reply = large;
    upstream.by_default(scripted_upstream::raw(response(200, some_bytes(large))));
    start();
    raw_client client = connect();
    client.send("a lot, please").half_close();
    // About 4 MB a second, for more than 5 s.
    std::string got;
    std::array<char, 200'000> piece;
    for (ssize_t n = 1; n > 0;) {
        pollfd pause{-1, 0, 0};
        pollfd more{client.fd(), POLLIN, 0};
        if (got.size() < large) ::poll(&pause, 1, 50); // the speed is what is under test
        ::poll(&more, 1, 20'000);
        n = ::recv(client.fd(), piece.data(), piece.size(), 0);
        if (n > 0) got.append(piece.data(), static_cast<std::size_t>(n));
    }
    BOOST_TEST((got == some_bytes(large)));
    const auto line = access_line();
    BOOST_TEST(line.at("outcome") == "replied");
    BOOST_TEST(line.number("reply_ms") > 5000);
}

BOOST_AUTO_TEST_SUITE_END()
