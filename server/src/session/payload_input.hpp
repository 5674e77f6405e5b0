#pragma once

#include "frame_reader.hpp"
#include "net/client_socket.hpp"

#include "finpost/config.hpp"
#include "finpost/error.hpp"
#include "finpost/exchange_deadline.hpp"
#include "finpost/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace finpost {
struct metrics;
}

namespace finpost::detail {

/// The payload that comes on a connection, and where it ends: the one place that knows. With `eof`
/// it is what the socket says. Otherwise there are frames, and `error::eof` is the end of the one
/// in hand: nothing behind it is taken, so that it waits in the kernel. Belongs to the session's
/// strand.
class payload_input {
public:
    /// All outlive it. Throws std::bad_alloc where there are frames.
    payload_input(client_socket& socket, const gateway_config& config, metrics& counters);

    /// Of the payload, what is there now; `error::would_block` when nothing is, `error::eof` at its
    /// end. Fails as the socket does, and with `bad_frame`, `too_large` and `incomplete_frame`.
    result<std::size_t> read_some(std::span<std::byte> buffer) noexcept {
        return framing_ ? read_frame(buffer) : socket_.read_some(buffer);
    }
    /// `would_block` when nothing is there, `error::eof` when the payload has ended. Otherwise
    /// there is something to read, perhaps its end.
    result<std::size_t> peek() noexcept { return framing_ ? peek_frame() : socket_.peek(); }

    /// Whether payloads are framed.
    bool frames() const noexcept { return framing_ != nullptr; }
    /// Whether the payload in hand has begun: always without frames. What may still be a heartbeat
    /// has not.
    bool begun() const noexcept { return !framing_ || framing_->begun; }
    /// Whether anything of it was read, be it half of what may be a heartbeat.
    bool touched() const noexcept {
        return begun() || (framing_->reader.in_frame() && !framing_->complete);
    }
    /// Whether a read has something to say though nothing more comes.
    bool at_hand() const noexcept {
        return framing_ && (framing_->has_left_over() || framing_->ended());
    }
    /// Before a wait for input. Where a pause ends the payload in hand, the wait lasts no longer;
    /// `until` is the end of all waiting.
    void begin_wait(exchange_deadline& deadline, exchange_deadline::clock::time_point until) {
        if (waits_for_pause()) arm_pause(deadline, until);
    }
    /// After it: whether the wait was ended by that, so that a read is due: it says that the
    /// payload is complete unless something has come meanwhile.
    bool pause_passed(exchange_deadline& deadline, exchange_deadline::clock::time_point until) {
        return waits_for_pause() && look_for_pause(deadline, until);
    }
    /// Passed over so far: empty frames, and bytes before a frame.
    std::uint64_t heartbeats() const noexcept { return framing_ ? framing_->heartbeats : 0; }
    /// Whether the client's FIN was read.
    bool fin_seen() const noexcept { return framing_ && framing_->fin; }
    /// Why it is no frame, in words for people; empty without that.
    std::string_view fault() const noexcept;
    /// The payload in hand is over: on to the next.
    void next() noexcept;

private:
    struct framing {
        explicit framing(const gateway_config& config) noexcept;

        bool has_left_over() const noexcept { return left_from < left_to; }
        /// What a read says behind the last byte: that the payload has ended, or why it failed.
        error_code ended() const noexcept;

        const bool accepts_tail;
        const std::optional<duration> pause; // that ends a payload
        frame_reader reader;
        bool begun = false, complete = false, fin = false;
        error_code failed;
        std::uint64_t heartbeats = 0;
        // Payload that has found no room in the reader's buffer: what was held, and as much again
        // of what came, when the buffer was smaller than that.
        std::array<std::byte, 2 * frame_spec::longest_delimiter> left_over;
        std::size_t left_from = 0, left_to = 0;
    };

    bool waits_for_pause() const noexcept {
        return framing_ && framing_->pause && framing_->reader.in_frame();
    }
    void arm_pause(exchange_deadline& deadline, exchange_deadline::clock::time_point until);
    bool look_for_pause(exchange_deadline& deadline, exchange_deadline::clock::time_point until);
    result<std::size_t> read_frame(std::span<std::byte> buffer) noexcept;
    result<std::size_t> peek_frame() noexcept;
    result<std::size_t> read_on(std::span<std::byte> buffer) noexcept;
    result<std::size_t> read_exactly(std::span<std::byte> buffer) noexcept;
    result<std::size_t> look_and_take(std::span<std::byte> buffer) noexcept;
    error_code take(std::span<std::byte> scratch, std::size_t size) noexcept;
    std::size_t deliver(const frame_reader::step& step, std::span<std::byte> buffer) noexcept;
    std::size_t deliver_held(std::span<const std::byte> held, std::span<std::byte> buffer) noexcept;
    std::size_t give_left_over(std::span<std::byte> buffer) noexcept;
    result<std::size_t> input_ended(std::span<std::byte> buffer) noexcept;

    client_socket& socket_;
    metrics& counters_;
    std::unique_ptr<framing> framing_; // null: the FIN ends the payload
};

} // namespace finpost::detail
