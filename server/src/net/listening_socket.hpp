#pragma once

#include "net/unique_fd.hpp"

#include "finpost/endpoint.hpp"
#include "finpost/error.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <mutex>
#include <utility>

namespace finpost::detail {

/// Whether others may listen on the same port, so that the kernel spreads the clients
/// (SO_REUSEPORT).
enum class port_sharing : bool { off, on };

/// Where to listen.
struct listening_place {
    socket_address address;
    port_sharing sharing = port_sharing::off;
    /// A socket that listens there already; none: it is bound. It stays as it is, and others may
    /// accept from it as well: each client goes to one of them.
    const unique_fd* inherited = nullptr;
};

/// A TCP socket that listens on an address. What it accepts is non-blocking, takes urgent bytes
/// for bytes like any other, and ends in a RST until somebody says otherwise
/// (`reset_on_close.hpp`).
class listening_socket {
public:
    /// Binds and listens; throws boost::system::system_error that names the address.
    listening_socket(const boost::asio::any_io_executor& executor, const listening_place& place);
    listening_socket(const listening_socket&) = delete;
    listening_socket& operator=(const listening_socket&) = delete;

    /// What was bound: a port 0 is resolved.
    const socket_address& address() const noexcept { return address_; }
    /// Where `fd`, which was accepted here, was connected to.
    socket_address local_address(int fd) const noexcept;

    /// `ended(error_code)` is called when somebody has connected, or after `shut_down`. A wait that
    /// begins at the same time as `shut_down` may miss it, and is followed by another.
    template <class Handler>
    void async_wait(Handler&& ended) {
        acceptor_.async_wait(boost::asio::ip::tcp::acceptor::wait_read,
                             std::forward<Handler>(ended));
    }

    struct accepted {
        unique_fd fd; // none: `error` says why
        socket_address peer;
        error_code error;
    };
    /// The connection that has waited longest, if there is one.
    accepted accept() noexcept;

    /// Refuses new connections at once, and ends the wait for one. A socket that was inherited goes
    /// on listening, for others: who connects waits in its queue. From any thread.
    void shut_down() noexcept;
    void close() noexcept;

private:
    boost::asio::ip::tcp::acceptor acceptor_;
    std::mutex closing_; // under it the descriptor is this socket's, or none
    socket_address address_;
    const bool inherited_;
    bool wildcard_ = false;
};

/// What has to be done when an accept has failed.
enum class accept_failure {
    none_waiting,
    shortage,       ///< of descriptors or memory: accepting at once again fails at once again
    lost_connection ///< it is about that one connection (accept(2)): on to the next
};
accept_failure failure_of_accept(error_code error) noexcept;

/// Whether one descriptor more is all that was missing.
bool lacks_descriptor(error_code error) noexcept;

} // namespace finpost::detail
