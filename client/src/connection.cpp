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

asio::any_io_executor initiate_exchange_on::get_executor() const noexcept {
    return connection_->strand.get_inner_executor();
}

void initiate_exchange_on::operator()(exchange_handler handler, std::shared_ptr<byte_source> memory,
                                      byte_source* source, byte_sink* sink) const {
    byte_source& payload = memory ? *memory : *source;
    const auto started = std::make_shared<operation>(
        connection_->strand, connection_->target, payload, sink, connection_->options,
        std::move(memory), std::move(handler), connection_);
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
    return detail::initiate_exchange_on(kept_);
}

void connection::close() {
    asio::post(kept_->strand, [kept = kept_] { kept->close(); });
}

} // namespace finpost
