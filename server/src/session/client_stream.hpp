#pragma once

#include "session/payload_codec.hpp"

#include "finpost/config.hpp"
#include "finpost/exchange_deadline.hpp"
#include "finpost/exchange_stream.hpp"
#include "finpost/payload.hpp"

#include <functional>
#include <optional>

namespace finpost::detail {

class growth_ticket;
class client_socket;
class payload_input;
class single_writer_counter;

/// A session's exchange as its `streaming_handler` sees it: the client's socket, the codecs, and
/// every limit that is about the client. A reply that has a frame or a form of its own is collected
/// and not written: both need the whole of it.
class client_stream final : public exchange_stream {
public:
    using clock = exchange_deadline::clock;

    /// What was received before, since when, for how long of that it was not read, and what to call
    /// at the client's EOF.
    class beginning {
    public:
        beginning(payload bytes, clock::time_point at, clock::duration unread,
                  std::function<void()> on_eof)
            : so_far(std::move(bytes)), began(at), paused(unread), ended(std::move(on_eof)) {}
        payload so_far;
        clock::time_point began;
        clock::duration paused;
        std::function<void()> ended;
        growth_ticket* ticket = nullptr; // in the queue for memory, left with the first `read`
        payload* collects = nullptr;     // the reply, where it is not written as it comes
    };

    client_stream(client_socket& socket, payload_input& input, single_writer_counter& received,
                  single_writer_counter& written, const gateway_config& config,
                  exchange_deadline& deadline, beginning start);

    boost::asio::awaitable<result<std::size_t>> read(std::span<std::byte> buffer) override;
    void stop_reading() noexcept override;
    boost::asio::awaitable<error_code> write(std::span<const std::byte> data) override;
    void limit(time_point until, reason why) override;
    void on_cancel(std::function<void()> cancel) override { cancel_ = std::move(cancel); }
    error_code error() const noexcept override { return failed_; }
    bool complete() const noexcept override { return complete_; }

    /// Writes the reply's last bytes and marks its end, or collects them.
    boost::asio::awaitable<error_code> finish(std::span<const std::byte> last);

    /// The client has reset the connection after its EOF; what was written since is dropped.
    bool gone() const noexcept { return gone_; }
    /// What is wrong with the payload's encoding.
    const std::optional<payload_fault>& bad_encoding() const noexcept { return decoder_.fault(); }
    /// The client has not taken the reply in time.
    bool reply_late() const noexcept { return reply_late_; }

private:
    // One of the limits that hold at the same time.
    struct due {
        clock::time_point when = clock::time_point::max();
        reason why = reason::internal;
    };

    result<std::size_t> take(std::span<std::byte> buffer);
    result<std::size_t> decode(std::span<std::byte> fresh);
    result<std::size_t> hold_end(std::span<std::byte> fresh);
    result<std::size_t> give_back(std::span<std::byte> buffer);
    void taken(error_code ended);
    error_code judge_end();
    boost::asio::awaitable<void> wait_for_input();
    boost::asio::awaitable<error_code> collect(std::span<const std::byte> data);
    boost::asio::awaitable<error_code> write_encoded(std::span<const std::byte> data);
    boost::asio::awaitable<error_code> end_encoded();
    boost::asio::awaitable<error_code> write_bytes(std::span<const std::byte> data);
    boost::asio::awaitable<void> wait_for_client();
    boost::asio::awaitable<void> let_others_in(std::size_t moved);
    due receive_limit(clock::time_point now) const;
    due reply_limit(clock::time_point now) const;
    void arm();
    void expired();
    void fail(error_code why);

    client_socket& socket_;
    payload_input& input_;
    single_writer_counter& received_;
    single_writer_counter& written_;
    const gateway_config& config_;
    exchange_deadline& deadline_;
    growth_ticket* ticket_;
    payload* const collects_;
    payload so_far_;
    payload_decoder decoder_;
    payload held_;          // what may be the end that is trimmed
    std::size_t ready_ = 0; // of `held_`: bytes that turned out not to be
    payload_encoder encoder_;
    payload text_;            // a piece of the reply, encoded
    std::uint64_t given_ = 0; // to the handler
    const clock::time_point began_;
    std::function<void()> ended_, cancel_;
    due receive_, reply_, handler_;
    clock::time_point not_read_since_; // while the client is not waited for
    clock::duration not_read_{};       // all of that together: the client is not judged by it
    clock::time_point not_taken_since_;
    clock::duration not_taken_{}; // how long the client was waited for to take the reply
    std::size_t moved_ = 0;       // since others were let in
    error_code failed_;
    bool complete_ = false, stopped_ = false, gone_ = false, reply_late_ = false;
    const exchange_deadline::on_cancel guard_;
};

} // namespace finpost::detail
