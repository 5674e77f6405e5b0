#include "receive.hpp"

#include "client_socket.hpp"
#include "policy/buffer_budget.hpp"

#include "finpost/config.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>

namespace asio = boost::asio;

namespace finpost {

namespace {

constexpr std::size_t first_read = 4 << 10;
constexpr std::size_t largest_read = 1 << 20;

} // namespace

std::size_t next_read(std::size_t have, std::uint64_t limit) noexcept {
    // Four times as much each time while buffers are small, twice as much later: a 64 KiB payload takes
    // four reads, and a large one is at most half empty.
    const std::size_t grown = have < (256u << 10) ? 3 * have : have;
    const std::size_t wanted = std::clamp(grown, first_read, largest_read);
    return static_cast<std::size_t>(std::min<std::uint64_t>(wanted, limit + 1 - have));
}

bool too_slow(std::uint64_t bytes, std::chrono::nanoseconds elapsed, std::uint64_t rate) noexcept {
    using namespace std::chrono_literals;
    if (rate == 0 || elapsed < 5s) return false;
    const double seconds = std::chrono::duration<double>(elapsed).count();
    return static_cast<double>(bytes) < static_cast<double>(rate) * seconds;
}

asio::awaitable<error_code> receive(client_socket& socket, payload& into,
                                    const gateway_config& limits, watchdog& dog) {
    const auto began = watchdog::clock::now();
    const watchdog::guard cancel(dog, [&socket] { socket.cancel(); });
    dog.watch(limits.receive_idle, limits.receive_total, reason::receive_timeout);
    for (;;) {
        if (into.room().empty()) {
            const std::size_t wanted = next_read(into.size(), limits.max_payload);
            error_code failed = co_await reserve(into, wanted, dog);
            if (failed) co_return failed;
        }
        const std::size_t allowed = limits.max_payload + 1 - into.size();
        const auto room = into.room().first(std::min(into.room().size(), allowed));
        result<std::size_t> got = error_code(asio::error::would_block);
        // Try first, wait second; but a client that sends without a pause must not keep the thread.
        if (into.size() < largest_read) got = socket.read_some(room);
        if (got.has_error() && got.error() == asio::error::would_block) {
            if (dog.error()) co_return dog.error();
            auto later = co_await socket.async_read_some(room);
            got = later;
        }
        if (got.has_error()) {
            if (got.error() == asio::error::eof) co_return error_code{};
            co_return dog.error() ? dog.error() : got.error();
        }
        into.commit(*got);
        if (into.size() > limits.max_payload) co_return reason::too_large;
        const auto now = watchdog::clock::now();
        if (too_slow(into.size(), now - began, limits.min_rate)) co_return reason::too_slow;
        dog.progress();
    }
}

} // namespace finpost
