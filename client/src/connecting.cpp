#include "operation.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace asio = boost::asio;

// The stages up to the first byte of the payload.
namespace finpost::detail {

namespace {

socket_address address_of(const asio::ip::tcp::endpoint& endpoint) {
    return {endpoint.data(), endpoint.size()};
}

} // namespace

// A connection that is kept, unless the peer has something to say on it: what that is, nobody asked
// for, and its FIN is the end. Nothing was sent yet, so that a new one is as good.
void operation::reuse() {
    if (!kept_ || !kept_->stream) return;
    socket_ = std::move(*kept_->socket);
    stream_ = std::move(kept_->stream);
    kept_->socket.reset();
    reused_ = is_quiet();
    if (reused_) {
        result_.local = kept_->local;
        result_.remote = kept_->remote;
        result_.tls = kept_->tls;
        return reset_on_close(true);
    }
    stream_.reset();
    error_code ignored;
    socket_.close(ignored);
}

// Heartbeats are passed over; over TLS what is there may be no byte for us at all.
bool operation::is_quiet() {
    constexpr int most_reads = 64;
    frame_reader between(options_.frame, UINT64_MAX);
    std::array<std::byte, 512> bytes{};
    for (int i = 0; i < most_reads; ++i) {
        const transfer got = stream_->read(bytes);
        if (got.wait_for != readiness::none) return got.wait_for == readiness::readable;
        if (got.ended || got.error) return false;
        if (!between.feed_heartbeats(std::span(bytes).first(got.size))) return false;
    }
    return false;
}

// After a whole reply that is no refusal: whoever refuses may be about to close.
void operation::keep() {
    kept_->busy = false;
    if (error_ || result_.stage != exchange_stage::done) return;
    kept_->local = result_.local;
    kept_->remote = result_.remote;
    kept_->tls = result_.tls;
    kept_->stream = std::move(stream_);
    kept_->socket.emplace(std::move(socket_));
}

// A lookup cannot be cancelled once it runs: it is waited for with a limit, and left alone after
// that.
asio::awaitable<void> operation::resolve() {
    result_.stage = exchange_stage::resolve;
    const auto limit =
        std::clamp(options_.connect, duration::zero(), duration(std::chrono::hours(24 * 365)));
    connect_until_ = std::min(clock::now() + limit, until_);
    error_code not_literal;
    const auto literal = asio::ip::make_address(target_.host, not_literal);
    if (!not_literal) {
        addresses_ = {tcp::endpoint(literal, target_.port)};
    } else {
        resolver_.async_resolve(target_.host, std::to_string(target_.port),
                                tcp::resolver::numeric_service,
                                [self = shared_from_this()](error_code ec, const auto& found) {
                                    self->looked_up_ = true;
                                    self->lookup_error_ = ec;
                                    for (const auto& entry : found)
                                        self->addresses_.push_back(entry.endpoint());
                                    self->lookup_.cancel();
                                });
        lookup_.expires_at(connect_until_);
        auto [ec] = co_await lookup_.async_wait(as_result);
        static_cast<void>(ec); // how it ended, the flags tell
        if (error_) co_return;
        if (!looked_up_)
            fail(asio::error::timed_out);
        else if (lookup_error_)
            fail(lookup_error_);
        else if (addresses_.empty())
            fail(asio::error::host_not_found);
    }
    result_.resolved = since_start();
}

asio::awaitable<void> operation::connect() {
    result_.stage = exchange_stage::connect;
    error_code last = asio::error::timed_out;
    auto left = static_cast<std::int64_t>(addresses_.size());
    for (const tcp::endpoint& address : addresses_) {
        // A silent address gets its share of the time, not all of it.
        limit(clock::now() + (connect_until_ - clock::now()) / left--);
        error_code ignored;
        socket_.close(ignored);
        auto [ec] = co_await socket_.async_connect(address, as_result);
        if (error_) co_return;
        if (!ec && !expired_) {
            socket_.set_option(tcp::no_delay(true), ignored);
            reset_on_close(true);
            result_.local = address_of(socket_.local_endpoint(ignored));
            result_.remote = address_of(socket_.remote_endpoint(ignored));
            result_.connected = since_start();
            open_stream();
            co_return;
        }
        last = expired_ ? error_code(asio::error::timed_out) : ec;
    }
    fail(last);
}

void operation::open_stream() {
    try {
        stream_ = make_stream(socket_.native_handle(), options_.tls, target_.host);
    } catch (const std::invalid_argument&) { // a host whose certificate cannot be asked for
        fail(make_error_code(boost::system::errc::invalid_argument));
    }
}

// In the clear: whoever reads it may not be the one who speaks TLS.
asio::awaitable<void> operation::send_proxy_header() {
    if (!options_.proxy) co_return;
    const proxy_options& by = *options_.proxy;
    const std::string header = proxy_header(by.version, by.source.value_or(result_.local),
                                            by.destination.value_or(result_.remote));
    limit(connect_until_);
    const auto data = asio::buffer(header);
    auto [ec, n] = co_await asio::async_write(socket_, data, as_result);
    static_cast<void>(n); // all of it, or an error
    if (expired_)
        fail(asio::error::timed_out);
    else if (ec)
        fail(ec);
}

// A peer that cannot prove who it is was reached all the same: no other address is tried.
asio::awaitable<void> operation::secure() {
    result_.stage = exchange_stage::handshake;
    transfer step = stream_->handshake();
    if (step.wait_for != readiness::none) limit(connect_until_);
    while (step.wait_for != readiness::none) {
        auto [ec] = co_await socket_.async_wait(kind_of(step.wait_for), as_result);
        static_cast<void>(ec); // a limit or a failure, which the next step sees
        if (error_) co_return;
        if (expired_) co_return fail(asio::error::timed_out);
        step = stream_->handshake();
    }
    result_.tls = stream_->description();
    if (step.error) co_return fail_with_detail(step.error);
    if (!result_.tls.protocol.empty()) result_.secured = since_start();
}

} // namespace finpost::detail
