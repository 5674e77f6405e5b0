#pragma once

#include "async/alarm_clock.hpp"
#include "policy/wait_queue.hpp"

#include "finpost/logger.hpp"
#include "finpost/upstream_config.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace finpost::detail {

/// The addresses of an upstream's endpoints. Names are looked up in the background, never while an
/// exchange waits: a lookup cannot be cancelled and all share one thread of Asio's. So a lookup
/// that hangs holds up the refresh of every name, and no exchange: what was known is used
/// meanwhile, as it is after a lookup that failed. Thread safe; held by shared_ptr.
class resolver : public std::enable_shared_from_this<resolver> {
public:
    using addresses = std::vector<boost::asio::ip::tcp::endpoint>;
    /// Called on a strand of the resolver's when a name has other addresses than before, with
    /// these.
    using change = std::function<void(std::size_t endpoint, const addresses& now)>;

    /// Literal addresses are known from the start.
    resolver(boost::asio::any_io_executor executor, const std::vector<http_url>& urls,
             std::chrono::milliseconds every, logger log);

    /// Looks names up now and again; does nothing when there are none.
    void start(change on_change = {});
    void stop();

    /// What is known of an endpoint, at most eight; empty when its name was never found.
    addresses of(std::size_t endpoint) const;
    /// The endpoints whose names were never found, as a bit each.
    std::uint64_t unknown() const noexcept { return unknown_.load(std::memory_order_relaxed); }

    /// An address that did not answer where another did: it is tried last from now on.
    void deprioritize(std::size_t endpoint, const boost::asio::ip::tcp::endpoint& address);

    /// Waits for the first answer about an endpoint's name, found or not; completes at once when
    /// there has been one. The exchange_deadline ends the wait.
    boost::asio::awaitable<void> first_answer(std::size_t endpoint, exchange_deadline& deadline);

    /// Why `of` has none: the last lookup's error, and no error before there was one.
    error_code trouble(std::size_t endpoint) const;

    /// Connecting failed: the names may have changed. Looks them up soon, not more than once a
    /// second.
    void request_refresh();

private:
    struct name {
        std::size_t endpoint;
        std::string host;
        std::uint16_t port;
        bool pending = false; // a lookup is under way, possibly for long
    };
    void look_up_all();
    void found(name& which, const error_code& ec,
               const boost::asio::ip::tcp::resolver::results_type& results);
    void know(const name& which, const boost::asio::ip::tcp::resolver::results_type& results);
    class lookup;
    void in_vain(name& which) noexcept;
    void look_up_soon() noexcept;
    void wait(std::chrono::milliseconds pause) noexcept;

    const boost::asio::any_io_executor strand_;
    boost::asio::ip::tcp::resolver resolver_;
    std::optional<alarm_clock> again_; // when to look again; from `start` on
    const std::chrono::milliseconds every_;
    const logger log_;
    std::vector<name> names_;
    mutable std::mutex mutex_;
    std::vector<addresses> known_;
    std::vector<error_code> trouble_; // of the last lookup
    std::vector<bool> answered_;
    wait_queue waiting_; // for the first answer
    std::atomic<std::uint64_t> unknown_{0};
    change on_change_;
    std::chrono::steady_clock::time_point looked_at_{};
    std::atomic<bool> stopped_{false};
};

} // namespace finpost::detail
