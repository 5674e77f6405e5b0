// A gateway whose groups are changed while it serves.
#include "support/certificates.hpp"
#include "support/gateway_fixture.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/system_error.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <unistd.h>

namespace asio = boost::asio;
using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

socket_address address(const std::string& text) { return parse_socket_address(text).value(); }

asio::awaitable<reply> say(std::string what, request /*asked*/) { co_return reply(payload(what)); }

/// A group that answers every payload with one word.
listener_group answering(std::string word, std::vector<socket_address> listen) {
    listener_group group;
    group.config.listen = std::move(listen);
    group.handler = [word](request asked) { return say(word, std::move(asked)); };
    return group;
}

// Addresses that can be named and that nobody else takes meanwhile: of this process's own loopback
// network.
std::vector<socket_address> free_addresses(std::size_t n) {
    const auto pid = static_cast<unsigned>(::getpid());
    const std::string host =
        "127.77." + std::to_string(pid / 250 % 250) + '.' + std::to_string(pid % 250 + 1) + ':';
    std::vector<refusing_port> held(n);
    std::vector<socket_address> all;
    for (const refusing_port& one : held)
        all.push_back(address(host + std::to_string(one.address().port())));
    return all;
}

class running_gateway {
public:
    explicit running_gateway(std::vector<listener_group> groups)
        : gateway_(event_loops::shared(io_.get_executor()), std::move(groups), counters) {
        gateway_.start();
        for (int i = 0; i < 2; ++i) threads_.emplace_back([this] { io_.run(); });
    }
    ~running_gateway() {
        auto drained = gateway_.async_drain(10s, asio::use_future);
        BOOST_TEST(completes(drained));
        work_.reset();
        for (std::thread& one : threads_) one.join();
        const auto seen = counters.read_sessions();
        BOOST_TEST(seen.active == 0u);
        BOOST_TEST(seen.accepted == seen.replied + seen.refused + seen.aborted + seen.probes);
        BOOST_TEST(counters.buffered_bytes.value() == 0);
    }
    gateway* operator->() { return &gateway_; }

    /// Until the gateway has a session.
    void wait_for_session() {
        const auto end = std::chrono::steady_clock::now() + 20s;
        while (gateway_.sessions() == 0 && std::chrono::steady_clock::now() < end)
            std::this_thread::yield();
        BOOST_TEST_REQUIRE(gateway_.sessions() > 0u);
    }

    metrics counters;

private:
    asio::io_context io_{2};
    asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
    gateway gateway_;
    std::vector<std::thread> threads_;
};

bool refuses(const socket_address& where) {
    try {
        return exchange(where, "x").how == raw_client::ending::reset;
    } catch (const std::exception&) {
        return true;
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(changed_rules)

BOOST_AUTO_TEST_CASE(each_group_answers_on_its_own_addresses) {
    running_gateway gateway({answering("one", {address("127.0.0.1:0"), address("127.0.0.1:0")}),
                             answering("two", {address("[::1]:0")})});
    const auto bound = gateway->endpoints();
    BOOST_REQUIRE(bound.size() == 3u);
    BOOST_TEST(exchange(bound[0], "x").bytes == "one");
    BOOST_TEST(exchange(bound[1], "x").bytes == "one");
    BOOST_TEST(exchange(bound[2], "x").bytes == "two");
}

BOOST_AUTO_TEST_CASE(who_connects_after_a_change_is_served_by_it_and_who_came_before_is_not) {
    running_gateway gateway({answering("old", {address("127.0.0.1:0")})});
    const auto where = gateway->endpoints().front();
    raw_client before(where);
    before.send("be");
    gateway.wait_for_session();
    auto next = answering("new", {address("127.0.0.1:0")});
    next.config.max_payload = 3;
    gateway->change({next});
    BOOST_TEST(
        (gateway->endpoints().front() == where)); // the same socket, though any port was asked
    BOOST_TEST(exchange(where, "x").bytes == "new");
    BOOST_TEST(refusal_reason(exchange(where, "four").bytes) == "too_large");
    before.send("fore").half_close();
    BOOST_TEST(before.read_to_end().bytes == "old");
}

BOOST_AUTO_TEST_CASE(an_added_address_opens_and_a_removed_one_closes) {
    const auto free = free_addresses(3);
    running_gateway gateway({answering("a", {free[0], free[1]})});
    raw_client in_flight(free[1]);
    in_flight.send("x");
    gateway.wait_for_session();
    gateway->change({answering("b", {free[0], free[2]})});
    BOOST_TEST(exchange(free[0], "x").bytes == "b");
    BOOST_TEST(exchange(free[2], "x").bytes == "b");
    BOOST_TEST(refuses(free[1]));
    in_flight.half_close();
    BOOST_TEST(in_flight.read_to_end().bytes == "a"); // what is gone ends in peace
}

BOOST_AUTO_TEST_CASE(addresses_move_between_groups) {
    const auto free = free_addresses(2);
    running_gateway gateway({answering("a", {free[0]}), answering("b", {free[1]})});
    gateway->change({answering("a", {free[1]}), answering("b", {free[0]})});
    BOOST_TEST(exchange(free[0], "x").bytes == "b");
    BOOST_TEST(exchange(free[1], "x").bytes == "a");
    gateway->change({answering("both", {free[0], free[1]})});
    BOOST_TEST(exchange(free[0], "x").bytes == "both");
    BOOST_TEST(exchange(free[1], "x").bytes == "both");
}

BOOST_AUTO_TEST_CASE(a_change_that_cannot_be_made_whole_is_not_made_at_all) {
    const auto free = free_addresses(2);
    const refusing_port taken;
    running_gateway gateway({answering("old", {free[0]})});
    try {
        gateway->change({answering("new", {free[1], taken.address()})});
        BOOST_ERROR("the address was taken");
    } catch (const boost::system::system_error& failed) {
        BOOST_TEST(
            (std::string(failed.what()).find(to_string(taken.address())) != std::string::npos));
    }
    BOOST_CHECK_THROW(gateway->change({answering("x", {free[0]}), answering("y", {free[0]})}),
                      config_error);
    BOOST_CHECK_THROW(gateway->change({}), config_error);
    BOOST_TEST(exchange(free[0], "x").bytes == "old");
    BOOST_TEST(refuses(free[1]));
}

BOOST_AUTO_TEST_CASE(connections_held_count_after_a_change) {
    auto group = answering("x", {address("127.0.0.1:0")});
    group.config.max_per_source = 5;
    running_gateway gateway({group});
    const auto where = gateway->endpoints().front();
    raw_client held(where);
    held.send("x");
    gateway.wait_for_session();
    group.config.max_per_source = 1;
    gateway->change({group});
    BOOST_TEST(refusal_reason(exchange(where, "y").bytes) == "busy");
    held.half_close();
    BOOST_TEST(held.read_to_end().bytes == "x");
}

BOOST_AUTO_TEST_CASE(more_connections_are_let_in_at_once_when_the_limit_grows) {
    auto group = answering("x", {address("127.0.0.1:0")});
    group.config.max_connections = 1;
    running_gateway gateway({group});
    const auto where = gateway->endpoints().front();
    raw_client held(where);
    held.send("x");
    gateway.wait_for_session();
    raw_client waiting(where);
    waiting.send("y").half_close();
    group.config.max_connections = 2;
    gateway->change({group});
    BOOST_TEST(waiting.read_to_end().bytes == "x");
}

BOOST_AUTO_TEST_CASE(under_load_no_exchange_notices_a_change) {
    const auto free = free_addresses(2);
    running_gateway gateway({answering("a", {free[0]}), answering("b", {free[1]})});
    std::atomic<bool> over{false};
    std::atomic<std::size_t> served{0};
    std::vector<std::thread> clients;
    std::vector<std::string> failures(5); // the first is the main thread's
    for (std::size_t i = 1; i < failures.size(); ++i) {
        clients.emplace_back([&, i] {
            for (std::size_t n = 0; !over && failures[i].empty(); ++n) {
                try {
                    const auto got = exchange(free[(n + i) % 2], "payload");
                    if (got.bytes != "a" && got.bytes != "b") failures[i] = "got " + got.bytes;
                    ++served;
                } catch (const std::exception& failed) {
                    failures[i] = failed.what();
                }
            }
        });
    }
    for (int i = 0; i < 300; ++i) {
        const std::size_t before = served;
        const std::string expected = i % 2 == 0 ? "b" : "a"; // on the first address, from now on
        if (i % 2 == 0)
            gateway->change({answering("a", {free[1]}), answering("b", {free[0]})});
        else
            gateway->change({answering("a", {free[0], free[1]})});
        const auto end = std::chrono::steady_clock::now() + 5s; // let them in between
        while (i % 10 == 0 && served == before && std::chrono::steady_clock::now() < end)
            std::this_thread::yield();
        if (test::exchange(free[0], "x").bytes != expected) failures[0] = "served by what is gone";
    }
    over = true;
    for (std::thread& one : clients) one.join();
    for (const std::string& failure : failures) BOOST_TEST(failure == "");
    BOOST_TEST(served > 30u);
}

// It reads certificates, which may take long, and says what it thinks of them.
BOOST_AUTO_TEST_CASE(whoever_logs_what_a_change_says_may_ask_the_gateway) {
    certificates made;
    made.make("old", {.until = "20210304050607Z"});
    listener_group group = answering("x", {address("127.0.0.1:0")});
    group.config.tls.cert = made.path("old.pem");
    group.config.tls.key = made.path("old.key");
    asio::io_context io(1);
    metrics counters;
    gateway* door = nullptr;
    int told = 0;
    const logger log(log_level::warning,
                     [&](log_level, std::string_view event, std::span<const log_field>) {
                         if (event != "certificate" || door == nullptr) return;
                         ++told;
                         BOOST_TEST(door->accepting());
                         BOOST_TEST(door->endpoints().size() == 1u);
                         BOOST_TEST(door->tls_expires().has_value());
                     });
    gateway serving(event_loops::shared(io.get_executor()), {group}, counters, log);
    serving.start();
    door = &serving;
    serving.change({group});
    BOOST_TEST(told == 1);
    serving.stop();
    io.run();
}

BOOST_AUTO_TEST_CASE(after_a_stop_a_change_does_nothing) {
    running_gateway gateway({answering("x", {address("127.0.0.1:0")})});
    const auto where = gateway->endpoints().front();
    gateway->stop();
    gateway->change({answering("y", {address("127.0.0.1:0")})});
    BOOST_TEST(!gateway->accepting());
    BOOST_TEST(refuses(where));
}

BOOST_AUTO_TEST_SUITE_END()
