#include "session/preamble.hpp"

#include "net/client_socket.hpp"
#include "policy/first_record.hpp"

#include <boost/asio/error.hpp>

#include <array>
#include <span>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

// Takes of what has come what belongs to the header: `would_block` while that is not all of it.
// What is behind it stays in the kernel, for the TLS handshake or as the payload.
error_code take_header(client_socket& socket, preamble& first) {
    std::array<std::byte, 512> buffer;
    proxy_parser& header = *first.header;
    while (header.reading() == proxy_parser::state::more) {
        const auto seen = socket.peek(buffer);
        if (seen.has_error()) return seen.error();
        first.begun = true;
        std::size_t due = header.feed(std::span(buffer).first(*seen));
        while (due > 0) {
            const auto taken = socket.read_some(std::span(buffer).first(due));
            if (taken.has_error()) return taken.error();
            due -= *taken;
        }
    }
    const bool good = header.reading() == proxy_parser::state::complete;
    if (good) first.begun = false; // a proxy that says no more only looked
    return good ? error_code() : error_code(reason::proxy_protocol);
}

// Success when the first record is there, or enough of it to know that it is none that can be
// taken. Until then it stays in the kernel, and nothing is spent on the client.
error_code wait_for_hello(client_socket& socket, preamble& first) {
    std::array<std::byte, first_record::enough> buffer{};
    const auto seen = socket.peek(buffer);
    if (seen.has_error()) return seen.error();
    first.begun = true;
    const auto begun = std::span(buffer).first(*seen);
    const first_record record(begun);
    if (record.is() == first_record::kind::other) {
        first.is_other = true;
        return reason::tls_handshake;
    }
    const std::size_t there = socket.unread();
    if (record.is() == first_record::kind::record && there >= record.due()) return {};
    if (socket.input_ended()) return reason::tls_handshake;
    // The kernel says that it is readable, and has not a byte more: it holds no more of it.
    if (there == std::exchange(first.looked_at, there)) return {};
    socket.wait_for_bytes(record.due());
    return asio::error::would_block;
}

using step = error_code (*)(client_socket&, preamble&);

asio::awaitable<error_code> go_through(step next, client_socket& socket, preamble& first,
                                       exchange_deadline& deadline) {
    const exchange_deadline::on_cancel cancel(deadline, [&socket] { socket.cancel(); });
    for (;;) {
        const error_code failed = next(socket, first);
        if (failed != asio::error::would_block) co_return failed;
        if (deadline.error()) co_return deadline.error();
        auto [ec] = co_await socket.async_wait_readable();
        if (deadline.error()) co_return deadline.error();
        if (ec) co_return ec;
    }
}

} // namespace

asio::awaitable<error_code> read_proxy_header(client_socket& socket, preamble& first,
                                              duration limit, exchange_deadline& deadline) {
    deadline.arm(duration::zero(), limit, reason::proxy_protocol);
    error_code failed = co_await go_through(take_header, socket, first, deadline);
    // The end of the input in the middle of it.
    if (failed == asio::error::eof && first.begun) co_return reason::proxy_protocol;
    co_return failed;
}

asio::awaitable<error_code> handshake(client_socket& socket, preamble& first, duration limit,
                                      exchange_deadline& deadline) {
    deadline.arm(duration::zero(), limit, reason::tls_handshake);
    error_code failed = co_await go_through(wait_for_hello, socket, first, deadline);
    socket.wait_for_bytes(1);
    if (failed) co_return failed;
    socket.secure(first.tls);
    failed = co_await handshake(socket.stream(), deadline);
    co_return failed;
}

} // namespace finpost::detail
