#pragma once

#include "stream.hpp"

#include "finpost/client.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/strand.hpp>

#include <memory>
#include <optional>

namespace finpost::detail {

/// What a `connection` has between its exchanges. Belongs to the strand, on which all of them run;
/// an exchange takes socket and stream out, and puts them back when the next one may use them.
struct kept_connection {
    kept_connection(const boost::asio::any_io_executor& executor, host_port to,
                    client_options limits);
    ~kept_connection();
    kept_connection(const kept_connection&) = delete;
    kept_connection& operator=(const kept_connection&) = delete;

    /// Between two frames a FIN cuts nothing.
    void close() noexcept;

    const boost::asio::strand<boost::asio::any_io_executor> strand;
    const host_port target;
    const client_options options;
    std::optional<boost::asio::ip::tcp::socket> socket;
    std::unique_ptr<detail::stream> stream; // on `socket`; none: there is no connection
    socket_address local, remote;
    tls_description tls;
    bool busy = false; // an exchange is under way
};

} // namespace finpost::detail
