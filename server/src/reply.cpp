#include "reply.hpp"

#include "client_socket.hpp"

#include "finpost/request_id.hpp"

#include <boost/asio/error.hpp>

#include <array>

namespace asio = boost::asio;

namespace finpost {

std::string refusal_line(reason why, const request_id& id) {
    std::string line = "finpost: ";
    line += to_string(why);
    line += ' ';
    line += id.text();
    line += '\n';
    return line;
}

namespace {

// False when the client's input has come to its end, or the connection has.
bool discard_some(client_socket& socket) {
    std::array<std::byte, 16 << 10> scratch;
    const auto got = socket.read_some(scratch);
    return got.has_value() || got.error() == asio::error::would_block;
}

} // namespace

error_code write_at_once(client_socket& socket, std::span<const std::byte> data,
                         std::size_t& written) noexcept {
    while (written < data.size()) {
        const auto sent = socket.write_some(data.subspan(written));
        if (sent.has_error()) return sent.error();
        written += *sent;
    }
    return {};
}

asio::awaitable<error_code> write_all(client_socket& socket, std::span<const std::byte> data,
                                      duration total, watchdog& dog, std::size_t& written) {
    error_code unsent = write_at_once(socket, data, written);
    if (unsent != asio::error::would_block) co_return unsent;
    // Only a client that does not keep up needs to be watched.
    const watchdog::guard cancel(dog, [&socket] { socket.cancel(); });
    dog.watch(duration::zero(), total, reason::internal);
    while (unsent == asio::error::would_block) {
        if (dog.error()) co_return dog.error();
        auto [ec] = co_await socket.async_wait_writable();
        if (dog.error()) co_return dog.error();
        if (ec) co_return ec;
        unsent = write_at_once(socket, data, written);
    }
    co_return unsent;
}

asio::awaitable<void> drain_input(client_socket& socket, duration limit, watchdog& dog) {
    const watchdog::guard cancel(dog, [&socket] { socket.cancel(); });
    dog.watch(duration::zero(), limit, reason::internal);
    while (!dog.error()) {
        // One read a wait: a client that sends without a pause must not keep the thread.
        auto [ec] = co_await socket.async_wait_readable();
        if (ec || !discard_some(socket)) break;
    }
}

} // namespace finpost
