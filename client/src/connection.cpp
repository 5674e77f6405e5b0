#include "finpost/connection.hpp"

#include "kept_connection.hpp"
#include "operation.hpp"

#include <boost/asio/post.hpp>

#include <utility>

namespace asio = boost::asio;

namespace finpost {

namespace detail {

kept_connection::kept_connection(const asio::any_io_executor& executor, host_port to,
                                 client_options limits)
    : strand(asio::make_strand(executor)), target(std::move(to)), options(std::move(limits)) {}

kept_connection::~kept_connection() { close(); }

void kept_connection::close() noexcept {
    if (stream) static_cast<void>(stream->half_close());
    stream.reset();
    socket.reset();
}

void start_exchange_on(const std::shared_ptr<kept_connection>& connection, byte_source& payload,
                       byte_sink* reply, std::shared_ptr<void> owned, exchange_handler done,
                       const std::function<void(cancel_function)>& arm) {
    const auto started = std::make_shared<operation>(connection->strand, connection->target,
                                                     payload, reply, connection->options,
                                                     std::move(owned), std::move(done), connection);
    arm([weak = std::weak_ptr(started)] {
        if (const auto alive = weak.lock()) alive->cancel();
    });
    started->start();
}

} // namespace detail

connection::connection(asio::any_io_executor executor, host_port target, client_options options)
    : kept_(std::make_shared<detail::kept_connection>(executor, std::move(target),
                                                      std::move(options))) {}

connection::~connection() = default;
connection::connection(connection&& other) noexcept = default;
connection& connection::operator=(connection&& other) noexcept = default;

detail::initiate_exchange_on connection::initiation() const {
    return {kept_, kept_->strand.get_inner_executor()};
}

void connection::close() {
    asio::post(kept_->strand, [kept = kept_] { kept->close(); });
}

} // namespace finpost
