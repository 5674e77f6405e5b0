#include "session/reply.hpp"

#include "async/fairness.hpp"
#include "net/client_socket.hpp"
#include "policy/min_rate.hpp"
#include "single_writer_counter.hpp"

#include "finpost/request_id.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>

namespace asio = boost::asio;

namespace finpost::detail {

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
    const auto got = socket.discard_some();
    return got.has_value() || got.error() == asio::error::would_block;
}

} // namespace

error_code write_at_once(client_socket& socket, std::span<const std::byte> data,
                         single_writer_counter& written, bool marks_end) noexcept {
    const std::size_t before = written.value();
    while (written.value() < data.size()) {
        if (written.value() - before >= quantum) return asio::error::would_block;
        const std::size_t n = std::min(data.size() - written.value(), quantum);
        const auto sent = socket.write_some(data.subspan(written.value(), n));
        if (sent.has_error()) return sent.error();
        written.add(*sent);
    }
    return marks_end ? socket.finish() : error_code();
}

asio::awaitable<error_code> write_all(client_socket& socket, std::span<const std::byte> data,
                                      write_limits limits, exchange_deadline& deadline,
                                      single_writer_counter& written, bool marks_end) {
    const write_step step = [&socket, data, &written, marks_end] {
        return write_at_once(socket, data, written, marks_end);
    };
    error_code failed = co_await write_in_steps(socket, step, limits, deadline, written);
    co_return failed;
}

asio::awaitable<error_code> write_in_steps(client_socket& socket, const write_step& step,
                                           write_limits limits, exchange_deadline& deadline,
                                           const single_writer_counter& written) {
    error_code unsent = step();
    if (unsent != asio::error::would_block) co_return unsent;
    // Only a client that does not keep up needs to be watched.
    const exchange_deadline::on_cancel cancel(deadline, [&socket] { socket.cancel(); });
    const auto began = exchange_deadline::clock::now();
    // Of a framed client: replies that it has not taken yet. It has to take them first.
    const std::size_t waits = socket.unacknowledged();
    const std::size_t before = waits - std::min(waits, written.value());
    while (unsent == asio::error::would_block) {
        // What waits in this kernel nobody has taken. The peer's kernel may hold more than its
        // program has read, never less: who reads fast enough is never judged too slow.
        const std::size_t all = before + written.value();
        const std::size_t taken = all - std::min(all, socket.unacknowledged());
        const auto now = exchange_deadline::clock::now();
        if (now - began >= limits.total) co_return reason::internal;
        if (too_slow(taken, now - began, limits.min_rate)) co_return reason::too_slow;
        const auto judged = began + slow_after(taken, limits.min_rate);
        const auto look_at = std::min(began + limits.total, std::max(judged, now + shortest_look));
        deadline.arm(duration::zero(), look_at - now, reason::internal);
        if (deadline.stopped()) co_return deadline.error();
        auto [ec] = co_await socket.async_wait_writable();
        if (!ec && written.value() > yields_above) co_await fair_yield();
        if (deadline.stopped()) co_return deadline.error();
        if (ec && !deadline.error()) co_return ec;
        unsent = step();
    }
    co_return unsent;
}

asio::awaitable<void> drain_input(client_socket& socket, duration limit,
                                  exchange_deadline& deadline) {
    const exchange_deadline::on_cancel cancel(deadline, [&socket] { socket.cancel(); });
    deadline.arm(duration::zero(), limit, reason::internal);
    while (!deadline.error()) {
        // One read a wait: a client that sends without a pause must not keep the thread.
        auto [ec] = co_await socket.async_wait_readable();
        if (ec || !discard_some(socket)) break;
    }
}

asio::awaitable<void> let_it_read(client_socket& socket, duration limit,
                                  exchange_deadline& deadline) {
    co_await drain_input(socket, limit, deadline);
    // The limit that `drain_input` has armed is still running.
    const exchange_deadline::on_cancel cancel(deadline, [&socket] { socket.cancel(); });
    while (!deadline.error() && !socket.was_reset()) {
        auto [ec] = co_await socket.async_wait_reset();
        if (ec || socket.has_urgent_byte()) break; // which looks like a reset, and stays
    }
}

} // namespace finpost::detail
