#include "support/gateway_fixture.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace finpost::test {

namespace {

constexpr auto patience = 20s;

} // namespace

struct gateway_fixture::engine {
    using guard = asio::executor_work_guard<asio::io_context::executor_type>;
    std::deque<asio::io_context> contexts;
    std::vector<guard> work;
    std::optional<http_upstream> forwarder;
    std::optional<gateway> door;
    std::vector<std::thread> threads;

    std::mutex mutex;
    std::condition_variable changed;
    std::size_t running = 0;

    engine() : contexts(1) { work.push_back(asio::make_work_guard(contexts.front())); }
    ~engine() {
        for (asio::io_context& one : contexts) one.stop();
        for (std::thread& one : threads) one.join();
    }

    void add_loop() {
        contexts.emplace_back();
        work.push_back(asio::make_work_guard(contexts.back()));
    }

    // `one_thread_each` is the promise of `event_loops::per_thread`.
    event_loops loops(bool one_thread_each) {
        if (!one_thread_each) return event_loops::shared(contexts.front().get_executor());
        std::vector<asio::any_io_executor> all;
        for (asio::io_context& one : contexts) all.emplace_back(one.get_executor());
        return event_loops::per_thread(std::move(all));
    }

    void run(asio::io_context& context) {
        try {
            context.run();
        } catch (const std::exception& bug) {
            // Boost.Test's macros are not for this thread; an exception out of it ends the program.
            std::fprintf(stderr, "an exception left the gateway: %s\n", bug.what());
            std::abort();
        }
        const std::lock_guard lock(mutex);
        --running;
        changed.notify_all();
    }

    // Whether `run` returns by itself once nobody asks for anything any more.
    bool comes_to_rest() {
        work.clear();
        std::unique_lock lock(mutex);
        return changed.wait_for(lock, patience, [this] { return running == 0; });
    }
};

gateway_fixture::gateway_fixture()
    : descriptors_before_(open_descriptors()), engine_(std::make_unique<engine>()) {
    service.keep_alive = 60s; // on a slow machine an idle connection would expire within a test
}

gateway_fixture::~gateway_fixture() = default;

void gateway_fixture::start() {
    if (service.endpoints.empty()) service.endpoints = {upstream.url()};
    add_loops();
    engine_->forwarder.emplace(engine_->loops(loops > 0), service, counters,
                               log.as_logger(threshold));
    engine_->forwarder->start();
    start(engine_->forwarder->as_handler(), engine_->forwarder->as_streaming_handler());
}

void gateway_fixture::start(handler answer, streaming_handler streams) {
    if (config.listen.empty()) config.listen = {parse_socket_address("127.0.0.1:0").value()};
    add_loops();
    std::vector groups{listener_group{config, std::move(answer), std::move(streams)}};
    if (loops > 0) threads = loops;
    engine_->door.emplace(engine_->loops(loops > 0), std::move(groups), counters,
                          log.as_logger(threshold));
    engine_->door->start();
    engine_->running = threads;
    for (std::size_t i = 0; i < threads; ++i) {
        asio::io_context& context = engine_->contexts.at(loops > 0 ? i : 0);
        engine_->threads.emplace_back([one = engine_.get(), &context] { one->run(context); });
    }
}

void gateway_fixture::add_loops() {
    while (engine_->contexts.size() < loops) engine_->add_loop();
}

socket_address gateway_fixture::address(std::size_t listener) const {
    return engine_->door->endpoints().at(listener);
}

raw_client::received gateway_fixture::exchange(std::string_view data) const {
    return test::exchange(address(), data);
}

std::future<void> gateway_fixture::drain(duration grace) {
    return engine_->door->async_drain(grace, asio::use_future);
}

bool gateway_fixture::accepting() const { return engine_->door->accepting(); }
void gateway_fixture::stop_gateway() { engine_->door->stop(); }
std::size_t gateway_fixture::sessions() const { return engine_->door->sessions(); }
asio::any_io_executor gateway_fixture::executor() const {
    return engine_->contexts.front().get_executor();
}
gateway& gateway_fixture::door() const { return *engine_->door; }
http_upstream& gateway_fixture::forwarder() const { return *engine_->forwarder; }

log_recorder::record gateway_fixture::access_line(std::size_t n) const {
    if (!log.wait_for("exchange", n)) throw std::runtime_error("no access line came");
    return log.of("exchange").at(n - 1);
}

bool gateway_fixture::wait_for_bytes_in(std::size_t n) const {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < end) {
        const auto all = engine_->door->session_views(n);
        const auto begun = std::count_if(all.begin(), all.end(),
                                         [](const session_view& one) { return one.bytes_in > 0; });
        if (static_cast<std::size_t>(begun) == n) return true;
        std::this_thread::yield();
    }
    return false;
}

std::shared_ptr<void> gateway_fixture::hold_threads() {
    auto let_go = std::make_shared<std::promise<void>>();
    const std::shared_future<void> signal = let_go->get_future().share();
    std::vector<std::future<void>> held;
    for (std::size_t i = 0; i < threads; ++i) {
        auto here = std::make_shared<std::promise<void>>();
        held.push_back(here->get_future());
        asio::post(executor(), [here, signal] {
            here->set_value();
            signal.wait_for(patience);
        });
    }
    for (std::future<void>& one : held)
        if (!completes(one)) throw std::runtime_error("the gateway's threads do not stop");
    return {static_cast<void*>(let_go.get()), [let_go](void*) { let_go->set_value(); }};
}

void gateway_fixture::expect_refusal(const raw_client::received& got, reason why) {
    BOOST_TEST(refusal_reason(got.bytes) == to_string(why));
    BOOST_TEST((got.how == raw_client::ending::fin));
    BOOST_TEST(refused(why) >= 1u);
    const auto lines = log.of("exchange");
    const auto mine = std::find_if(lines.begin(), lines.end(), [&](const auto& line) {
        return line.at("id") == refusal_id(got.bytes);
    });
    BOOST_REQUIRE((mine != lines.end()));
    BOOST_TEST(mine->at("outcome") == "refused");
    BOOST_TEST(mine->at("reason") == to_string(why));
}

void gateway_fixture::teardown() {
    upstream.open_gate();
    if (!engine_->threads.empty()) { // it was started
        auto drained = drain(10s);
        BOOST_TEST(completes(drained));
        BOOST_TEST(sessions() == 0u);
        const auto seen = counters.read_sessions();
        BOOST_TEST(seen.accepted + seen.further ==
                   seen.replied + seen.queued + seen.refused + seen.aborted + seen.probes);
        BOOST_TEST(counters.between_frames.value() == 0);
        BOOST_TEST(counters.buffered_bytes.value() == 0);
        BOOST_TEST(counters.spilled_bytes.value() == 0);
        if (engine_->forwarder) engine_->forwarder->close();
        BOOST_TEST(engine_->comes_to_rest());
        BOOST_TEST(counters.upstream_busy.value() == 0);
        BOOST_TEST(counters.upstream_idle.value() == 0);
        BOOST_TEST(upstream.wait_for_open_connections(0));
    }
    engine_.reset();
    upstream.stop();
    // The case before this one may have left a thread behind that closes its own a little later.
    BOOST_TEST(open_descriptors() <= descriptors_before_);
}

} // namespace finpost::test
