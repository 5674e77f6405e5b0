// Rows D13 to D16: who comes in, when nothing may, and how much is held for them.
#include "faults/downstream_fixture.hpp"
#include "faults/failing_accept.hpp"
#include "faults/failing_send.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <future>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// As many descriptors as are open now, and `more`; as before when it goes.
class descriptor_shortage {
public:
    explicit descriptor_shortage(std::size_t more = 0) {
        BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before_) == 0);
        rlimit now = before_;
        const int next = ::dup(0); // the lowest free number
        BOOST_REQUIRE(next >= 0);
        ::close(next);
        now.rlim_cur = static_cast<rlim_t>(next) + more;
        BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &now) == 0);
    }
    ~descriptor_shortage() { end(); }
    void end() { ::setrlimit(RLIMIT_NOFILE, &before_); }

private:
    rlimit before_{};
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(downstream_accept, downstream_fixture)

BOOST_AUTO_TEST_CASE(a_denied_address_is_reset_before_there_is_a_session) {
    config.listen = {parse_socket_address("127.0.0.1:0").value(),
                     parse_socket_address("[::1]:0").value()};
    config.deny = {parse_network("::1").value()};
    start();
    auto held = hold_threads(); // or the reset is there before `connect` has returned
    raw_client kept_out(address(1));
    const std::string peer = to_string(kept_out.local());
    held.reset();
    const auto got = kept_out.read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::reset));
    expect_served();
    const auto lines = log.of("exchange");
    BOOST_REQUIRE(lines.size() == 2u); // counted and logged as any other
    BOOST_TEST(lines[0].at("peer") == peer);
    BOOST_TEST(lines[0].at("outcome") == "refused");
    BOOST_TEST(lines[0].at("reason") == "denied");
    BOOST_TEST(refused(reason::denied) == 1u);
    BOOST_TEST(log.count("accepted") == 1u); // sessions: the other client's
}

BOOST_AUTO_TEST_CASE(a_denied_client_that_has_sent_gets_the_fin_that_close_asks_for) {
    config.deny = {parse_network("127.0.0.1").value()};
    config.on_refusal = refusal_style::close;
    start();
    auto held = hold_threads(); // until its bytes are there
    raw_client kept_out = connect();
    kept_out.send("unread bytes make a reset of a close");
    held.reset();
    const auto got = kept_out.read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::fin));
    BOOST_TEST(refused(reason::denied) == 1u);
}

BOOST_AUTO_TEST_CASE(with_an_allow_list_everybody_else_is_denied) {
    config.listen = {parse_socket_address("127.0.0.1:0").value(),
                     parse_socket_address("[::1]:0").value()};
    config.allow = {parse_network("::1").value()};
    config.on_refusal = refusal_style::close;
    start();
    for (int i = 0; i < 100; ++i) {
        const auto got = raw_client(address(0)).read_to_end();
        BOOST_TEST(got.bytes == "");
        BOOST_TEST((got.how == raw_client::ending::fin));
    }
    BOOST_TEST(test::exchange(address(1), "let in").bytes == "let in");
    BOOST_TEST(refused(reason::denied) == 100u);
}

BOOST_AUTO_TEST_CASE(D13_a_flood_waits_in_the_backlog_and_everybody_is_served) {
    config.max_connections = 8;
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    std::vector<raw_client> flood;
    for (int i = 0; i < 400; ++i) flood.push_back(connect());
    for (std::size_t i = 0; i < flood.size(); ++i) flood[i].send(std::to_string(i)).half_close();
    BOOST_TEST(upstream.wait_for_requests(8));
    BOOST_TEST(!log.wait_for("accepted", 9, 200ms)); // nothing is held for the ninth
    BOOST_TEST(sessions() == 8u);
    BOOST_TEST(counters.buffered_bytes.value() < 8 * 64 * 1024);
    upstream.open_gate();
    for (std::size_t i = 0; i < flood.size(); ++i)
        BOOST_TEST(flood[i].read_to_end().bytes == std::to_string(i));
    BOOST_TEST(counters.replied.value() == flood.size());
}

BOOST_AUTO_TEST_CASE(D13_more_than_allowed_from_one_address_are_refused_at_once) {
    config.listen = {parse_socket_address("127.0.0.1:0").value(),
                     parse_socket_address("[::1]:0").value()};
    config.max_per_source = 3;
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    std::vector<raw_client> first;
    for (int i = 0; i < 3; ++i) first.push_back(connect());
    for (raw_client& one : first) one.send("held").half_close();
    BOOST_TEST(upstream.wait_for_requests(3));
    for (int i = 0; i < 50; ++i) expect_refusal(exchange("one too many"), reason::busy);
    expect_refusal(exchange(some_bytes(3'000'000)), reason::busy); // while it is still sending
    auto other =
        std::async(std::launch::async, [&] { return test::exchange(address(1), "v6").bytes; });
    BOOST_TEST(upstream.wait_for_requests(4)); // another address is nobody's neighbour
    upstream.open_gate();
    BOOST_TEST(other.get() == "v6");
    for (raw_client& one : first) BOOST_TEST(one.read_to_end().bytes == "held");
    BOOST_TEST(refused(reason::busy) == 51u);
    BOOST_TEST(exchange("free again").bytes == "free again");
}

// UBSan asks the kernel for a pipe before it looks at an object's type, and takes an object for a
// wrong one where there is no descriptor for that.
#ifndef __SANITIZE_ADDRESS__
BOOST_AUTO_TEST_CASE(
    D14_without_descriptors_one_client_is_refused_a_moment_and_then_all_are_served) {
    start();
    BOOST_TEST(exchange("before").bytes == "before");      // the upstream's connection is there
    BOOST_REQUIRE(until([&] { return sessions() == 0; })); // its descriptor would be a free one
    std::vector<raw_client> clients;
    auto held = hold_threads(); // so that all of them wait in the backlog
    for (int i = 0; i < 6; ++i) clients.push_back(connect());
    for (std::size_t i = 0; i < 3; ++i)
        clients[i].send(some_bytes(5000)); // unread, it would be a reset
    descriptor_shortage shortage;
    held.reset();
    const auto began = std::chrono::steady_clock::now();
    const auto used = processor_time();
    // One that finds no descriptor is told so, with the descriptor kept for that.
    for (std::size_t i = 0; i < 3; ++i) {
        const auto got = clients[i].read_to_end();
        BOOST_TEST(refusal_reason(got.bytes) == "busy");
        BOOST_TEST((got.how == raw_client::ending::fin));
    }
    const auto took = std::chrono::steady_clock::now() - began;
    BOOST_TEST((took >= 150ms)); // one a pause, and no more
    BOOST_TEST((processor_time() - used < took / 2));
    BOOST_TEST(refused(reason::busy) >= 3u);
    BOOST_TEST(counters.accept_errors.value() <= 1u + static_cast<std::size_t>(took / 90ms));
    BOOST_TEST(log.count("accept failed") == 1u);
    const auto freed = std::chrono::steady_clock::now();
    shortage.end();
    clients[5].send("after").half_close();
    const auto last = clients[5].read_to_end();
    BOOST_TEST(
        (std::chrono::steady_clock::now() - freed < 2s)); // the script beside this says 250 ms
    BOOST_TEST((last.bytes == "after" || refusal_reason(last.bytes) == "busy"));
    expect_served();
    BOOST_REQUIRE(log.wait_for("accepting again"));
    const auto over = log.of("accepting again").at(0);
    BOOST_TEST(over.number("refused") == static_cast<double>(refused(reason::busy)));
    BOOST_TEST(over.number("short_ms") >= 100);
    BOOST_TEST(log.count("accept failed") == 1u);
    for (std::size_t i = 3; i < 5; ++i) clients[i].close();
}
#endif

// There is no session then, and no end but the one that was asked for: a line that is not whole is
// none.
BOOST_AUTO_TEST_CASE(D14_whoever_is_refused_without_a_descriptor_reads_what_was_asked_for) {
    const auto refused_in = [](refusal_style style, bool choked, int error = EMFILE) {
        downstream_fixture one;
        one.config.on_refusal = style;
        one.start();
        if (choked) choke_on("finpost: busy");
        auto held = one.hold_threads();
        raw_client client = one.connect();
        fail_accepts(error, 1); // the next one succeeds, with the spare descriptor
        held.reset();
        const auto got = client.read_to_end();
        client.close();
        choke_on({});
        BOOST_TEST(one.refused(reason::busy) == 1u);
        one.expect_served();
        one.teardown();
        return got;
    };
    const auto line = refused_in(refusal_style::line, false);
    BOOST_TEST(refusal_reason(line.bytes) == "busy");
    BOOST_TEST((line.how == raw_client::ending::fin));
    // The same when it is the machine that has no more, and not this process.
    BOOST_TEST(refusal_reason(refused_in(refusal_style::line, false, ENFILE).bytes) == "busy");
    const auto close = refused_in(refusal_style::close, false);
    BOOST_TEST(close.bytes == "");
    BOOST_TEST((close.how == raw_client::ending::fin));
    const auto reset = refused_in(refusal_style::reset, false);
    BOOST_TEST(reset.bytes == "");
    BOOST_TEST((reset.how == raw_client::ending::reset));
    BOOST_TEST((refused_in(refusal_style::line, true).how == raw_client::ending::reset));
}

BOOST_AUTO_TEST_CASE(D14_without_memory_it_waits_a_moment_and_goes_on) {
    start();
    std::size_t n = 0;
    for (const int error : {ENOBUFS, ENOMEM, ENOBUFS}) {
        {
            const auto held = hold_threads(); // no accept is under way
            fail_accepts(error, 1);
        }
        BOOST_TEST(exchange("patient").bytes == "patient");
        BOOST_TEST(failed_accepts() == 1u);
        BOOST_TEST(log.wait_for("accepting again", ++n));
        BOOST_TEST(log.count("accept failed") == n);
    }
    BOOST_TEST(counters.accept_errors.value() == 3u);
}

BOOST_AUTO_TEST_CASE(D15_an_error_about_one_connection_ends_nothing) {
    start();
    for (const int error : {ECONNABORTED, EPROTO, EPERM, ENETDOWN, EINTR, ENOPROTOOPT, EHOSTDOWN,
                            ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH}) {
        fail_accepts(error, 100); // more than one round of accepts
        BOOST_TEST(exchange("served").bytes == "served");
        BOOST_TEST(failed_accepts() == 100u);
    }
    BOOST_TEST(counters.accept_errors.value() == 0u);
    BOOST_TEST(log.count("accept failed") == 0u);
}

BOOST_AUTO_TEST_CASE(D16_payloads_beyond_the_budget_wait_or_are_refused_and_never_held) {
    config.max_payload = 1 << 20;
    config.max_buffered = 4 << 20;
    config.spill_above = 0; // off: there is no other place
    config.receive_idle = 1s;
    upstream.by_default(scripted_upstream::held(scripted_upstream::raw(response(200, "done"))));
    start();
    std::atomic<bool> over{false};
    std::atomic<std::int64_t> most{0};
    std::thread watcher([&] {
        while (!over) most = std::max(most.load(), counters.buffered_bytes.value());
    });
    const std::vector<std::string> payloads(20, some_bytes(1 << 20));
    auto replies =
        std::async(std::launch::async, [&] { return exchange_all(address(), payloads, 20); });
    BOOST_TEST(log.wait_for("exchange", 15)); // those without room, when their time is over
    upstream.open_gate();
    std::size_t done = 0, busy = 0;
    for (const auto& got : replies.get()) {
        done += got.bytes == "done";
        busy += refusal_reason(got.bytes) == "busy";
        if (got.bytes != "done" && refusal_reason(got.bytes) != "busy")
            BOOST_TEST_MESSAGE("told: " << got.bytes);
    }
    over = true;
    watcher.join();
    BOOST_TEST(done >= 1u);
    BOOST_TEST(done + busy == 20u);
    BOOST_TEST(refused(reason::busy) >= busy);
    const std::int64_t heads = 4 * (16 << 10); // of replies, which come on top
    BOOST_TEST(most.load() <= static_cast<std::int64_t>(config.max_buffered) + heads);
    upstream.by_default(scripted_upstream::echo());
    BOOST_TEST(exchange("room again").bytes == "room again");
}

BOOST_AUTO_TEST_CASE(D16_a_small_payload_whose_fin_comes_later_stands_in_no_line) {
    config.max_payload = 1 << 20;
    config.max_buffered = (1 << 20) + (64 << 10);
    config.spill_above = 0; // off
    start();
    auto large = connect();
    large.send(
        some_bytes(10'000)); // and may need all there is, but for what is kept for small ones
    BOOST_TEST_REQUIRE(until([&] { return counters.buffered_bytes.value() >= 10'000; }));
    auto small = connect();
    small.send(some_bytes(1000));
    BOOST_TEST_REQUIRE(wait_for_bytes_in(2));
    BOOST_TEST(small.half_close().read_to_end().bytes.size() == 1000u);
    BOOST_TEST(refused(reason::receive_timeout) == 0u); // the large one is still there
}

BOOST_AUTO_TEST_SUITE_END()
