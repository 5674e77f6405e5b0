#pragma once

#include "net/client_socket.hpp"
#include "session/accepted_client.hpp"
#include "session/exchange.hpp"
#include "session/payload_input.hpp"
#include "session/session_context.hpp"
#include "session/session_registry.hpp"

#include "finpost/exchange_deadline.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <optional>
#include <string_view>

namespace finpost::detail {

/// One accepted connection: what comes before the payload, its exchanges one after another, and how
/// the connection ends. It lives in the frame of `serve` and on its strand.
class session final : private registered {
public:
    session(const session_context& context, boost::asio::any_io_executor strand,
            accepted_client& client);
    ~session();

    friend boost::asio::awaitable<void> serve(std::shared_ptr<const session_context> context,
                                              boost::asio::any_io_executor strand,
                                              accepted_client client);

private:
    boost::asio::awaitable<void> run_preamble();
    void identify(const proxy_parser& header);
    void preamble_ended(error_code failed);
    bool goes_on();
    outcome& result() noexcept { return exchange_->result(); }
    outcome::farewell farewell() noexcept;
    boost::asio::awaitable<void> say(outcome::farewell what);
    boost::asio::awaitable<void> say_line();
    boost::asio::awaitable<void> say_no_word();
    boost::asio::awaitable<void> say_http_ok();
    boost::asio::awaitable<void> say_alert();
    boost::asio::awaitable<void> give_time_to_read();
    boost::asio::awaitable<error_code> write(std::string_view text);
    boost::asio::awaitable<void> lingering_close();
    void close() noexcept;

    exchange_deadline& deadline() noexcept override { return deadline_; }
    void on_drain() override;
    session_view view(exchange_deadline::clock::time_point now) const noexcept override {
        return exchange_->view(now);
    }

    const session_context& context_;
    accepted_client& client_;
    exchange_deadline deadline_;
    client_socket socket_;
    payload_input input_;
    std::optional<exchange> exchange_;            // always one
    session_registry::registration registration_; // last: the registry sees a complete session
};

/// Runs a session from accept to close. Its completion handler keeps the context: the client's
/// permit goes last, when the coroutine may have let go of it.
boost::asio::awaitable<void> serve(std::shared_ptr<const session_context> context,
                                   boost::asio::any_io_executor strand, accepted_client client);

} // namespace finpost::detail
