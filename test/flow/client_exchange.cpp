// The client library against peers that behave and peers that do not.
#include "support/gateway_fixture.hpp"
#include "support/tcp_peer.hpp"

#include "finpost/client.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

constexpr std::string_view id = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

struct outcome {
    error_code error;
    exchange_result result;
};

// One exchange on an io_context of its own, completed by a callback.
outcome run(const host_port& target, std::string payload, client_options options = {}) {
    asio::io_context io;
    std::optional<outcome> got;
    async_exchange(io.get_executor(), target, std::move(payload), options,
                   [&](error_code ec, exchange_result result) {
                       got = {ec, std::move(result)};
                   });
    io.run();
    BOOST_REQUIRE(got);
    return std::move(*got);
}

void echo(peer_connection& peer) { peer.send(peer.read_to_end()); }

asio::awaitable<void> by_coroutine(host_port target, exchange_result& into) {
    const std::string payload = "awaited";
    const client_options options;
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    exchange_result got =
        co_await async_exchange(executor, target, payload, options, asio::use_awaitable);
    into = std::move(got);
}

} // namespace

BOOST_AUTO_TEST_SUITE(client_exchange)

BOOST_AUTO_TEST_CASE(payloads_of_any_size_come_back) {
    for (const std::size_t size : {1u, 65'536u, 5'000'000u}) {
        tcp_peer peer(echo);
        const std::string payload = some_bytes(size);
        const outcome got = run(peer.address(), payload);
        BOOST_TEST(!got.error);
        BOOST_TEST((got.result.reply == payload));
        BOOST_TEST((got.result.stage == exchange_stage::done));
        BOOST_TEST(got.result.sent == size);
        BOOST_TEST(got.result.received == size);
    }
}

BOOST_AUTO_TEST_CASE(tells_both_ends_of_the_connection_and_when_each_stage_was_over) {
    tcp_peer peer(echo, "::1");
    const outcome got = run(peer.address(), "hello");
    BOOST_TEST(!got.error);
    BOOST_TEST(got.result.remote.host() == "::1");
    BOOST_TEST(got.result.remote.port() == peer.address().port);
    BOOST_TEST(got.result.local.is_v6());
    BOOST_TEST((got.result.resolved <= got.result.connected));
    BOOST_TEST((got.result.connected <= got.result.half_closed));
    BOOST_TEST((got.result.half_closed <= got.result.first_byte));
    BOOST_TEST((got.result.first_byte <= got.result.ended));
}

BOOST_AUTO_TEST_CASE(every_address_of_a_name_is_tried) {
    if (!localhost_is_known()) return;
    // localhost is ::1 and 127.0.0.1 on most machines; the peer listens on one of them only.
    tcp_peer peer(echo);
    const outcome got = run({"localhost", peer.address().port}, "by name");
    BOOST_TEST(!got.error);
    BOOST_TEST(got.result.reply == "by name");
}

BOOST_AUTO_TEST_CASE(any_completion_token_will_do) {
    asio::io_context io;
    tcp_peer one(echo), two(echo), three(echo);
    auto future = async_exchange(io.get_executor(), one.address(), "future", {}, asio::use_future);
    exchange_result awaited;
    asio::co_spawn(io, by_coroutine(two.address(), awaited),
                   [](std::exception_ptr failed) { BOOST_TEST(!failed); });
    std::string deferred;
    async_exchange(io.get_executor(), three.address(), "deferred", {}, asio::deferred)(
        [&](error_code, exchange_result result) { deferred = result.reply; });
    io.run();
    BOOST_TEST(future.get().reply == "future");
    BOOST_TEST(awaited.reply == "awaited");
    BOOST_TEST(deferred == "deferred");
}

BOOST_AUTO_TEST_CASE(a_refusal_is_known_as_one) {
    const std::string line = "finpost: busy " + std::string(id) + "\n";
    tcp_peer peer([&](peer_connection& one) {
        one.read_to_end();
        one.send(line);
    });
    const outcome got = run(peer.address(), "hello");
    BOOST_TEST((got.error == reason::busy));
    BOOST_TEST((got.result.refused == reason::busy));
    BOOST_TEST(got.result.request_id == id);
}

BOOST_AUTO_TEST_CASE(an_early_refusal_is_seen_while_the_payload_is_still_being_sent) {
    for (const bool then_reset : {false, true}) {
        tcp_peer peer([&](peer_connection& one) {
            one.read_at_least(1);
            one.send("finpost: too_large " + std::string(id) + "\n");
            one.half_close();
            if (then_reset)
                one.reset();
            else
                one.stay_silent();
        });
        const outcome got = run(peer.address(), std::string(64 << 20, 'x'));
        BOOST_TEST((got.result.stage == exchange_stage::send));
        // A reset may overtake the line on its way into our buffer; then it is a reset.
        if (!then_reset || got.result.refused)
            BOOST_TEST((got.error == reason::too_large));
        else
            BOOST_TEST((got.error == asio::error::connection_reset));
        BOOST_TEST(got.result.sent < (64u << 20));
    }
}

BOOST_AUTO_TEST_CASE(who_ends_before_everything_was_sent_has_not_answered) {
    tcp_peer peer([](peer_connection& one) {
        one.read_at_least(1);
        one.send("some answer");
        one.half_close();
        one.stay_silent();
    });
    const outcome got = run(peer.address(), std::string(64 << 20, 'x'));
    BOOST_TEST((got.error == asio::error::broken_pipe));
}

BOOST_AUTO_TEST_CASE(an_empty_payload_is_an_error_before_anything_is_connected) {
    tcp_peer peer(echo);
    const outcome none = run(peer.address(), "");
    BOOST_TEST((none.error == reason::empty));
    BOOST_TEST(!none.result.refused);
    BOOST_TEST((none.result.stage == exchange_stage::payload));
    BOOST_TEST(none.result.connected.count() == 0);
    client_options options;
    options.allow_empty = true;
    const outcome asked = run(peer.address(), "", options);
    BOOST_TEST(!asked.error);
    BOOST_TEST(asked.result.half_closed.count() > 0);
}

BOOST_AUTO_TEST_CASE(an_address_in_another_writing_is_not_looked_up) {
    tcp_peer peer(echo);
    const outcome got = run({"127.000.000.001", peer.address().port}, "x");
    BOOST_TEST((got.error == make_error_code(boost::system::errc::invalid_argument)));
}

BOOST_AUTO_TEST_CASE(a_payload_whose_first_byte_does_not_come_ends_with_the_limit) {
    asio::io_context io; // first: the source keeps what belongs to it
    class silent final : public byte_source {
    public:
        void read(std::span<std::byte>,
                  std::function<void(error_code, std::size_t)> done) override {
            done_ = std::move(done);
        }
        std::function<void(error_code, std::size_t)> done_;
    } payload;
    class nowhere final : public byte_sink {
    public:
        error_code write(std::span<const std::byte>) override { return {}; }
    } reply;
    client_options options;
    options.total = 200ms;
    std::optional<outcome> got;
    async_exchange(io.get_executor(), {"127.0.0.1", 1}, payload, reply, options,
                   [&](error_code ec, exchange_result result) {
                       got = {ec, std::move(result)};
                       io.stop();
                   });
    io.run();
    BOOST_REQUIRE(got);
    BOOST_TEST((got->error == asio::error::timed_out));
    BOOST_TEST((got->result.stage == exchange_stage::payload));
}

BOOST_AUTO_TEST_CASE(an_empty_reply_is_a_reply) {
    tcp_peer peer([](peer_connection& one) { one.read_to_end(); });
    const outcome got = run(peer.address(), "hello");
    BOOST_TEST(!got.error);
    BOOST_TEST(got.result.reply == "");
}

BOOST_AUTO_TEST_CASE(a_reset_in_the_reply_is_no_end) {
    tcp_peer peer([](peer_connection& one) {
        one.read_to_end();
        one.send(std::string(100'000, 'x'));
        one.reset();
    });
    const outcome got = run(peer.address(), "hello");
    BOOST_TEST((got.error == asio::error::connection_reset));
    BOOST_TEST((got.result.stage != exchange_stage::done));
}

// A caller who knows more forms of a refusal than the client may find one in it.
BOOST_AUTO_TEST_CASE(what_was_held_back_as_a_possible_refusal_is_told_after_a_failure) {
    tcp_peer peer([](peer_connection& one) {
        one.read_to_end();
        one.send("refused");
        one.stay_silent();
    });
    client_options options;
    options.total = 2s;
    const outcome got = run(peer.address(), "hello", options);
    BOOST_TEST((got.error == asio::error::timed_out));
    BOOST_TEST(got.result.reply == "refused");
}

BOOST_AUTO_TEST_CASE(nobody_listening_is_no_connection) {
    host_port nobody;
    {
        tcp_peer gone(echo);
        nobody = gone.address();
    }
    const outcome got = run(nobody, "hello");
    BOOST_TEST((got.error == asio::error::connection_refused));
    BOOST_TEST((got.result.stage == exchange_stage::connect));
}

BOOST_AUTO_TEST_CASE(limits_end_it) {
    client_options options;
    options.total = 300ms;
    for (const std::string& payload : {std::string("hello"), std::string(64 << 20, 'x')}) {
        // A peer that takes nothing and says nothing.
        tcp_peer peer([](peer_connection& one) { one.stay_silent(); });
        const outcome got = run(peer.address(), payload, options);
        BOOST_TEST((got.error == asio::error::timed_out));
    }
    tcp_peer peer(echo);
    options = {};
    options.max_reply = 10;
    BOOST_TEST((run(peer.address(), "12345678901", options).error == asio::error::message_size));
    options.total = 0ms;
    BOOST_TEST((run(peer.address(), "x", options).error == boost::system::errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(the_longest_limit_there_is_does_not_wrap_around) {
    tcp_peer peer(echo);
    client_options options;
    options.connect = options.total = duration::max();
    const outcome got = run(peer.address(), "hello", options);
    BOOST_TEST(!got.error);
    BOOST_TEST(got.result.reply == "hello");
}

BOOST_AUTO_TEST_CASE(it_never_completes_within_the_call) {
    asio::io_context io;
    bool called = false, within = false;
    asio::post(io, [&] { // where a dispatch would be a call
        client_options options;
        options.total = 0ms;
        async_exchange(io.get_executor(), {"127.0.0.1", 1}, "x", options,
                       [&](error_code, exchange_result) { called = true; });
        within = called;
    });
    io.run();
    BOOST_TEST(called);
    BOOST_TEST(!within);
}

BOOST_AUTO_TEST_CASE(it_can_be_cancelled_at_every_stage) {
    tcp_peer peer([](peer_connection& one) { one.stay_silent(); });
    for (const std::size_t size : {5u, 64u << 20}) { // while waiting, while sending
        asio::io_context io;
        asio::cancellation_signal stop;
        std::optional<outcome> got;
        client_options options;
        options.progress = [&](auto, auto) {
            asio::post(io, [&] { stop.emit(asio::cancellation_type::terminal); });
        };
        tcp_peer silent([](peer_connection& one) { one.stay_silent(); });
        async_exchange(
            io.get_executor(), silent.address(), std::string(size, 'x'), options,
            asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, exchange_result r) {
                got = {ec, std::move(r)};
            }));
        io.run();
        BOOST_REQUIRE(got);
        BOOST_TEST((got->error == asio::error::operation_aborted));
    }
    // Before it has begun, and once it has: then a name is looked up, or a connection made.
    for (const std::string host : {"127.0.0.1", "localhost"}) {
        asio::io_context io;
        asio::cancellation_signal stop;
        std::optional<outcome> got;
        async_exchange(
            io.get_executor(), {host, peer.address().port}, "x", {},
            asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, exchange_result r) {
                got = {ec, std::move(r)};
            }));
        if (host == "localhost") io.poll_one();
        stop.emit(asio::cancellation_type::total);
        io.run();
        BOOST_REQUIRE(got);
        BOOST_TEST((got->error == asio::error::operation_aborted));
        BOOST_TEST(got->result.sent == 0u);
    }
}

BOOST_AUTO_TEST_CASE(it_can_be_cancelled_while_it_connects_and_while_the_reply_comes) {
    const silent_port silence;
    tcp_peer talker([](peer_connection& one) {
        one.read_to_end();
        one.send("the beginning of a reply");
        one.stay_silent();
    });
    const socket_address nowhere = silence.address();
    for (const host_port& target : {host_port{nowhere.host(), nowhere.port()}, talker.address()}) {
        asio::io_context io;
        asio::cancellation_signal stop;
        std::optional<outcome> got;
        const bool connecting = target.port == nowhere.port();
        asio::steady_timer later(io, 50ms); // nothing is to be seen of a connect that waits
        const auto cancel = [&] { stop.emit(asio::cancellation_type::terminal); };
        if (connecting) later.async_wait([&](error_code) { cancel(); });
        client_options options;
        options.progress = [&](std::uint64_t, std::uint64_t received) {
            if (received > 0) asio::post(io, cancel);
        };
        async_exchange(
            io.get_executor(), target, "hello", options,
            asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, exchange_result r) {
                got = {ec, std::move(r)};
            }));
        io.run();
        BOOST_REQUIRE(got);
        BOOST_TEST((got->error == asio::error::operation_aborted));
        BOOST_TEST((got->result.stage ==
                    (connecting ? exchange_stage::connect : exchange_stage::receive)));
    }
}

// Each exchange completes and is cancelled on a strand of its own. Made for ThreadSanitizer.
BOOST_AUTO_TEST_CASE(cancellations_and_ends_meet_on_many_threads) {
    struct caller {
        explicit caller(asio::io_context& io) : strand(asio::make_strand(io)), later(strand) {}
        asio::strand<asio::io_context::executor_type> strand;
        asio::steady_timer later;
        asio::cancellation_signal stop;
    };
    metrics counters;
    asio::io_context io;
    gateway_config config;
    config.listen = {parse_socket_address("127.0.0.1:0").value()};
    const auto echoes = [](request asked) -> asio::awaitable<reply> {
        co_return reply(std::move(asked.body()));
    };
    gateway door(io.get_executor(), config, echoes, counters);
    door.start();
    const host_port target{"127.0.0.1", door.endpoints().front().port()};
    constexpr int exchanges = 300;
    std::atomic<int> whole{0}, cancelled{0}, others{0};
    const auto ended = [&](error_code ec, const exchange_result& got) {
        if (ec == asio::error::operation_aborted)
            ++cancelled;
        else
            ++(!ec && got.reply == "hello" ? whole : others);
        if (whole + cancelled + others == exchanges) door.async_drain(10s, [](error_code) {});
    };
    for (int i = 0; i < exchanges; ++i) {
        const auto one = std::make_shared<caller>(io);
        asio::post(one->strand, [&, one, i] {
            const auto done = [&, one](error_code ec, exchange_result got) { ended(ec, got); };
            async_exchange(io.get_executor(), target, "hello", {},
                           asio::bind_cancellation_slot(one->stop.slot(),
                                                        asio::bind_executor(one->strand, done)));
            one->later.expires_after(std::chrono::microseconds(i * 100));
            one->later.async_wait(
                [one](error_code) { one->stop.emit(asio::cancellation_type::terminal); });
        });
    }
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { io.run(); });
    for (std::thread& one : threads) one.join();
    BOOST_TEST(whole + cancelled == exchanges);
    BOOST_TEST(others == 0);
}

BOOST_AUTO_TEST_CASE(an_exchange_that_is_given_up_with_its_context_leaves_nothing) {
    const std::size_t before = open_descriptors();
    {
        tcp_peer peer([](peer_connection& one) { one.stay_silent(); });
        asio::io_context io;
        async_exchange(io.get_executor(), peer.address(), "x", {},
                       [](error_code, exchange_result) {});
        for (int i = 0; i < 8; ++i) io.poll();
    }
    BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(an_exchange_that_is_given_up_while_it_sends_is_no_end_for_the_peer) {
    std::promise<bool> reset;
    auto told = reset.get_future();
    tcp_peer peer([&](peer_connection& one) {
        one.read_to_end();
        reset.set_value(one.was_reset());
    });
    {
        // Half of a payload, and then nothing more.
        class half final : public byte_source {
        public:
            void read(std::span<std::byte> buffer,
                      std::function<void(error_code, std::size_t)> done) override {
                if (std::exchange(given_, true)) return;
                buffer[0] = std::byte{'h'};
                done({}, 1);
            }

        private:
            bool given_ = false;
        } source;
        class nothing final : public byte_sink {
        public:
            error_code write(std::span<const std::byte>) override { return {}; }
        } sink;
        asio::io_context io;
        client_options options;
        options.progress = [&](std::uint64_t sent, std::uint64_t) {
            if (sent > 0) io.stop();
        };
        async_exchange(io.get_executor(), peer.address(), source, sink, options,
                       [](error_code, exchange_result) {});
        io.run();
    }
    BOOST_REQUIRE((told.wait_for(20s) == std::future_status::ready));
    BOOST_TEST(told.get());
}

BOOST_AUTO_TEST_SUITE_END()
