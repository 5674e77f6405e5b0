// The client library over TLS, against Python's ssl module and against peers that do not behave.
#include "support/certificates.hpp"
#include "support/gateway_fixture.hpp"
#include "support/python_peer.hpp"
#include "support/tcp_peer.hpp"
#include "support/tls_front.hpp"
#include "support/until.hpp"

#include "finpost/client.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/test/unit_test.hpp>

#include <future>
#include <optional>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

struct outcome {
    error_code error;
    exchange_result result;
};

outcome run(const host_port& target, std::string payload, const client_options& options) {
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

struct fixture {
    fixture() {
        ready = have("openssl") && have("python3");
        if (!ready) return;
        made.emplace();
        made->make("server");
        tls_options trust;
        trust.ca = made->path("ca.pem");
        trust.server_name = "server.test";
        options.tls = make_client_tls(trust).context;
    }
    python_tls_peer::behaviour like(const std::string& mode,
                                    const std::string& version = "1.3") const {
        python_tls_peer::behaviour out;
        out.cert = made->path("server.pem");
        out.key = made->path("server.key");
        out.mode = mode;
        out.version = version;
        return out;
    }
    bool ready = false;
    std::optional<certificates> made;
    client_options options;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(client_tls, fixture)

BOOST_AUTO_TEST_CASE(payloads_of_any_size_come_back_after_the_close_notify) {
    if (!ready) return;
    for (const std::string version : {"1.2", "1.3"}) {
        python_tls_peer peer(like("echo", version));
        for (const std::size_t size : {0u, 1u, 16'384u, 65'536u, 5'000'000u}) {
            const std::string payload = some_bytes(size);
            options.allow_empty = size == 0;
            const outcome got = run(peer.address(), payload, options);
            BOOST_TEST(!got.error, got.error.message() + got.result.detail);
            BOOST_TEST((got.result.reply == payload));
            BOOST_TEST(got.result.sent == size);
            BOOST_TEST(got.result.tls.protocol == "TLSv" + version);
            BOOST_TEST(got.result.tls.peer_name == "server.test");
            BOOST_TEST(got.result.tls.verified == "ok");
            BOOST_TEST((got.result.connected <= got.result.secured));
            BOOST_TEST((got.result.secured <= got.result.half_closed));
            BOOST_TEST(peer.saw("payload " + std::to_string(size) + " whole"));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_frame_ends_by_itself_and_the_connection_with_a_close_notify) {
    if (!ready) return;
    options.frame = parse_frame_spec("mllp").value();
    tls_options identity;
    identity.cert = made->path("server.pem");
    identity.key = made->path("server.key");
    const tls_context server = make_server_tls(identity).context;
    for (const std::string answer : {"\x0bthanks\x1c\r", "\x0bthanks"}) {
        const bool whole = answer.ends_with('\r');
        tcp_peer service([&](peer_connection& one) {
            one.read_at_least(8);
            one.send(answer);
            if (!whole) one.half_close();
            one.read_to_end();
        });
        const socket_address behind = parse_socket_address(to_string(service.address())).value();
        tls_front front(server, behind);
        const outcome got = run({front.address().host(), front.address().port()}, "hello", options);
        if (whole) {
            BOOST_TEST(!got.error, got.error.message() + got.result.detail);
            BOOST_TEST(got.result.reply == "thanks");
            BOOST_TEST(until([&] { return front.goodbyes() == 1; }));
        } else { // the service's end is a close_notify here, and no end of a frame
            BOOST_TEST((got.error == asio::error::eof), got.error.message());
        }
    }
}

BOOST_AUTO_TEST_CASE(a_fin_without_a_close_notify_is_no_end_of_a_reply) {
    if (!ready) return;
    for (const std::string version : {"1.2", "1.3"}) {
        python_tls_peer peer(like("cut", version));
        for (const std::string payload : {"", "hello"}) {
            options.allow_empty = true;
            const outcome got = run(peer.address(), payload, options);
            BOOST_TEST((got.error == reason::tls_truncated));
            BOOST_TEST((got.result.stage != exchange_stage::done));
            BOOST_TEST(!got.result.refused);
        }
    }
}

BOOST_AUTO_TEST_CASE(an_early_refusal_is_seen_while_the_payload_is_still_being_sent) {
    if (!ready) return;
    python_tls_peer peer(like("early"));
    const outcome got = run(peer.address(), std::string(64 << 20, 'x'), options);
    BOOST_TEST((got.error == reason::busy), got.error.message() + got.result.detail);
    BOOST_TEST(got.result.sent < (64u << 20));
}

BOOST_AUTO_TEST_CASE(a_peer_that_never_speaks_is_given_up_within_the_connect_limit) {
    if (!ready) return;
    tcp_peer peer([](peer_connection& one) { one.stay_silent(); });
    options.connect = 300ms;
    const outcome got = run(peer.address(), "hello", options);
    BOOST_TEST((got.error == asio::error::timed_out));
    BOOST_TEST((got.result.stage == exchange_stage::handshake));
    BOOST_TEST(got.result.sent == 0u);
}

BOOST_AUTO_TEST_CASE(what_it_began_before_a_failed_handshake_ends_with_a_reset) {
    if (!ready) return;
    // A plain gateway would take a ClientHello and a FIN for a payload.
    std::promise<bool> reset;
    auto told = reset.get_future();
    tcp_peer peer([&](peer_connection& one) {
        one.read_at_least(1);
        one.send("finpost: busy 017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n");
        one.read_to_end();
        reset.set_value(one.was_reset());
    });
    const outcome got = run(peer.address(), "hello", options);
    BOOST_TEST((got.error == reason::tls_handshake));
    BOOST_TEST(got.result.detail == "the other side does not speak TLS");
    BOOST_REQUIRE((told.wait_for(20s) == std::future_status::ready));
    BOOST_TEST(told.get());
}

BOOST_AUTO_TEST_CASE(it_can_be_cancelled_at_every_stage) {
    if (!ready) return;
    const auto cancelled = [this](const host_port& target, std::size_t size, auto when) {
        asio::io_context io;
        asio::cancellation_signal stop;
        std::optional<outcome> got;
        client_options mine = options;
        const auto emit = [&] { stop.emit(asio::cancellation_type::terminal); };
        mine.progress = [&](std::uint64_t, std::uint64_t) { asio::post(io, emit); };
        async_exchange(
            io.get_executor(), target, std::string(size, 'x'), mine,
            asio::bind_cancellation_slot(stop.slot(), [&](error_code ec, exchange_result r) {
                got = {ec, std::move(r)};
            }));
        when(io, emit);
        io.run();
        BOOST_REQUIRE(got);
        BOOST_TEST((got->error == asio::error::operation_aborted));
        return got->result.stage;
    };
    // In the handshake, when the peer has its ClientHello.
    std::promise<void> greeted;
    auto hello = greeted.get_future();
    tcp_peer silent([&](peer_connection& one) {
        one.read_at_least(1);
        greeted.set_value();
        one.stay_silent();
    });
    const auto stage = cancelled(silent.address(), 5, [&](asio::io_context& io, const auto& emit) {
        while (hello.wait_for(0s) != std::future_status::ready) io.run_one_for(100ms);
        asio::post(io, emit);
    });
    BOOST_TEST((stage == exchange_stage::handshake));
    // While sending and while waiting.
    python_tls_peer first(like("silent")), second(like("silent"));
    const auto nothing = [](asio::io_context&, const auto&) {};
    cancelled(first.address(), 64u << 20, nothing);
    cancelled(second.address(), 5, nothing);
}

BOOST_AUTO_TEST_CASE(an_exchange_that_is_given_up_with_its_context_leaves_nothing) {
    if (!ready) return;
    const std::size_t before = open_descriptors();
    {
        std::promise<void> greeted;
        auto hello = greeted.get_future();
        tcp_peer peer([&](peer_connection& one) {
            one.read_at_least(1);
            greeted.set_value();
            one.stay_silent();
        });
        asio::io_context io;
        async_exchange(io.get_executor(), peer.address(), "x", options,
                       [](error_code, exchange_result) {});
        while (hello.wait_for(0s) != std::future_status::ready) io.run_one_for(100ms);
    }
    BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_SUITE_END()
