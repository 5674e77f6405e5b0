#pragma once

#include "finpost/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace finpost {
class exchange_deadline;
}

namespace finpost::detail {

/// Connects to the first of several addresses that answers. The next one is tried as soon as the
/// one before has failed, or when it has not answered for a quarter of a second; it goes on trying
/// meanwhile (RFC 8305 §5). So an address that swallows everything costs that quarter, not the
/// limit. As many sockets are open as there are addresses, at the most and while this lasts.
///
/// Belongs to one strand. Held by shared_ptr: a connect that has lost completes after its race.
class connect_race : public std::enable_shared_from_this<connect_race> {
public:
    using clock = std::chrono::steady_clock;
    using tcp = boost::asio::ip::tcp;

    /// `strand` is where `run` is awaited, `sockets` the executor that the connection belongs to.
    connect_race(boost::asio::any_io_executor strand, boost::asio::any_io_executor sockets,
                 std::vector<tcp::endpoint> addresses);

    /// Success when one is connected; else the exchange_deadline's error, or that of the last
    /// address. Once. `until` only sets the pace: who wants a limit gives it to the
    /// exchange_deadline.
    boost::asio::awaitable<error_code> run(exchange_deadline& deadline, clock::time_point until);

    /// After a failure, and not a stop: why, in an error code whose message says it. It is what the
    /// system said of the last address (refused, no route), `timed_out`, or `host_not_found` when
    /// there is no address.
    error_code cause() const;
    bool connected() const noexcept { return winner_.has_value(); }

    /// After success: the connection, and which address it has; those before it have not answered.
    tcp::socket& winner() { return tries_[*winner_]; }
    std::size_t position() const { return *winner_; }
    const tcp::endpoint& address(std::size_t position) const { return addresses_[position]; }

private:
    void begin();
    void done(std::size_t which, const error_code& ec);
    void close_losers();

    const boost::asio::any_io_executor strand_;
    const boost::asio::any_io_executor sockets_;
    const std::vector<tcp::endpoint> addresses_;
    boost::asio::steady_timer next_; // when the next address is due; cancelled when one is done
    std::vector<tcp::socket> tries_; // as far as begun, in the order of the addresses
    std::size_t running_ = 0;
    std::optional<std::size_t> winner_;
    error_code last_error_;
    bool over_ = false;
};

/// Why there is no TLS, for people; `what` is what TLS says of it, if anything.
std::string handshake_failure(std::string_view what);

/// Whether connecting failed for lack of descriptors or memory here: no fault of the other side.
bool lacks_resources(const error_code& ec) noexcept;

} // namespace finpost::detail
