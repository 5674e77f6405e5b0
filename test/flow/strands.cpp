// Four threads under one io_context: each session runs on its own strand. Made for ThreadSanitizer.
#include "support/gateway_fixture.hpp"

#include "finpost/exchange_deadline.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <mutex>
#include <set>
#include <thread>

namespace asio = boost::asio;
using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

struct verdicts {
    std::atomic<std::size_t> off_strand{0};
    std::atomic<std::size_t> steps{0};
    std::mutex mutex;
    std::set<std::thread::id> threads; // that ran handlers
};

// Whether this thread is in the strand behind `executor`.
bool on_strand(const asio::any_io_executor& executor) {
    const auto* const strand = executor.target<asio::strand<asio::io_context::executor_type>>();
    return strand != nullptr && strand->running_in_this_thread();
}

void look(const asio::any_io_executor& executor, verdicts& seen) {
    if (!on_strand(executor)) ++seen.off_strand;
    ++seen.steps;
    const std::lock_guard lock(seen.mutex);
    seen.threads.insert(std::this_thread::get_id());
}

// Goes to sleep several times, so that it wakes up on other threads. What it counts is neither
// atomic nor locked: ThreadSanitizer reports it unless the strand orders it, cancellation included.
asio::awaitable<reply> hop(request asked, verdicts& seen, int naps) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    int touched = 0;
    asio::steady_timer timer(executor);
    const exchange_deadline::on_cancel cancel(asked.deadline(), [&] {
        ++touched;
        look(executor, seen);
        timer.cancel();
    });
    asked.deadline().arm(exchange_deadline::duration::zero(), 50ms, reason::upstream_timeout);
    for (int i = 0; i < naps && !asked.deadline().error(); ++i) {
        ++touched;
        look(executor, seen);
        timer.expires_after(std::chrono::microseconds(100 + 50 * (touched % 7)));
        auto [ec] = co_await timer.async_wait(as_result);
        static_cast<void>(ec);
        ++touched;
        look(executor, seen);
    }
    if (asked.deadline().error()) co_return reply(to_reason(asked.deadline().error()));
    co_return reply(std::move(asked.body()));
}

// Teardown, which waits for the last session, comes before the end of `seen`.
struct strands_fixture : gateway_fixture {
    verdicts seen;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(strands, strands_fixture)

BOOST_AUTO_TEST_CASE(each_session_stays_on_its_own_strand) {
    threads = 4;
    start([this](request asked) { return hop(std::move(asked), seen, 10); });
    std::vector<std::string> payloads;
    for (unsigned i = 0; i < 400; ++i) payloads.push_back(some_bytes(1 + 91 * i, i));
    const auto got = exchange_all(address(), payloads, 50);
    std::size_t replied = 0;
    for (std::size_t i = 0; i < payloads.size(); ++i) {
        if (refusal_reason(got[i].bytes) == "upstream_timeout") continue; // a slow machine
        BOOST_TEST((got[i].bytes == payloads[i]));
        ++replied;
    }
    BOOST_TEST(counters.replied.value() == replied);
    BOOST_TEST(seen.off_strand == 0u);
    BOOST_TEST(seen.steps >= payloads.size());
    BOOST_TEST(seen.threads.size() > 1u);
}

BOOST_AUTO_TEST_CASE(limits_act_on_the_sessions_strand) {
    threads = 4;
    start([this](request asked) { return hop(std::move(asked), seen, 1'000'000); });
    const std::vector<std::string> payloads(200, "never done in time");
    for (const auto& got : exchange_all(address(), payloads, 100))
        BOOST_TEST(refusal_reason(got.bytes) == "upstream_timeout");
    BOOST_TEST(seen.off_strand == 0u);
    BOOST_TEST(refused(reason::upstream_timeout) == payloads.size());
}

BOOST_AUTO_TEST_CASE(resets_and_timeouts_and_exchanges_side_by_side) {
    threads = 4;
    config.on_client_reset = client_reset_policy::cancel;
    config.receive_idle = 1s;
    service.max_connections = 20;
    service.connect = 15s;
    service.total = 15s;
    start();
    const auto misbehave = [to = address()] {
        for (int i = 0; i < 60; ++i) {
            raw_client client(to);
            if (i % 4 == 0)
                client.send("cut").reset();
            else if (i % 4 == 1)
                client.send("reset after the end").half_close().reset();
            else if (i % 4 == 2)
                client.reset();
            else if (i % 20 == 3)
                client.send("no end").read_to_end();
        }
    };
    std::thread one(misbehave), two(misbehave);
    std::vector<std::string> payloads;
    for (unsigned i = 0; i < 300; ++i) payloads.push_back(some_bytes(1 + 331 * i, i));
    const auto got = exchange_all(address(), payloads, 30);
    one.join();
    two.join();
    for (std::size_t i = 0; i < payloads.size(); ++i) BOOST_TEST((got[i].bytes == payloads[i]));
}

BOOST_AUTO_TEST_CASE(a_stop_in_the_middle_of_everything) {
    threads = 4;
    start();
    const std::vector<std::string> payloads(2000, "hello");
    std::thread stopper([this] {
        log.wait_for("exchange", 100);
        stop_gateway();
    });
    const auto got = exchange_all(address(), payloads, 40);
    stopper.join();
    for (const auto& one : got) {
        // A reply, a refusal, a reset, or no connection; but never anything that looks like an
        // answer.
        const bool whole = one.bytes == "hello" && one.how == raw_client::ending::fin;
        const std::string why = refusal_reason(one.bytes);
        const bool told = why == "draining" || why == "upstream_incomplete";
        BOOST_TEST((whole || told || one.how != raw_client::ending::fin));
    }
    BOOST_TEST(counters.replied.value() >= 90u);
}

BOOST_AUTO_TEST_CASE(it_can_be_started_and_stopped_again_and_again) {
    threads = 4;
    start();
    // Sessions of a gateway that is gone still count: what the fixture drains at the end is another
    // one.
    static metrics others;
    for (int i = 0; i < 20; ++i) {
        gateway_config other = config;
        gateway second(executor(), other, forwarder().as_handler(), others, log.as_logger());
        second.start();
        BOOST_TEST(test::exchange(second.endpoints().at(0), "hello").bytes == "hello");
        raw_client in_flight(second.endpoints().at(0));
        in_flight.send("half");
        // Destroyed with a session in flight.
    }
}

BOOST_AUTO_TEST_SUITE_END()
