#include "upstream/connect_race.hpp"

#include "async/use_tuple_awaitable.hpp"

#include "finpost/exchange_deadline.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>

#include <algorithm>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

constexpr std::chrono::milliseconds longest_pace{250};

} // namespace

connect_race::connect_race(asio::any_io_executor strand, asio::any_io_executor sockets,
                           std::vector<tcp::endpoint> addresses)
    : strand_(std::move(strand)), sockets_(std::move(sockets)), addresses_(std::move(addresses)),
      next_(strand_), last_error_(asio::error::host_not_found) {
    tries_.reserve(addresses_.size());
}

asio::awaitable<error_code> connect_race::run(exchange_deadline& deadline,
                                              clock::time_point until) {
    const exchange_deadline::on_cancel cancel(deadline, [this] { next_.cancel(); });
    const auto count = static_cast<std::int64_t>(std::max<std::size_t>(addresses_.size(), 1));
    const auto pace = std::min<clock::duration>((until - clock::now()) / count, longest_pace);
    auto due = clock::time_point::min();
    while (!winner_ && !deadline.error()) {
        const bool more = tries_.size() < addresses_.size();
        if (!more && running_ == 0) break;
        if (more && (running_ == 0 || clock::now() >= due)) {
            begin();
            due = clock::now() + pace;
            continue;
        }
        next_.expires_at(more ? due : clock::time_point::max());
        auto [ec] = co_await next_.async_wait(use_shared_tuple_awaitable);
        static_cast<void>(ec); // due, or one is done, or the deadline: the loop looks
    }
    over_ = true;
    close_losers();
    if (winner_ && !deadline.error()) co_return error_code{};
    if (deadline.error()) co_return deadline.error();
    co_return last_error_;
}

// As long as an address is silent, what another one said is not why.
error_code connect_race::cause() const {
    return running_ > 0 || winner_ ? error_code(asio::error::timed_out) : last_error_;
}

void connect_race::begin() {
    const std::size_t which = tries_.size();
    tries_.emplace_back(sockets_);
    ++running_;
    tries_.back().async_connect(
        addresses_[which],
        asio::bind_executor(strand_, [self = shared_from_this(), which](const error_code& ec) {
            self->done(which, ec);
        }));
}

void connect_race::done(std::size_t which, const error_code& ec) {
    if (over_) return;
    --running_;
    if (ec)
        last_error_ = ec;
    else if (!winner_)
        winner_ = which;
    next_.cancel();
}

void connect_race::close_losers() {
    error_code ignored;
    for (std::size_t i = 0; i < tries_.size(); ++i)
        if (i != winner_) tries_[i].close(ignored);
}

std::string handshake_failure(std::string_view what) {
    return "TLS handshake: " + std::string(what.empty() ? "the connection broke" : what);
}

bool lacks_resources(const error_code& ec) noexcept {
    return ec == asio::error::no_descriptors || ec == asio::error::no_buffer_space ||
           ec == asio::error::no_memory || ec == boost::system::errc::too_many_files_open_in_system;
}

} // namespace finpost::detail
