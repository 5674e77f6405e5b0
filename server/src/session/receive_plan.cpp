#include "session/receive_plan.hpp"

#include "async/fairness.hpp"
#include "policy/buffer_budget.hpp"
#include "policy/min_rate.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

constexpr std::size_t first_read = 4 << 10;
constexpr std::size_t largest_read = quantum;
// A full buffer of this size or more is perhaps a whole payload: growing it costs more than a look.
constexpr std::size_t look_before_growing = 16 << 10;
constexpr std::uint64_t no_limit = UINT64_MAX;

std::uint64_t stream_limit(const gateway_config& limits) noexcept {
    const bool streams = limits.stream_above && *limits.stream_above < limits.max_payload;
    return streams ? *limits.stream_above : no_limit;
}

// What a client may hold without the queue for memory: little enough that all clients together
// leave room for the largest payload.
std::size_t unqueued(const gateway_config& limits, std::uint64_t most) noexcept {
    const std::uint64_t spare = limits.max_buffered - std::min(limits.max_buffered, most);
    return static_cast<std::size_t>(
        std::clamp<std::uint64_t>(spare / limits.max_connections, first_read, 64 << 10));
}

} // namespace

std::size_t next_read(std::size_t have, std::uint64_t limit) noexcept {
    // Four times as much each time while buffers are small, twice as much later: a 64 KiB payload
    // takes four reads, and a large one is at most half empty.
    const std::size_t grown = have < (256u << 10) ? 3 * have : have;
    const std::size_t wanted = std::clamp(grown, first_read, largest_read);
    return static_cast<std::size_t>(std::min<std::uint64_t>(wanted, limit + 1 - have));
}

receive_plan::receive_plan(const gateway_config& limits, std::uint64_t spill_above) noexcept
    : max_payload_(limits.max_payload), min_rate_(limits.min_rate),
      stream_above_(stream_limit(limits)),
      may_spill_(stream_above_ == no_limit && spill_above != no_limit), // a stream goes to no file
      spill_above_(may_spill_ ? spill_above : no_limit),
      in_memory_(std::min(limits.max_payload, spill_above_)),
      most_(stream_above_ == no_limit ? in_memory_ + 1
                                      : stream_above_ + largest_read + stream_buffers),
      unqueued_(unqueued(limits, most_)) {}

receive_plan::step receive_plan::next(buffer now) noexcept {
    if (now.free == 0 && (must_queue(now) || now.size >= look_before_growing))
        return {action::peek};
    return grow_or_read(now);
}

receive_plan::step receive_plan::peeked(error_code error, buffer now) noexcept {
    return error ? no_bytes(error) : grow_or_read(now);
}

receive_plan::step receive_plan::grow_or_read(buffer now) noexcept {
    const bool full = now.free == 0;
    if (now.size + (full ? 1 : 0) > spill_above_) return {action::to_file};
    if (!full) return read_into(now);
    const bool queues = must_queue(now);
    queued_ = queued_ || queues;
    wanted_ = next_read(now.size, in_memory_);
    // A small payload that comes in two parts, or its FIN later, need not queue behind large ones.
    if (!queued_) wanted_ = std::min(wanted_, unqueued_ - std::min(unqueued_, now.size));
    return {action::reserve, wanted_, queues};
}

receive_plan::step receive_plan::reserved(bool done, buffer now) noexcept {
    if (!done) return {action::wait_for_memory, wanted_};
    return read_into(now);
}

receive_plan::step receive_plan::memory_came(error_code error, bool time_left,
                                             buffer now) noexcept {
    if (error == reason::busy && may_spill_ && time_left) return {action::to_file};
    if (error) return {action::done, 0, false, error};
    return read_into(now);
}

receive_plan::step receive_plan::read_into(buffer now) const noexcept {
    const std::uint64_t allowed = in_memory_ + 1 - now.size;
    return {action::read, static_cast<std::size_t>(std::min<std::uint64_t>(now.free, allowed))};
}

receive_plan::step receive_plan::read(const reading& of, buffer now) noexcept {
    if (of.unwanted) return {action::done, 0, false, reason::foreign};
    if (now.size > max_payload_) return {action::done, 0, false, reason::too_large};
    if (too_slow(now.size, of.elapsed, min_rate_))
        return {action::done, 0, false, reason::too_slow};
    if (now.size > stream_above_ && of.may_stream) return {action::look_for_end};
    return go_on(now);
}

// Of a payload whose end is there already the length is known. Of one that was cut there is no
// stream.
receive_plan::step receive_plan::end_looked_for(error_code error, buffer now) noexcept {
    if (!error || error == asio::error::would_block) return {action::stream, 0, !queued_};
    if (error == asio::error::eof) return go_on(now);
    return no_bytes(error);
}

// Try first, wait second. But a client that sends without a pause must not keep the thread.
receive_plan::step receive_plan::go_on(buffer now) noexcept {
    if (now.size <= yields_above) return next(now);
    return {now.size < largest_read ? action::yield : action::wait};
}

receive_plan::step receive_plan::no_bytes(error_code error) const noexcept {
    if (error == asio::error::would_block) return {action::wait};
    if (error == asio::error::eof) return {action::done};
    return {action::done, 0, false, error};
}

} // namespace finpost::detail
