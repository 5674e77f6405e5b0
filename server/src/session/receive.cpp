#include "session/receive.hpp"

#include "async/fairness.hpp"
#include "net/client_socket.hpp"
#include "policy/buffer_budget.hpp"
#include "policy/min_rate.hpp"
#include "policy/spill_policy.hpp"
#include "session/receive_to_file.hpp"
#include "single_writer_counter.hpp"

#include "finpost/config.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>

namespace asio = boost::asio;

namespace finpost {

namespace {

// Large payloads that wait for memory may wait for each other. Where there are files, a payload
// waits no longer than this, and goes to its file.
constexpr duration file_instead = std::chrono::seconds(1);
constexpr std::size_t first_read = 4 << 10;
constexpr std::size_t largest_read = quantum;
// A full buffer of this size or more is perhaps a whole payload: growing it costs more than a look.
constexpr std::size_t look_before_growing = 16 << 10;

// What a client may hold beside the line of large ones: little enough that all clients together
// leave room for the largest payload.
std::size_t largest_beside(const gateway_config& limits, std::uint64_t most) noexcept {
    const std::uint64_t spare = limits.max_buffered - std::min(limits.max_buffered, most);
    return static_cast<std::size_t>(
        std::clamp<std::uint64_t>(spare / limits.max_connections, first_read, 64 << 10));
}

// What was received to its end needs no more memory.
class leaves_line {
public:
    explicit leaves_line(upload& coming) : coming_(coming) {}
    ~leaves_line() {
        if (!stays_) coming_.ticket.reset();
    }
    leaves_line(const leaves_line&) = delete;
    void not_yet() noexcept { stays_ = true; }

private:
    upload& coming_;
    bool stays_ = false;
};

// Until there is room. The line has to move within `receive_idle`, the whole has to be over by
// `until`. Where there are files it is `busy` after `file_instead` in any case.
asio::awaitable<error_code> wait_in_line(upload& coming, std::size_t wanted,
                                         const gateway_config& limits, bool may_spill,
                                         exchange_deadline::clock::time_point until,
                                         exchange_deadline& deadline) {
    const auto begin = [&](duration idle) {
        const auto left = until - exchange_deadline::clock::now();
        deadline.arm(idle, std::max(left, exchange_deadline::clock::duration(1)),
                     reason::receive_timeout);
    };
    const duration patience =
        may_spill ? std::min(limits.receive_idle, file_instead) : limits.receive_idle;
    for (;;) {
        const std::uint64_t moves = coming.budget.moves();
        begin(patience);
        error_code failed = co_await wait_for_buffer(coming.bytes, wanted, deadline);
        // The client's own time, whatever passed in the moment that there was room.
        if (!failed) begin(limits.receive_idle);
        const bool moved =
            coming.budget.moves() != moves && exchange_deadline::clock::now() < until;
        if (failed != reason::busy || may_spill || !moved) co_return failed;
    }
}

// What may turn out to be unwanted is not begun.
bool may_stream(const upload& coming, const gateway_config& limits) noexcept {
    return limits.foreign == foreign_policy::forward ||
           coming.first.is() == foreign_bytes::kind::payload;
}

} // namespace

std::size_t next_read(std::size_t have, std::uint64_t limit) noexcept {
    // Four times as much each time while buffers are small, twice as much later: a 64 KiB payload
    // takes four reads, and a large one is at most half empty.
    const std::size_t grown = have < (256u << 10) ? 3 * have : have;
    const std::size_t wanted = std::clamp(grown, first_read, largest_read);
    return static_cast<std::size_t>(std::min<std::uint64_t>(wanted, limit + 1 - have));
}

asio::awaitable<error_code> receive(client_socket& socket, upload& coming,
                                    const gateway_config& limits, exchange_deadline& deadline) {
    payload& into = coming.bytes;
    const auto began = exchange_deadline::clock::now();
    const auto until = began + limits.receive_total;
    // What may become a stream goes to no file.
    const bool streams = limits.stream_above && *limits.stream_above < limits.max_payload;
    const bool may_spill = !streams && coming.spills.is_on();
    const std::uint64_t in_memory =
        streams ? limits.max_payload : std::min(limits.max_payload, coming.spills.above());
    const std::uint64_t most =
        streams ? *limits.stream_above + largest_read + stream_buffers : in_memory + 1;
    const std::size_t beside = largest_beside(limits, most);
    growth_ticket& ticket = coming.ticket.emplace(coming.budget, into, most);
    leaves_line over(coming);
    const exchange_deadline::on_cancel cancel(deadline, [&socket] { socket.cancel(); });
    deadline.arm(limits.receive_idle, limits.receive_total, reason::receive_timeout);
    for (;;) {
        const bool full = into.writable().empty();
        const bool joins = full && into.size() >= beside && !ticket.joined();
        auto got =
            full && (joins || into.size() >= look_before_growing) ? socket.peek() : std::size_t{1};
        if (got.has_value()) {
            if (!streams && coming.spills.takes(into.size() + (full ? 1 : 0))) {
                ticket.leave();
                error_code ended =
                    co_await receive_to_file(socket, coming, limits, deadline, began);
                co_return ended;
            }
            std::size_t wanted = next_read(into.size(), in_memory);
            if (joins) ticket.join();
            // A small payload that comes in two parts, or its FIN later, need not stand in line
            // behind large ones.
            if (!ticket.joined()) wanted = std::min(wanted, beside - std::min(beside, into.size()));
            if (full && !into.reserve(wanted)) {
                const auto paused = exchange_deadline::clock::now();
                error_code failed =
                    co_await wait_in_line(coming, wanted, limits, may_spill, until, deadline);
                coming.paused +=
                    exchange_deadline::clock::now() - paused; // the client was not slow meanwhile
                const auto left = until - exchange_deadline::clock::now();
                if (failed == reason::busy && may_spill &&
                    left > exchange_deadline::clock::duration::zero()) {
                    ticket.leave();
                    deadline.arm(limits.receive_idle, left, reason::receive_timeout);
                    error_code ended =
                        co_await receive_to_file(socket, coming, limits, deadline, began);
                    co_return ended;
                }
                if (failed) co_return failed;
            }
            const auto allowed = static_cast<std::size_t>(in_memory + 1 - into.size());
            got =
                socket.read_some(into.writable().first(std::min(into.writable().size(), allowed)));
        }
        if (got.has_value()) {
            into.commit(*got);
            coming.received.set(into.size());
            coming.took(into.bytes().last(*got));
            if (coming.is_unwanted(limits.foreign)) co_return reason::foreign;
            if (into.size() > limits.max_payload) co_return reason::too_large;
            const auto now = exchange_deadline::clock::now();
            if (too_slow(into.size(), now - began - coming.paused, limits.min_rate))
                co_return reason::too_slow;
            deadline.progress();
            if (limits.stream_above && into.size() > *limits.stream_above &&
                may_stream(coming, limits)) {
                // Its end may be there already, and then its length is known. Of one that was cut
                // there is no stream.
                const error_code next = socket.peek().error();
                if (!next || next == asio::error::would_block) {
                    if (!ticket.joined()) ticket.join();
                    over.not_yet();
                    co_return error_code(asio::error::in_progress);
                }
                if (next != asio::error::eof) co_return next;
            }
            // Try first, wait second; but a client that sends without a pause must not keep the
            // thread.
            if (into.size() <= yields_above) continue;
            if (into.size() < largest_read) {
                co_await fair_yield(deadline, limits.receive_idle, until);
                if (deadline.error()) co_return deadline.error();
                continue;
            }
        } else if (got.error() == asio::error::eof) {
            into.release_writable();
            co_return error_code{};
        } else if (got.error() != asio::error::would_block) {
            co_return got.error();
        }
        into.release_writable();
        if (deadline.error()) co_return deadline.error();
        auto [ec] = co_await socket.async_wait_readable();
        if (!ec && into.size() > yields_above)
            co_await fair_yield(deadline, limits.receive_idle, until);
        if (deadline.error()) co_return deadline.error();
        if (ec) co_return ec;
    }
}

} // namespace finpost
