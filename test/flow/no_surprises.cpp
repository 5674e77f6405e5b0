// What a host may rely on when it has finpost inside: nothing happens to its process, and whatever
// it does with a gateway, in whatever order, is defined.
#include "support/gateway_fixture.hpp"

#include "finpost/client.hpp"
#include "finpost/gateway.hpp"
#include "finpost/http_upstream.hpp"
#include "finpost/metrics.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>

#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

gateway_config on_any_port() {
    gateway_config config;
    config.listen = {parse_socket_address("127.0.0.1:0").value()};
    return config;
}

// The payload, or what it asks for.
asio::awaitable<reply> obey(request asked) {
    if (asked.body().text() == "throw") throw std::runtime_error("a bug in the handler");
    if (asked.body().text() == "throw a number") throw 42;
    if (asked.body().text() == "much") co_return reply(payload(std::string(8 << 20, 'x')));
    co_return reply(std::move(asked.body()));
}

// A host with one thread: the test's own.
struct single_threaded {
    metrics counters;
    asio::io_context io{1};

    // Runs until the exchange is over, as a host's loop would; the client is in the same loop.
    exchange_result call(const gateway& door, std::string payload) {
        std::optional<exchange_result> got;
        const socket_address at = door.endpoints().front();
        async_exchange(io.get_executor(), {at.host(), at.port()}, std::move(payload), {},
                       [&](error_code, exchange_result result) { got = std::move(result); });
        BOOST_REQUIRE(run_until([&] { return got.has_value(); }));
        return std::move(*got);
    }
    template <class Condition>
    bool run_until(const Condition& is_so) {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (!is_so() && std::chrono::steady_clock::now() < end) {
            io.restart();
            io.run_one_for(10ms);
        }
        return is_so();
    }
    // Whether the loop comes to its end, once it has nothing to do.
    bool comes_to_rest() {
        io.restart();
        io.run_for(20s);
        return io.stopped();
    }
};

std::size_t threads_of_this_process() {
    const std::filesystem::directory_iterator all("/proc/self/task");
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

// What every signal does now.
std::array<void (*)(int), 65> dispositions() {
    std::array<void (*)(int), 65> all{};
    for (int number = 1; number < 65; ++number) {
        struct sigaction now {};
        if (::sigaction(number, nullptr, &now) == 0)
            all[static_cast<std::size_t>(number)] = now.sa_handler;
    }
    return all;
}

// Standard output and error go to a file while this lives.
class captured_output {
public:
    captured_output() : file_(std::tmpfile()) {
        std::fflush(nullptr);
        for (const int fd : {1, 2}) {
            kept_.at(static_cast<std::size_t>(fd)) = ::dup(fd);
            ::dup2(::fileno(file_), fd);
        }
    }
    ~captured_output() {
        put_back();
        std::fclose(file_);
    }
    captured_output(const captured_output&) = delete;
    captured_output& operator=(const captured_output&) = delete;

    std::string text() {
        put_back();
        std::string all(static_cast<std::size_t>(::lseek(::fileno(file_), 0, SEEK_END)), '\0');
        const auto got = ::pread(::fileno(file_), all.data(), all.size(), 0);
        all.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
        return all;
    }

private:
    void put_back() {
        std::fflush(nullptr);
        for (const int fd : {1, 2}) {
            int& kept = kept_.at(static_cast<std::size_t>(fd));
            if (kept < 0) continue;
            ::dup2(kept, fd);
            ::close(kept);
            kept = -1;
        }
    }
    std::FILE* file_;
    std::array<int, 3> kept_{-1, -1, -1};
};

// What can happen to clients, good and bad. One resets while its reply is being written, which in a
// program without care raises SIGPIPE.
void live_through_a_lot(single_threaded& host, scripted_upstream& service) {
    upstream_config behind;
    behind.endpoints = {service.url()};
    http_upstream upstream(host.io.get_executor(), behind, host.counters);
    upstream.start();
    gateway own(host.io.get_executor(), on_any_port(), obey, host.counters);
    gateway forwards(host.io.get_executor(), on_any_port(), upstream.as_handler(), host.counters);
    own.start();
    forwards.start();
    BOOST_TEST(host.call(own, "hello").reply == "hello");
    BOOST_TEST((host.call(own, "throw").refused == reason::internal));
    BOOST_TEST((host.call(own, "throw a number").refused == reason::internal));
    BOOST_TEST(host.call(forwards, "hello").reply == "hello");
    service.by_default(scripted_upstream::raw_then_reset("HTTP/1.1 nonsense\r\n\r\n"));
    BOOST_TEST((host.call(forwards, "hello").refused == reason::upstream_invalid));
    raw_client gone(own.endpoints().front());
    gone.send("much").half_close();
    BOOST_TEST(host.run_until([&] {
        const auto now = own.session_views(1);
        return !now.empty() && now.front().stage == session_stage::reply;
    }));
    gone.reset();
    BOOST_TEST(host.call(own, "still there").reply == "still there");
    BOOST_TEST(host.run_until([&] { return own.sessions() == 0; }));
    BOOST_TEST(host.counters.aborted.value() == 1u);
    own.async_drain(10s, [](error_code) {});
    forwards.async_drain(10s, [&](error_code) { upstream.close(); });
    BOOST_TEST(host.comes_to_rest());
}

} // namespace

BOOST_AUTO_TEST_SUITE(no_surprises)

BOOST_AUTO_TEST_CASE(no_signal_handler_no_thread_no_output) {
    scripted_upstream service; // with threads of its own, which are there before the count
    service.by_default(scripted_upstream::close_delimited_echo());
    single_threaded host;
    const auto inherited = std::signal(SIGPIPE, SIG_DFL);
    const auto before = dispositions();
    captured_output output;
    std::size_t threads = 0, threads_inside = 0;
    {
        gateway door(
            host.io.get_executor(), on_any_port(),
            [&](request asked) {
                threads_inside = threads_of_this_process();
                return obey(std::move(asked));
            },
            host.counters);
        threads = threads_of_this_process();
        door.start();
        BOOST_TEST(host.call(door, "hello").reply == "hello");
    }
    live_through_a_lot(host, service);
    BOOST_TEST(output.text() == "");
    BOOST_TEST(threads_inside == threads);
    BOOST_TEST((dispositions() == before));
    std::signal(SIGPIPE, inherited);
}

BOOST_AUTO_TEST_CASE(no_exception_leaves_run_and_it_ends_by_itself) {
    scripted_upstream service;
    single_threaded host;
    BOOST_CHECK_NO_THROW(live_through_a_lot(host, service));
    BOOST_TEST(host.counters.read_sessions().active == 0u);
    BOOST_TEST(host.counters.buffered_bytes.value() == 0);
}

BOOST_AUTO_TEST_CASE(a_gateway_that_is_never_started_does_nothing) {
    const std::size_t before = open_descriptors();
    {
        single_threaded host;
        const asio::steady_timer of_the_host(host.io); // Asio's own descriptors come with the first
        const std::size_t with_host = open_descriptors();
        gateway door(host.io.get_executor(), on_any_port(), obey, host.counters);
        BOOST_TEST(open_descriptors() == with_host);
        BOOST_TEST(door.endpoints().empty());
        BOOST_TEST(!door.accepting());
        BOOST_TEST(host.comes_to_rest());
    }
    BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(after_a_stop_or_a_drain_a_start_does_nothing) {
    single_threaded host;
    gateway stopped(host.io.get_executor(), on_any_port(), obey, host.counters);
    stopped.stop();
    stopped.stop();
    stopped.start();
    BOOST_TEST(!stopped.accepting());
    BOOST_TEST(stopped.endpoints().empty());
    gateway drained(host.io.get_executor(), on_any_port(), obey, host.counters);
    bool done = false;
    drained.async_drain(10s, [&](error_code ec) { done = !ec; });
    BOOST_TEST(host.comes_to_rest());
    BOOST_TEST(done);
    drained.start();
    BOOST_TEST(!drained.accepting());
    BOOST_TEST(host.comes_to_rest());
}

BOOST_AUTO_TEST_CASE(an_upstream_that_another_is_moved_into_is_closed) {
    single_threaded host;
    upstream_config config;
    config.endpoints = {parse_http_url("http://127.0.0.1:9").value()};
    config.health_path = "/health"; // so it would go on for ever
    http_upstream kept(host.io.get_executor(), config, host.counters);
    kept.start();
    http_upstream next(host.io.get_executor(), config, host.counters);
    kept = std::move(next);
    BOOST_TEST(host.comes_to_rest());
}

BOOST_AUTO_TEST_CASE(a_second_start_is_a_bug_that_is_told_and_changes_nothing) {
    single_threaded host;
    gateway door(host.io.get_executor(), on_any_port(), obey, host.counters);
    door.start();
    BOOST_CHECK_THROW(door.start(), std::logic_error);
    BOOST_TEST(host.call(door, "hello").reply == "hello");
}

BOOST_AUTO_TEST_CASE(a_start_that_failed_can_be_tried_again) {
    single_threaded host;
    gateway_config config = on_any_port();
    gateway first(host.io.get_executor(), on_any_port(), obey, host.counters);
    first.start();
    config.listen = first.endpoints();
    gateway second(host.io.get_executor(), config, obey, host.counters);
    BOOST_CHECK_THROW(second.start(), boost::system::system_error);
    BOOST_CHECK_THROW(second.start(), boost::system::system_error);
    BOOST_TEST(!second.accepting());
    first.async_drain(10s, [](error_code) {});
    BOOST_TEST(host.comes_to_rest());
    second.start();
    BOOST_TEST(host.call(second, "hello").reply == "hello");
}

BOOST_AUTO_TEST_CASE(drains_and_stops_may_follow_each_other) {
    single_threaded host;
    gateway door(host.io.get_executor(), on_any_port(), obey, host.counters);
    door.start();
    BOOST_TEST(host.call(door, "hello").reply == "hello");
    int done = 0;
    const auto count = [&](error_code ec) { done += ec ? 0 : 1; };
    door.async_drain(10s, count);
    BOOST_TEST(host.comes_to_rest());
    door.async_drain(10s, count);
    BOOST_TEST(host.comes_to_rest());
    door.stop();
    door.async_drain(0ms, count);
    BOOST_TEST(host.comes_to_rest());
    BOOST_TEST(done == 3);
}

BOOST_AUTO_TEST_CASE(a_gateway_destroyed_in_its_drain_ends_it) {
    single_threaded host;
    bool done = false;
    std::optional<raw_client> client;
    {
        gateway door(host.io.get_executor(), on_any_port(), obey, host.counters);
        door.start();
        client.emplace(door.endpoints().front());
        client->send("never ends");
        BOOST_TEST(host.run_until([&] { return host.counters.buffered_bytes.value() > 0; }));
        door.async_drain(1h, [&](error_code ec) { done = !ec; });
    }
    BOOST_TEST(host.comes_to_rest());
    BOOST_TEST(done);
    BOOST_TEST(refusal_reason(client->read_to_end().bytes) == "draining");
}

BOOST_AUTO_TEST_CASE(a_context_that_goes_with_exchanges_in_flight_leaves_nothing) {
    scripted_upstream service;
    service.by_default(scripted_upstream::never());
    const std::size_t before = open_descriptors();
    std::optional<raw_client> client;
    {
        single_threaded host;
        upstream_config behind;
        behind.endpoints = {service.url()};
        http_upstream upstream(host.io.get_executor(), behind, host.counters);
        gateway door(host.io.get_executor(), on_any_port(), upstream.as_handler(), host.counters);
        door.start();
        client.emplace(door.endpoints().front());
        client->send("hello").half_close();
        BOOST_TEST(host.run_until([&] { return service.count() > 0; }));
        door.async_drain(1h, [](error_code) {});
        host.io.poll();
    }
    // Cut, not ended: an empty reply would look like an answer.
    BOOST_TEST((client->read_to_end().how == raw_client::ending::reset));
    client.reset();
    BOOST_TEST(service.wait_for_open_connections(0));
    service.stop();
    BOOST_TEST(open_descriptors() + 1 == before); // the service's listener
}

BOOST_AUTO_TEST_SUITE_END()
