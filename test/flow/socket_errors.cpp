// What a broken socket says, asked again: an error that one call has taken from the kernel is not
// forgotten, and the 0 that the kernel says from then on is no FIN.
#include "net/byte_stream.hpp"
#include "net/client_socket.hpp"
#include "net/spill_io.hpp"
#include "net/upstream_stream.hpp"
#include "support/temporary_folder.hpp"

#include "finpost/payload.hpp"
#include "finpost/spill_file.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::detail;
namespace asio = boost::asio;

namespace {

// Both ends of a connection on loopback. `near` is non-blocking, and belongs to whom it is given.
struct connection {
    connection() {
        const int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in at{};
        socklen_t size = sizeof at;
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        auto* const address = reinterpret_cast<sockaddr*>(&at);
        far = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        BOOST_REQUIRE(::bind(listening, address, size) == 0);
        BOOST_REQUIRE(::listen(listening, 1) == 0);
        BOOST_REQUIRE(::getsockname(listening, address, &size) == 0);
        BOOST_REQUIRE(::connect(far, address, size) == 0);
        near = ::accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        BOOST_REQUIRE(near >= 0);
        ::close(listening);
    }
    ~connection() {
        if (far >= 0) ::close(far);
    }
    connection(const connection&) = delete;
    connection& operator=(const connection&) = delete;

    // Says something and resets; returns when that has arrived.
    void break_off(std::string_view last_words = {}) {
        BOOST_REQUIRE(::send(far, last_words.data(), last_words.size(), MSG_NOSIGNAL) ==
                      static_cast<ssize_t>(last_words.size()));
        const linger at_once{1, 0};
        ::setsockopt(far, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        ::close(std::exchange(far, -1));
        pollfd broken{near, 0, 0};
        BOOST_REQUIRE(::poll(&broken, 1, 20'000) == 1);
    }

    int near = -1, far = -1;
};

struct fixture {
    client_socket client(const connection& to) { return {io.get_executor(), to.near, false}; }
    upstream_stream upstream(const connection& to) {
        return {asio::ip::tcp::socket(io, asio::ip::tcp::v4(), to.near), {}};
    }
    payload spilled() {
        payload made("some bytes");
        BOOST_REQUIRE(!made.spill(std::move(spill_file::create(folder.path().string()).value())));
        return made;
    }

    asio::io_context io;
    test::temporary_folder folder;
    std::array<std::byte, 64> buffer{};
    std::span<const std::byte> data = std::as_bytes(std::span("x", 1));
};

void expect_no_end(const result<std::size_t>& got) {
    BOOST_TEST(got.has_error());
    BOOST_TEST((got.error() != asio::error::eof));
    BOOST_TEST((got.error() != asio::error::would_block));
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(socket_errors, fixture)

BOOST_AUTO_TEST_CASE(whichever_call_has_met_a_clients_reset_nothing_after_it_is_an_end) {
    const payload file = spilled();
    using call = std::function<result<std::size_t>(client_socket&)>;
    const std::vector<call> calls{
        [this](client_socket& one) { return one.read_some(buffer); },
        [](client_socket& one) { return one.peek(); },
        [this](client_socket& one) { return one.peek(buffer); },
        [](client_socket& one) { return one.discard_some(); },
        [this](client_socket& one) { return one.write_some(data); },
        [&file](client_socket& one) { return one.send_file_piece(file, 0); },
    };
    for (std::size_t first = 0; first < calls.size(); ++first) {
        BOOST_TEST_CONTEXT("first " << first) {
            connection between;
            client_socket one = client(between);
            between.break_off();
            expect_no_end(calls[first](one));
            for (const call& again : calls) expect_no_end(again(one));
        }
    }
}

BOOST_AUTO_TEST_CASE(whichever_call_has_met_a_services_reset_nothing_after_it_is_an_end) {
    const payload file = spilled();
    using call = std::function<void(upstream_stream&)>;
    const std::vector<call> calls{
        [this](upstream_stream& one) { expect_no_end(one.read_some(buffer)); },
        [this](upstream_stream& one) { expect_no_end(one.write_some(data, data)); },
        [&file](upstream_stream& one) { expect_no_end(one.send_file_piece(file, 0)); },
        [](upstream_stream& one) { BOOST_TEST(!one.is_quiet()); },
        [](upstream_stream& one) { BOOST_TEST(!one.has_bytes()); },
    };
    for (std::size_t first = 0; first < calls.size(); ++first) {
        BOOST_TEST_CONTEXT("first " << first) {
            connection between;
            upstream_stream one = upstream(between);
            between.break_off();
            calls[first](one);
            upstream_stream moved = std::move(one); // as into the pool and out of it
            for (const call& again : calls) again(moved);
        }
    }
}

BOOST_AUTO_TEST_CASE(what_came_before_the_reset_is_read_and_then_there_is_no_end) {
    connection between, other;
    client_socket one = client(between);
    upstream_stream two = upstream(other);
    between.break_off("last words");
    other.break_off("last words");
    BOOST_TEST(one.write_some(data).has_error());
    BOOST_TEST(two.write_some(data, {}).has_error());
    BOOST_TEST(one.read_some(buffer).value() == 10u);
    BOOST_TEST(two.read_some(buffer).value() == 10u);
    expect_no_end(one.read_some(buffer));
    expect_no_end(two.read_some(buffer));
}

BOOST_AUTO_TEST_CASE(that_nothing_is_there_yet_is_no_error_that_stays) {
    connection between, other;
    client_socket one = client(between);
    upstream_stream two = upstream(other);
    BOOST_TEST((one.read_some(buffer).error() == asio::error::would_block));
    BOOST_TEST((one.peek().error() == asio::error::would_block));
    BOOST_TEST((two.read_some(buffer).error() == asio::error::would_block));
    BOOST_TEST(two.is_quiet());
    BOOST_TEST(!two.has_bytes());
    ::shutdown(between.far, SHUT_WR);
    ::shutdown(other.far, SHUT_WR);
    for (const int fd : {between.near, other.near}) {
        pollfd ended{fd, POLLIN, 0};
        BOOST_REQUIRE(::poll(&ended, 1, 20'000) == 1);
    }
    BOOST_TEST((one.peek().error() == asio::error::eof));
    BOOST_TEST((one.read_some(buffer).error() == asio::error::eof));
    BOOST_TEST((two.read_some(buffer).error() == asio::error::eof));
}

BOOST_AUTO_TEST_CASE(a_file_that_fails_breaks_no_connection) {
    const payload file = spilled();
    BOOST_REQUIRE(::ftruncate(file.file()->fd(), 0) == 0);
    connection between;
    byte_stream one(io.get_executor(), false);
    one.take(between.near);
    BOOST_TEST(is_file_error(one.send_file_piece(file, 0).error()));
    BOOST_TEST((one.read_some(buffer).error() == asio::error::would_block));
    BOOST_TEST(one.write_some(data).value() == 1u);
}

BOOST_AUTO_TEST_CASE(two_spans_go_out_in_one_write_and_in_their_order) {
    connection between;
    byte_stream one(io.get_executor(), false);
    one.take(between.near);
    const std::string head = "head ", body = "body";
    BOOST_TEST(
        one.write_some(std::as_bytes(std::span(head)), std::as_bytes(std::span(body))).value() ==
        9u);
    std::array<char, 16> got{};
    BOOST_TEST(::recv(between.far, got.data(), got.size(), 0) == 9);
    BOOST_TEST(std::string(got.data()) == "head body");
}

BOOST_AUTO_TEST_SUITE_END()
