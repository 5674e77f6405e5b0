#pragma once

#include "completion.hpp"
#include "incoming_reply.hpp"
#include "kept_connection.hpp"
#include "outgoing_payload.hpp"
#include "stream.hpp"

#include "finpost/client.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

namespace finpost::detail {

/// Errors as values, not as exceptions.
inline constexpr auto as_result = boost::asio::as_tuple(boost::asio::use_awaitable);

/// One exchange of the client: two coroutines on one strand, of which `run` reads and `send`
/// writes. Everything but `cancel` belongs to the strand. `run` completes the exchange; `send` may
/// end later, and touches neither source nor options then.
class operation : public std::enable_shared_from_this<operation> {
public:
    /// With `kept` it is one of several exchanges on a connection, and on its strand.
    operation(const boost::asio::strand<boost::asio::any_io_executor>& strand, host_port target,
              byte_source& payload, byte_sink* reply, client_options options,
              std::shared_ptr<void> owned, exchange_handler handler,
              std::shared_ptr<kept_connection> kept = {});

    /// From now on the handler's cancellation slot calls `cancel`.
    void start();
    /// From any thread.
    void cancel();

private:
    using clock = std::chrono::steady_clock;
    using tcp = boost::asio::ip::tcp;

    static tcp::socket::wait_type kind_of(readiness which) noexcept {
        return which == readiness::writable ? tcp::socket::wait_write : tcp::socket::wait_read;
    }

    boost::asio::awaitable<void> run(std::shared_ptr<operation> self);
    boost::asio::awaitable<void> begin(std::shared_ptr<operation> self);
    boost::asio::awaitable<void> resolve();
    boost::asio::awaitable<void> connect();
    boost::asio::awaitable<void> send_proxy_header();
    boost::asio::awaitable<void> secure();
    boost::asio::awaitable<void> receive();
    boost::asio::awaitable<void> send(std::shared_ptr<operation> self);
    boost::asio::awaitable<void> half_close();
    boost::asio::awaitable<void> read_first(std::shared_ptr<operation> self);
    boost::asio::awaitable<void> read_block();

    void check_options();
    void reuse();
    bool is_quiet();
    void keep();
    void open_stream();
    void fail(error_code ec);
    void fail_with_detail(error_code ec);
    void limit(clock::time_point until);
    void reset_on_close(bool on);
    void all_sent();
    void received_end(error_code ec);
    void reply_ended();
    void refused_by(refusal by);
    error_code take_framed(std::span<const std::byte> data);
    error_code take(std::span<const std::byte> data);
    error_code pass_on(std::span<const std::byte> data);
    void finish();
    void advanced() const;
    std::chrono::microseconds since_start() const;

    boost::asio::strand<boost::asio::any_io_executor> strand_;
    const host_port target_;
    byte_source& payload_;
    byte_sink* const sink_;
    const client_options options_;
    const std::shared_ptr<void> owned_;
    completion<error_code, exchange_result> end_;

    const std::shared_ptr<kept_connection> kept_; // null: the connection ends with the exchange
    bool holds_kept_ = false;                     // nobody else uses it until this has ended
    bool reused_ = false;                         // nothing was to be connected

    tcp::socket socket_;
    std::unique_ptr<stream> stream_; // on `socket_`, from the connection on
    tcp::resolver resolver_;
    boost::asio::steady_timer timer_; // the nearest limit
    boost::asio::steady_timer
        lookup_; // cancelled when the lookup, or the wait for the payload, has ended
    const clock::time_point began_;
    clock::time_point connect_until_, until_;
    std::vector<tcp::endpoint> addresses_;
    error_code lookup_error_;
    bool looked_up_ = false;
    outgoing_payload outgoing_; // the block in hand
    bool begun_ = false;        // the first block is there, or the end

    exchange_result result_;
    error_code error_;                     // the first one counts
    std::optional<incoming_reply> framed_; // none: the FIN ends the reply
    std::string first_;     // of the reply, held back until it cannot be a refusal any more
    bool passing_ = false;  // it is none
    bool complete_ = false; // the reply's frame
    bool sent_all_ = false;
    bool expired_ = false; // the limit of one address, or of everything
    unsigned limits_ = 0;  // set so far: an earlier one that fires late means nothing
    bool ended_ = false;
};

} // namespace finpost::detail
