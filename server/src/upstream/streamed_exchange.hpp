#pragma once

#include "upstream/exchange_rules.hpp"
#include "upstream/response_guard.hpp"

#include "finpost/exchange_deadline.hpp"
#include "finpost/exchange_stream.hpp"
#include "finpost/payload.hpp"
#include "finpost/upstream_config.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <exception>
#include <memory>
#include <span>
#include <string_view>

namespace finpost::detail {

class upstream_stream;

/// One exchange with an upstream both of whose directions are under way at once: the request in
/// chunks as the client sends it, the response to the client as it comes. A service may answer
/// while it still reads.
///
/// Each direction reads only when what it has read before was taken, with one buffer of a fixed
/// size. The upload is a coroutine of its own, on the same strand, and has ended when `run`
/// completes.
class streamed_exchange {
public:
    streamed_exchange(exchange_stream& client, response_guard& guard, byte_budget* budget,
                      const upstream_config& config);
    ~streamed_exchange();
    streamed_exchange(const streamed_exchange&) = delete;
    streamed_exchange& operator=(const streamed_exchange&) = delete;

    /// Takes both buffers from the budget before anything is sent. Fails with `busy` when nothing
    /// was given back for `connect`, or after `total`. A stream that has begun never waits for
    /// memory.
    boost::asio::awaitable<error_code> make_room(exchange_deadline& deadline);

    /// Gives them back: the exchange is made in another way.
    void leave_room();

    /// Sends `head` and the payload, and passes the response on. Success is a complete response, or
    /// one whose status says before the payload's end that the rest is not wanted; nothing is
    /// passed on of one that the configuration refuses. An error is what the guard says, a limit,
    /// or why the client failed. Throws what either direction has thrown, when both have ended.
    boost::asio::awaitable<error_code> run(upstream_stream& upstream, std::string_view head);

    exchange_progress progress() const noexcept;

private:
    using clock = exchange_deadline::clock;

    class upload_guard;
    boost::asio::awaitable<void> upload(std::string_view head, upload_guard running);
    boost::asio::awaitable<void> send_request(std::string_view head);
    boost::asio::awaitable<error_code> send(std::span<const std::byte> data);
    boost::asio::awaitable<error_code> download();
    boost::asio::awaitable<error_code> pass_on();
    void stop_upload() noexcept;
    response_guard::state read_some();
    std::span<const std::byte> framed(std::size_t size) noexcept;
    void limit(clock::time_point until);

    exchange_stream& client_;
    response_guard& guard_;
    const upstream_config& config_;
    payload chunk_; // a chunk's size, its data, and what ends it
    upstream_stream* upstream_ = nullptr;
    struct upload_done_event;
    std::shared_ptr<upload_done_event> upload_done_;
    clock::time_point until_ = clock::time_point::max(); // the upstream has done what it owes
    response_guard::state state_ = response_guard::state::more;
    error_code client_failed_;
    std::exception_ptr thrown_; // in either direction
    bool begun_ = false;
    bool client_holds_ = false; // the response, by not taking it
    bool upload_running_ = false, whole_ = false, unwanted_ = false, rejected_ = false;
};

} // namespace finpost::detail
