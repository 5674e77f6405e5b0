#pragma once

#include "policy/wait_queue.hpp"

#include "finpost/config.hpp"
#include "finpost/logger.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace finpost {

/// The addresses of an upstream's endpoints. Names are looked up in the background, never while an
/// exchange waits: a lookup cannot be cancelled and all share one thread. A failed lookup keeps what
/// was known. Thread safe; held by shared_ptr.
class resolver : public std::enable_shared_from_this<resolver> {
public:
    using addresses = std::vector<boost::asio::ip::tcp::endpoint>;

    /// Literal addresses are known from the start.
    resolver(boost::asio::any_io_executor executor, const std::vector<http_url>& urls,
             std::chrono::milliseconds every, logger log);

    /// Looks names up now and again; does nothing when there are none.
    void start();
    void stop();

    /// What is known of an endpoint; empty when its name was never found.
    addresses of(std::size_t endpoint) const;

    /// Waits for the first answer about an endpoint's name, found or not; completes at once when there
    /// has been one. The watchdog ends the wait.
    boost::asio::awaitable<void> first_answer(std::size_t endpoint, watchdog& dog);

    /// Connecting failed: the names may have changed. Looks them up soon, not more than once a second.
    void suspect();

private:
    struct name {
        std::size_t endpoint;
        std::string host;
        std::uint16_t port;
    };
    void look_up_all();
    void found(const name& which, const error_code& ec,
               const boost::asio::ip::tcp::resolver::results_type& results);
    void know(const name& which, const boost::asio::ip::tcp::resolver::results_type& results);
    void wait(std::chrono::milliseconds pause);

    boost::asio::strand<boost::asio::any_io_executor> strand_;
    boost::asio::ip::tcp::resolver resolver_;
    boost::asio::steady_timer timer_;
    const std::chrono::milliseconds every_;
    const logger log_;
    std::vector<name> names_;
    mutable std::mutex mutex_;
    std::vector<addresses> known_;
    std::vector<bool> answered_;
    wait_queue waiting_; // for the first answer
    std::chrono::steady_clock::time_point looked_at_{};
    std::size_t pending_ = 0;
    bool stopped_ = false;
};

} // namespace finpost
