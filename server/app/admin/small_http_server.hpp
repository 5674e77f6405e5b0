#pragma once

#include "admin/http_query.hpp"
#include "net/unique_fd.hpp"

#include "finpost/endpoint.hpp"
#include "finpost/logger.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace finpost {

/// An HTTP/1.1 server for a handful of trusted peers on one address: the admin port, the demo
/// service, and the control socket of a queue. Keeps connections alive. Runs on the executor it is
/// given; its functions may be called from any thread.
///
/// A request that is none gets 400, 413, 414, 421 or 431 and the connection is closed. When all
/// connections are in use and somebody waits, the one that waits for a request the longest is
/// closed at once; when all are being answered, the one for which that takes the longest, and more
/// than 100 ms.
class small_http_server {
public:
    struct limits {
        std::size_t connections = 16;  ///< held at once; more wait in the backlog
        std::chrono::seconds read{5};  ///< from one answer to the end of the next request
        std::chrono::seconds write{5}; ///< for one answer
        std::uint64_t body = 0;        ///< above it 413, and the connection is closed
        std::size_t read_ahead = 512;  ///< bytes read at once, and memory held for each connection
        /// On a loopback address: only for requests to `localhost` or a loopback address. Others
        /// come from a browser that was led here by a name of somebody else's (DNS rebinding), and
        /// get 421.
        bool local_names_only = false;
        /// Of a Unix socket: who is neither our user nor root is closed (SO_PEERCRED).
        bool same_user_only = false;
    };

    /// Called on any thread that runs the executor, several at once; an exception becomes a 500.
    using responder = std::function<http_answer(http_query)>;
    /// The same for an answer that takes time; awaited on the connection's strand. Never null.
    using slow_responder = std::function<boost::asio::awaitable<std::shared_ptr<http_answer>>(
        std::shared_ptr<const http_query>)>;

    /// Binds and listens; throws boost::system::system_error that names the address. With
    /// `listening`, a socket that listens there already, nothing is bound.
    small_http_server(boost::asio::any_io_executor executor, const socket_address& address,
                      limits most, responder respond, logger log,
                      detail::unique_fd listening = detail::unique_fd());

    /// On a socket of any family that listens already. `address` says nothing then.
    small_http_server(boost::asio::any_io_executor executor, detail::unique_fd listening,
                      limits most, slow_responder respond, logger log);

    /// Like `stop`.
    ~small_http_server();

    void start();

    /// What was really bound.
    const socket_address& address() const noexcept;

    /// Closes the listener and every connection, whatever they are doing.
    void stop();

private:
    class state;
    std::shared_ptr<state> state_;
};

} // namespace finpost
