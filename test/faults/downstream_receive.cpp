// Rows D1 to D4, D9 to D12, D17 and D18: payloads that are cut, too large, too slow, or never end.
#include "faults/downstream_fixture.hpp"
#include "faults/failing_send.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// Sends a byte every 20 ms until the gateway has something to say, at most for 20 s.
void trickle(raw_client& client) {
    for (int i = 0; i < 1000; ++i) {
        client.send_some("x", 1s);
        pollfd one{client.fd(), POLLIN, 0};
        if (::poll(&one, 1, 20) != 0) return;
    }
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(downstream_receive, downstream_fixture)

BOOST_AUTO_TEST_CASE(D10_the_largest_payload_and_one_byte_more) {
    config.max_payload = 100'000;
    start();
    BOOST_TEST((exchange(some_bytes(100'000)).bytes == some_bytes(100'000)));
    std::int64_t most = 0;
    {
        raw_client client = connect();
        client.send(some_bytes(100'000));
        BOOST_TEST(until([&] { return counters.buffered_bytes.value() >= 100'000; }));
        most = counters.buffered_bytes.value();
        client.send("x");
        expect_refusal(client.read_to_end(), reason::too_large);
    }
    BOOST_TEST(most <= 2 * 100'000); // a buffer that grows; never the payload and more
    expect_refusal(exchange(some_bytes(100'001)), reason::too_large);
    BOOST_TEST(upstream.count() == 1u);
    expect_served();
}

BOOST_AUTO_TEST_CASE(D9_the_refusal_reaches_a_client_that_is_still_sending) {
    config.max_payload = 10'000;
    start();
    raw_client client = connect();
    client.send(some_bytes(6'000'000)); // far more than the kernel buffers: somebody reads it
    expect_refusal(client.read_to_end(), reason::too_large);
    client.send(some_bytes(1000)).half_close();
    expect_served();
    expect_nothing_forwarded();
}

BOOST_AUTO_TEST_CASE(D9_a_client_that_never_stops_sending_is_cut_in_time) {
    config.max_payload = 10'000;
    config.lingering_close = 300ms;
    start();
    raw_client client = connect();
    auto sent = std::async(std::launch::async, [&client] {
        const std::string data = some_bytes(1'000'000);
        std::size_t total = 0;
        for (std::size_t n = data.size(); n == data.size(); total += n)
            n = client.send_some(data, 10s);
        return total;
    });
    const std::string line = client.read_at_least(55);
    BOOST_TEST(refusal_reason(line) == "too_large");
    BOOST_TEST(sent.get() > 0u); // ends, since the gateway closes
    BOOST_TEST(refused(reason::too_large) == 1u);
}

BOOST_AUTO_TEST_CASE(D9_a_refusal_that_cannot_be_written_whole_ends_in_a_reset) {
    config.max_payload = 10'000;
    config.lingering_close = 300ms;
    start();
    for (const bool half_closed : {false, true}) {
        choke_on("finpost: too_large");
        raw_client client = connect();
        client.send(some_bytes(10'001));
        if (half_closed) client.half_close();
        const auto got = client.read_to_end();
        choke_on({});
        BOOST_TEST(refusal_reason(got.bytes) == "");
        BOOST_TEST((got.how == raw_client::ending::reset));
    }
    BOOST_TEST(refused(reason::too_large) == 2u);
    expect_served();
}

// A host may drop a gateway at any moment, with whatever its sessions are at.
BOOST_AUTO_TEST_CASE(D9_a_refusal_whose_gateway_goes_before_it_is_written_ends_in_a_reset) {
    choke_on("finpost: too_large");
    auto io = std::make_unique<boost::asio::io_context>();
    config.listen = {parse_socket_address("127.0.0.1:0").value()};
    config.max_payload = 10'000;
    config.lingering_close = 60s;
    auto answer = [](request) -> boost::asio::awaitable<reply> {
        co_return reply(payload("never"));
    };
    auto door = std::make_unique<gateway>(io->get_executor(), config, answer, counters);
    door->start();
    raw_client client(door->endpoints().front());
    client.send(some_bytes(10'001)).half_close();
    BOOST_TEST(until([&] {
        io->poll_one(); // it tries without a pause what cannot be written
        const auto all = door->session_views(1);
        return all.size() == 1 && all.front().stage == session_stage::refuse &&
               all.front().bytes_out > 0;
    }));
    door.reset();
    io.reset();
    choke_on({});
    const auto got = client.read_to_end();
    BOOST_TEST(refusal_reason(got.bytes) == "");
    BOOST_TEST((got.how == raw_client::ending::reset));
}

BOOST_AUTO_TEST_CASE(D3_a_payload_without_an_end_is_refused_when_nothing_comes) {
    config.receive_idle = 200ms;
    start();
    raw_client client = connect();
    client.send("no end");
    expect_refusal(client.read_to_end(), reason::receive_timeout);
    BOOST_TEST(access_line().number("receive_ms") >= 190);
    BOOST_TEST(access_line().at("bytes_in") == "6");
    expect_served();
    expect_nothing_forwarded();
}

BOOST_AUTO_TEST_CASE(D1_a_byte_now_and_then_does_not_put_the_end_off) {
    config.receive_idle = 5s;
    config.receive_total = 400ms;
    start();
    raw_client client = connect();
    trickle(client);
    expect_refusal(client.read_to_end(), reason::receive_timeout);
    BOOST_TEST(access_line().number("receive_ms") >= 390);
    expect_served();
    expect_nothing_forwarded();
}

BOOST_AUTO_TEST_CASE(D1_whoever_goes_on_sending_has_time) {
    config.receive_idle = 3s;
    start();
    raw_client client = connect();
    for (int i = 0; i < 35; ++i) {
        client.send("x");
        pollfd one{client.fd(), POLLIN, 0};
        BOOST_TEST(::poll(&one, 1, 100) == 0); // nothing to read: a pause far below the limit
    }
    client.half_close();
    BOOST_TEST(client.read_to_end().bytes == std::string(35, 'x'));
}

// The client may just be late: its payload would be thrown away, and a bare FIN be its reply.
BOOST_AUTO_TEST_CASE(D2_a_connection_that_never_says_anything_is_refused_and_told_so) {
    config.receive_idle = 200ms;
    start();
    raw_client client = connect();
    expect_refusal(client.read_to_end(), reason::receive_timeout);
    BOOST_TEST(access_line().at("bytes_in") == "0");
    BOOST_TEST(access_line().number("receive_ms") >= 190);
    BOOST_TEST(counters.probes.value() == 0u);
    BOOST_TEST(log.count("probe") == 0u);
    expect_served();
    expect_nothing_forwarded();
}

BOOST_AUTO_TEST_CASE(D2_a_payload_that_comes_behind_the_limit_is_not_answered_with_nothing) {
    config.receive_idle = 200ms;
    start();
    raw_client client = connect();
    BOOST_TEST(line_with("receive_timeout").at("outcome") == "refused");
    client.send("late").half_close();
    expect_refusal(client.read_to_end(), reason::receive_timeout);
    expect_served();
    expect_nothing_forwarded();
}

BOOST_AUTO_TEST_CASE(D2_where_refusals_are_resets_so_is_this_one) {
    config.receive_idle = 200ms;
    config.on_refusal = refusal_style::reset;
    start();
    const auto got = connect().read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::reset));
    BOOST_TEST(access_line().at("reason") == "receive_timeout");
    BOOST_TEST(refused(reason::receive_timeout) == 1u);
}

// A limit that ended it is one thing, the client that did another.
BOOST_AUTO_TEST_CASE(D11_a_client_that_waits_and_goes_without_a_byte_is_a_probe) {
    start();
    raw_client by_fin = connect(), by_reset = connect();
    BOOST_TEST(log.wait_for("accepted", 2));
    by_fin.half_close();
    by_reset.reset();
    const auto got = by_fin.read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::fin));
    BOOST_TEST(log.wait_for("probe", 2));
    BOOST_TEST(log.count("exchange") == 0u);
}

BOOST_AUTO_TEST_CASE(D1_an_upload_slower_than_allowed_is_refused) {
    config.min_rate = 1 << 20;
    start();
    raw_client client = connect();
    trickle(client);
    expect_refusal(client.read_to_end(), reason::too_slow);
    BOOST_TEST(access_line().number("receive_ms") >= 4990); // nobody is judged before 5 s
    expect_served();
    expect_nothing_forwarded();
}

BOOST_AUTO_TEST_CASE(D4_a_payload_cut_by_a_reset_is_never_forwarded) {
    start();
    std::size_t n = 0;
    for (const std::size_t size : {1u, 5000u, 400'000u}) {
        connect().send(some_bytes(size)).reset();
        const auto line = access_line(++n);
        BOOST_TEST(line.at("outcome") == "aborted");
        BOOST_TEST(line.at("reason") == "aborted_read");
    }
    BOOST_TEST(counters.aborted.value() == n);
    expect_served();
    expect_nothing_forwarded();
}

BOOST_AUTO_TEST_CASE(D4_a_reset_while_the_gateway_waits_for_more) {
    start();
    raw_client client = connect();
    client.send("half");
    BOOST_TEST(log.wait_for("accepted"));
    expect_served();
    client.reset();
    expect_aborted("aborted_read");
    expect_nothing_forwarded();
}

BOOST_AUTO_TEST_CASE(D11_connections_without_a_byte_are_closed_silently) {
    start();
    for (int i = 0; i < 100; ++i) {
        const auto got = exchange("");
        BOOST_TEST(got.bytes == "");
        BOOST_TEST((got.how == raw_client::ending::fin));
        connect().reset();
    }
    BOOST_TEST(log.wait_for("probe", 200));
    BOOST_TEST(counters.probes.value() == 200u);
    BOOST_TEST((log.of("probe").at(0).level == log_level::debug));
    BOOST_TEST(log.count("exchange") == 0u);
    BOOST_TEST(upstream.connections() == 0u);
    expect_served();
}

BOOST_AUTO_TEST_CASE(D12_what_is_not_strict_base64_is_refused_and_never_echoed) {
    using namespace std::string_literals;
    config.decode = codec::base64;
    start();
    const std::vector<std::string> wrong{"aGVs*G8=",
                                         "aGVs-_8=",
                                         "aG=sbG8=",
                                         "aGVsbG8",
                                         "aGVsb",
                                         "aGVsbG9=",
                                         "aGVsbH==",
                                         "aGVs\nbG8=",
                                         "aGVsbG8= ",
                                         " aGVsbG8=",
                                         "aGVs bG8=",
                                         "aGVs\0bG8="s,
                                         "\xef\xbb\xbf"
                                         "aGVsbG8=",
                                         "aGVsbG8=aGVs",
                                         "aGVsbG8=\n\n",
                                         "aGVsbG8=\r",
                                         "aGVsbG8=\n\r",
                                         "====",
                                         "A",
                                         "aGVsbG8==="};
    for (const std::string& text : wrong) {
        BOOST_TEST_CONTEXT(text) { expect_refusal(exchange(text), reason::bad_encoding); }
    }
    BOOST_TEST(refused(reason::bad_encoding) == wrong.size());
    BOOST_TEST(upstream.connections() == 0u);
    BOOST_REQUIRE(log.count("bad encoding") == wrong.size());
    BOOST_TEST(log.of("bad encoding").at(0).at("offset") == "4");
    for (const auto& line : log.of("bad encoding"))
        for (const auto& [name, value] : line.fields) BOOST_TEST(value.find("aGVs") == value.npos);
    for (const char* const end : {"", "\n", "\r\n"})
        BOOST_TEST(exchange("aGVsbG8="s + end).bytes == "hello");
}

BOOST_AUTO_TEST_CASE(D17_every_segmentation_is_the_same_payload) {
    start();
    const std::string payload = "a payload of some length";
    const int on = 1;
    // Every way to cut it in two, the FIN in a segment of its own or with the data; then byte by
    // byte.
    for (std::size_t cut = 0; cut <= payload.size(); ++cut) {
        for (const bool glued : {false, true}) {
            raw_client client = connect();
            ::setsockopt(client.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            if (cut > 0) client.send(payload.substr(0, cut));
            const std::string rest = payload.substr(cut);
            if (glued && !rest.empty())
                client.send_with_fin(rest);
            else
                (rest.empty() ? client : client.send(rest)).half_close();
            const auto got = client.read_to_end();
            BOOST_TEST(got.bytes == payload);
            BOOST_TEST((got.how == raw_client::ending::fin));
        }
    }
    raw_client client = connect();
    ::setsockopt(client.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    for (const char& byte : payload) client.send({&byte, 1});
    client.half_close();
    BOOST_TEST(client.read_to_end().bytes == payload);
    for (const auto& seen : upstream.requests()) BOOST_TEST(seen.body == payload);
    BOOST_TEST(upstream.complete() == 2 * (payload.size() + 1) + 1);
}

BOOST_AUTO_TEST_CASE(D18_an_urgent_byte_is_a_byte_of_the_payload) {
    config.on_client_reset =
        client_reset_policy::cancel; // which would cut it, if it took it for one
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    std::vector<raw_client> clients;
    for (const std::string_view text : {"urgent!", "!", "ur!gent"}) {
        clients.push_back(connect());
        const std::size_t mark = text.find('!');
        if (mark > 0) clients.back().send(text.substr(0, mark));
        BOOST_TEST(::send(clients.back().fd(), "!", 1, MSG_OOB) == 1);
        if (mark + 1 < text.size()) clients.back().send(text.substr(mark + 1));
        clients.back().half_close();
    }
    BOOST_TEST(upstream.wait_for_requests(3));
    pollfd one{clients[0].fd(), POLLIN, 0};
    BOOST_TEST(::poll(&one, 1, 300) == 0); // long enough to be watched for a reset
    upstream.open_gate();
    BOOST_TEST(clients[0].read_to_end().bytes == "urgent!");
    BOOST_TEST(clients[1].read_to_end().bytes == "!");
    BOOST_TEST(clients[2].read_to_end().bytes == "ur!gent");
    BOOST_TEST(counters.client_gone.value() == 0u);
}

BOOST_AUTO_TEST_CASE(D18_a_source_port_may_come_again_at_once) {
    start();
    std::uint16_t port = 0;
    for (int i = 0; i < 50; ++i) {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        const timeval limit{20, 0};
        ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        ::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        ::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &on, sizeof on); // a probe a second
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        socket_address from = parse_socket_address("127.0.0.1:0").value();
        from.port(port);
        BOOST_REQUIRE(::bind(fd, from.data(), static_cast<socklen_t>(from.size())) == 0);
        sockaddr_storage bound{};
        socklen_t size = sizeof bound;
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
        port = socket_address(reinterpret_cast<sockaddr*>(&bound), size).port();
        const socket_address to = address();
        BOOST_REQUIRE(::connect(fd, to.data(), static_cast<socklen_t>(to.size())) == 0);
        BOOST_TEST(::send(fd, "hello", 5, MSG_NOSIGNAL) == 5);
        ::shutdown(fd, SHUT_WR);
        std::array<char, 16> got{};
        BOOST_TEST(::recv(fd, got.data(), got.size(), MSG_WAITALL) == 5);
        const linger at_once{1, 0}; // no TIME_WAIT on this side: the same pair comes again
        ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        ::close(fd);
    }
    BOOST_TEST(upstream.complete() == 50u);
}

// Who is refused is left first: the end of that connection stays with the port for a minute
// (TIME_WAIT).
BOOST_AUTO_TEST_CASE(D18_a_port_whose_ends_linger_is_listened_on_again_at_once) {
    config.listen = {
        parse_socket_address("127.18.0.1:0").value()}; // where nobody takes the port meanwhile
    config.max_payload = 10;
    start();
    const socket_address port = address();
    for (int i = 0; i < 20; ++i) {
        raw_client client = connect();
        client.send("eleven bytes");
        expect_refusal(client.read_to_end(), reason::too_large);
        client.close();
    }
    auto drained = drain(20s);
    BOOST_REQUIRE(completes(drained));
    downstream_fixture next;
    next.config.listen = {port};
    next.start();
    next.expect_served();
    next.teardown();
}

BOOST_AUTO_TEST_SUITE_END()
