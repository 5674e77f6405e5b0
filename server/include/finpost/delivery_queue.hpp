#pragma once

#include "finpost/asio_settings.hpp"
#include "finpost/config_problem.hpp"
#include "finpost/error.hpp"
#include "finpost/export.hpp"
#include "finpost/handler.hpp"
#include "finpost/logger.hpp"
#include "finpost/queue_store.hpp"
#include "finpost/units.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace finpost {

class http_upstream;
struct metrics;

/// What a service recognises a payload by that it has seen before.
enum class idempotency_key {
    id,     ///< the request's id
    sha256, ///< the payload's SHA-256: the same payload from its client again is the same event
};

/// How stored payloads go to their service.
///
/// Times carry their unit in the type. Each is above zero and at most a year.
struct delivery_config {
    /// The name of the upstream: of the payloads in the store, those with this name are delivered.
    std::string upstream = {};
    /// The pause after the first failure. It doubles with each, up to `retry_most`; half of it is
    /// left to chance. What a service says in Retry-After wins, up to an hour.
    duration retry_first{1'000};
    /// At least `retry_first`.
    duration retry_most{300'000};
    /// A payload that has waited for longer becomes a dead letter, after three attempts at least.
    duration retry_for{86'400'000};
    /// At once: at least 1.
    std::size_t deliveries = 8;
    /// The longest that a client waits for its receipt. Then it is refused with `queue_failed`.
    duration receipt_timeout{10'000};

    friend bool operator==(const delivery_config&, const delivery_config&) = default;
};

/// Every problem of a configuration, in the order of its fields; empty when it is good.
FINPOST_EXPORT std::vector<config_problem> validate(const delivery_config& config);

/// Durable delivery: a client gets a receipt once its payload is on stable storage, and the payload
/// goes to the service until that has taken it, always with the same Idempotency-Key, or it is a
/// dead letter until somebody decides.
///
/// A status of 200 to 299 is a delivery. 408, 425, 429, 500 to 599, and every failure to connect or
/// to answer, are tried again. So are 401, 403, 404, 405, 407 and 300 to 399, which are about the
/// configuration, with a warning in the log. Any other status makes a dead letter at once. While
/// the service is down one payload at a time finds out whether it is back.
///
/// Threads: every function may be called from any thread. Deliveries run on the executor.
/// Lifetime: handlers may outlive it, and keep what they need. `counters` outlives the last
/// delivery.
class FINPOST_EXPORT delivery_queue {
public:
    using executor_type = boost::asio::any_io_executor;

    /// Payloads go from `store` to `service`. Throws `config_error` with every problem of `config`.
    /// Nothing is delivered before `start`.
    delivery_queue(executor_type executor, std::shared_ptr<queue_store> store,
                   const http_upstream& service, delivery_config config, metrics& counters,
                   logger log = {});
    /// Like `stop`.
    ~delivery_queue();
    delivery_queue(delivery_queue&&) noexcept;
    delivery_queue& operator=(delivery_queue&&) noexcept;

    executor_type get_executor() const noexcept;

    /// Begins to deliver. Call it once.
    void start();

    /// The handler to pass to a `gateway`: stores each payload, and answers with a receipt
    /// (`reply::receipt`). `listener` is the name that is stored with it. Refuses with `queue_full`
    /// when there is no room and nothing was stored, with `queue_failed` when nobody knows, and
    /// with `draining` when the gateway stops before it was stored.
    handler as_handler(std::string listener, idempotency_key key = idempotency_key::id) const;

    /// The same for a gateway that relays while the service answers. A payload is stored when there
    /// is no connection to the service (`upstream_unreachable`), no answer in time or none to its
    /// end (`upstream_timeout`, `upstream_incomplete`), or a status of 408, 425, 429, 502, 503 or
    /// 504. It keeps the key that it was sent with.
    handler as_fallback(std::string listener, idempotency_key key = idempotency_key::id) const;

    /// Claims nothing more and waits for what is on the wire, at most for `grace`; what is not
    /// delivered by then is cancelled, and waits in the store. `void(error_code)`, without an error
    /// always. Completes on the handler's associated executor, else on `get_executor()`.
    template <class CompletionToken>
    auto async_drain(duration grace, CompletionToken&& token) {
        return boost::asio::async_initiate<CompletionToken, void(error_code)>(
            drain_initiation{this}, token, grace);
    }

    /// Claims nothing more and cancels what is on the wire. Needs no memory.
    void stop() noexcept;

private:
    class state;

    struct drain_initiation {
        using executor_type = delivery_queue::executor_type;
        delivery_queue* of;
        executor_type get_executor() const noexcept { return of->get_executor(); }
        template <class Handler>
        void operator()(Handler&& done, duration grace) const {
            of->drain(grace, std::forward<Handler>(done));
        }
    };
    void drain(duration grace, boost::asio::any_completion_handler<void(error_code)> done);

    std::shared_ptr<state> state_;
};

} // namespace finpost
