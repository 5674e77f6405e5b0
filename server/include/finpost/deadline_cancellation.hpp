#pragma once

#include "finpost/error.hpp"
#include "finpost/exchange_deadline.hpp"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>

namespace finpost {

/// A handler's time limit, and a cancellation slot for the operation that it limits.
///
/// While it lives, the exchange's deadline is `total` from its construction on. Zero or less is no
/// limit. When that passes, and when the gateway stops or gives the exchange up, the operation that
/// is bound to `slot()` is cancelled (`terminal`), and `error()` says why. One operation at a time.
/// Its destructor disarms the deadline.
///
/// Threads: it belongs to the exchange's executor, and so does the operation. The cancellation is
/// emitted there.
/// Lifetime: it is destroyed after the operation has completed and before the handler returns.
/// Trap: an exchange that was stopped before cancels no later operation. A handler that waits twice
/// looks at `error()` in between.
///
///     deadline_cancellation limit(request.deadline(), 5s, reason::upstream_timeout);
///     auto token = asio::bind_cancellation_slot(limit.slot(), as_tuple(use_awaitable));
///     auto [ec] = co_await timer.async_wait(token);
///     if (limit.error()) co_return reply(to_reason(limit.error()));
class deadline_cancellation {
public:
    deadline_cancellation(exchange_deadline& deadline, exchange_deadline::duration total,
                          reason why)
        : deadline_(deadline),
          cancel_(deadline, [this] { signal_.emit(boost::asio::cancellation_type::terminal); }) {
        deadline.arm(exchange_deadline::duration::zero(), total, why);
    }
    ~deadline_cancellation() { deadline_.disarm(); }
    deadline_cancellation(const deadline_cancellation&) = delete;
    deadline_cancellation& operator=(const deadline_cancellation&) = delete;

    /// For the operation that the limit is for. Valid as long as this object.
    boost::asio::cancellation_slot slot() noexcept { return signal_.slot(); }

    /// Set when the limit has passed or the exchange was stopped.
    error_code error() const noexcept { return deadline_.error(); }

private:
    exchange_deadline& deadline_;
    boost::asio::cancellation_signal signal_;
    exchange_deadline::on_cancel cancel_;
};

} // namespace finpost
