#pragma once

#include "finpost/error.hpp"
#include "finpost/upstream_config.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace finpost::detail {

class upstream_connector;
class upstream_stream;

/// Finds out now and again whether an endpoint is well, and tells the endpoint set, one check at a
/// time for each. With a `health_path` by a GET of it on a connection of its own: a status of 200
/// to 299 within `health_timeout` is well; the body is not waited for. Without one by connecting,
/// over TLS with the handshake, and only an endpoint that is in doubt: one that is well is not
/// bothered. Thread safe.
class health_checks {
public:
    /// Of the connector's endpoints. The connector outlives the owner that `start` is given.
    health_checks(boost::asio::any_io_executor executor, const upstream_config& config,
                  upstream_connector& connector);
    ~health_checks();

    /// The first checks begin at once. `owner` keeps this object alive until they have ended.
    void start(std::shared_ptr<const void> owner);
    /// Ends them, the ones under way included.
    void stop(std::shared_ptr<const void> owner);

private:
    struct checked_endpoint; // an endpoint and what is needed to check it
    void begin(std::shared_ptr<const void> owner, checked_endpoint& subject);
    void begin_later(checked_endpoint& subject) noexcept;
    boost::asio::awaitable<void> run(std::shared_ptr<const void> owner, checked_endpoint& subject);
    boost::asio::awaitable<error_code> check(checked_endpoint& subject);
    boost::asio::awaitable<error_code> ask(checked_endpoint& subject, upstream_stream& stream);
    void limit(checked_endpoint& subject);
    bool due(const checked_endpoint& subject) const;
    void judge(const checked_endpoint& subject, error_code found);

    const boost::asio::any_io_executor strand_;
    const std::string path_; // empty: no more than a connection
    const duration every_, timeout_;
    upstream_connector& connector_;
    std::vector<std::shared_ptr<checked_endpoint>> subjects_;
    std::atomic<bool> stopped_{false};
};

} // namespace finpost::detail
