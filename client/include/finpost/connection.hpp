#pragma once

#include "finpost/client.hpp"
#include "finpost/export.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>

#include <memory>
#include <string>
#include <utility>

namespace finpost {

namespace detail {

struct kept_connection;

class initiate_exchange_on {
public:
    using executor_type = boost::asio::any_io_executor;

    explicit initiate_exchange_on(std::shared_ptr<kept_connection> connection) noexcept
        : connection_(std::move(connection)) {}
    FINPOST_EXPORT executor_type get_executor() const noexcept;

    /// The payload comes from `memory`, or where that is null from `source`.
    FINPOST_EXPORT void operator()(exchange_handler handler, std::shared_ptr<byte_source> memory,
                                   byte_source* source, byte_sink* sink) const;

private:
    std::shared_ptr<kept_connection> connection_;
};

} // namespace detail

/// Several exchanges with a gateway over one connection, one at a time: each a frame out and a
/// framed reply in (`client_options::frame`).
///
/// The first exchange connects. After a whole reply the connection stays open, and the next
/// exchange uses it when it is still good: one that the gateway has closed meanwhile, or on which
/// bytes came that nobody asked for, is replaced before anything is sent. After any error and any
/// refusal it is closed, and the next exchange connects anew. Nothing is sent twice: a connection
/// that ends while an exchange is on it is that exchange's error.
///
/// Its functions may be called from any thread, one at a time; the execution context outlives it.
class FINPOST_EXPORT connection {
public:
    /// Connects nothing yet. `options.total` and the other limits are those of each exchange,
    /// `options.proxy` and `options.tls` those of each connection.
    connection(boost::asio::any_io_executor executor, host_port target, client_options options);
    /// Closes it, with a FIN or a close_notify. An exchange under way goes on to its own end.
    ~connection();
    connection(connection&& other) noexcept;
    connection& operator=(connection&& other) noexcept;

    /// As the function of this name, with `void(error_code, exchange_result)`. While another
    /// exchange is under way it completes with `error::in_progress`; with a frame whose reply ends
    /// with the FIN (`eof`, `fixed`, `idle`), with `errc::invalid_argument`.
    /// `result.connected` and the stages before it are zero where the connection was there already.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, exchange_result)) CompletionToken>
    auto async_exchange(std::string payload, CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(error_code, exchange_result)>(
            initiation(), token, detail::memory_source(std::move(payload)),
            static_cast<byte_source*>(nullptr), static_cast<byte_sink*>(nullptr));
    }

    /// The same from a source and to a sink, which live until it completes.
    template <BOOST_ASIO_COMPLETION_TOKEN_FOR(void(error_code, exchange_result)) CompletionToken>
    auto async_exchange(byte_source& payload, byte_sink& reply, CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(error_code, exchange_result)>(
            initiation(), token, std::shared_ptr<byte_source>(), &payload, &reply);
    }

    /// Closes the connection unless an exchange is under way; the next one connects anew.
    void close();

private:
    detail::initiate_exchange_on initiation() const;

    std::shared_ptr<detail::kept_connection> kept_;
};

} // namespace finpost
