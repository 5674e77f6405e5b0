#include "reply.hpp"

#include "client_socket.hpp"

#include "finpost/request_id.hpp"

#include <boost/asio/error.hpp>

#include <array>
#include <memory>

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

asio::awaitable<error_code> write_all(client_socket& socket, std::span<const std::byte> data,
                                      duration total, watchdog& dog, std::size_t& written) {
    const watchdog::guard cancel(dog, [&socket] { socket.cancel(); });
    bool watched = false;
    while (written < data.size()) {
        const auto rest = data.subspan(written);
        auto sent = socket.write_some(rest);
        if (sent.has_error() && sent.error() == asio::error::would_block) {
            // Only a client that does not keep up needs to be watched.
            if (!watched) dog.watch(duration::zero(), total, reason::internal);
            watched = true;
            if (dog.error()) co_return dog.error();
            auto later = co_await socket.async_write_some(rest);
            sent = later;
        }
        if (sent.has_error()) co_return dog.error() ? dog.error() : sent.error();
        written += *sent;
    }
    co_return error_code{};
}

asio::awaitable<void> drain_input(client_socket& socket, duration limit, watchdog& dog) {
    const watchdog::guard cancel(dog, [&socket] { socket.cancel(); });
    dog.watch(duration::zero(), limit, reason::internal);
    // On the heap: a frame of 16 KiB is more than any other step of a session needs.
    const auto scratch = std::make_unique<std::array<std::byte, 16 << 10>>();
    while (!dog.error()) {
        // Never read eagerly here: a client that sends without a pause would keep the thread.
        auto got = co_await socket.async_read_some(*scratch);
        if (got.has_error()) break;
    }
}

} // namespace finpost
