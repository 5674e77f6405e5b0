#pragma once

#include "finpost/error.hpp"
#include "finpost/handler.hpp"
#include "finpost/result.hpp"
#include "finpost/shared_function.hpp"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <span>

namespace finpost {

/// The two directions of an exchange whose client is still sending: its payload as it comes, and
/// the way back. What a `streaming_handler` has in place of `request::body`, which is empty then.
///
/// One `read` and one `write` may be pending at the same time. Both keep the limits of the
/// configuration (`receive_idle`, `receive_total`, `min_rate`, `max_payload`, `reply_total`).
///
/// Threads: it belongs to the exchange's executor. `read` and `write` are called there and complete
/// there.
/// Cancellation: both end when the gateway stops. While one of them is pending the exchange's
/// `exchange_deadline` is the stream's. A handler that waits for something of its own meanwhile
/// says `limit` and `on_cancel` here.
/// Lifetime: it is valid until the handler returns, with nothing pending.
class exchange_stream {
public:
    using time_point = std::chrono::steady_clock::time_point;

    /// Waits for what comes next of the payload, decoded, and puts it into `buffer`. That has at
    /// least 16 bytes and lives until the `read` completes. The result is how many bytes came. Zero
    /// is the client's EOF: all of it was read, and only now is it known to be complete. An error
    /// says that it never will be: a `reason`, or what became of the connection. Everything that
    /// was made of the bytes before it has to be thrown away.
    virtual boost::asio::awaitable<result<std::size_t>> read(std::span<std::byte> buffer) = 0;

    /// The pending `read` and all later ones fail with `operation_aborted`: the rest is not wanted.
    /// What the client still sends is dropped, for at most `lingering_close`, once the handler has
    /// returned.
    virtual void stop_reading() noexcept = 0;

    /// Writes all of `data` to the client, encoded, and waits for as long as the client does not
    /// take it. `data` lives until the `write` completes. What is written is the reply's beginning;
    /// the bytes of the returned `reply` are its end. From the first byte on there is no refusal
    /// any more: when the handler fails, the client gets a reset. For a client that has gone after
    /// its EOF the bytes are dropped without an error where `on_client_reset` says `finish`.
    virtual boost::asio::awaitable<error_code> write(std::span<const std::byte> data) = 0;

    /// Ends the exchange with `why` at that time, unless another limit is set before;
    /// `time_point::max()` is none. Everything pending is cancelled then.
    virtual void limit(time_point until, reason why) = 0;

    /// What cancels the handler's own pending operation when the exchange is ended; empty: nothing.
    /// It is called on the exchange's executor and does not throw.
    virtual void on_cancel(std::function<void()> cancel) = 0;

    /// Why the exchange was ended: by a limit, by the gateway's stop or by the client. No error
    /// while it goes on.
    virtual error_code error() const noexcept = 0;

    /// Whether `read` has said zero.
    virtual bool complete() const noexcept = 0;

protected:
    ~exchange_stream() = default;
};

/// Answers an exchange while its payload is still coming. It is a type of its own so that a
/// `handler`, which takes its payload for complete, never gets a part of one.
///
/// It runs as a `handler` does. A `reply` that it returns before the payload was complete is
/// relayed like any other: it is for the handler to know that the rest does not matter. An
/// exception is the refusal `internal`, or a reset once something was written.
using streaming_handler = shared_function<boost::asio::awaitable<reply>(request, exchange_stream&)>;

} // namespace finpost
