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

asio::awaitable<error_code> write_all(client_socket& socket, std::span<const std::byte> data,
                                      duration total, watchdog& dog, std::size_t& written) {
    const watchdog::guard cancel(dog, [&socket] { socket.cancel(); });
    bool watched = false;
    while (written < data.size()) {
        const auto rest = data.subspan(written);
        const auto sent = socket.write_some(rest);
        if (sent.has_value()) {
            written += *sent;
            continue;
        }
        if (sent.error() != asio::error::would_block) co_return sent.error();
        // Only a client that does not keep up needs to be watched.
        if (!watched) dog.watch(duration::zero(), total, reason::internal);
        watched = true;
        if (dog.error()) co_return dog.error();
        auto [ec] = co_await socket.async_wait_writable();
        if (dog.error()) co_return dog.error();
        if (ec) co_return ec;
    }
    co_return error_code{};
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
