#pragma once

#include "async/alarm_clock.hpp"

#include "finpost/exchange_deadline.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <list>
#include <memory>

namespace finpost::detail {

/// The timer of the deadlines of deliveries, which belong to no session. Held by shared_ptr. It
/// belongs to `sequence`, but for `reschedule`.
class deadline_timer final : public exchange_deadline::timer_source,
                             public std::enable_shared_from_this<deadline_timer> {
public:
    explicit deadline_timer(boost::asio::any_io_executor sequence);

    /// A deadline that is checked while this lives.
    class entry {
    public:
        /// Throws std::bad_alloc.
        explicit entry(std::shared_ptr<deadline_timer> timer);
        ~entry();
        entry(const entry&) = delete;
        entry& operator=(const entry&) = delete;
        exchange_deadline& deadline() noexcept { return deadline_; }

    private:
        const std::shared_ptr<deadline_timer> timer_;
        exchange_deadline deadline_;
        std::list<exchange_deadline*>::iterator at_;
    };

    /// Ends all of them.
    void stop_all(error_code why);

    void reschedule(exchange_deadline::clock::time_point when) override;

private:
    void ring() noexcept;
    void check();

    const boost::asio::any_io_executor sequence_;
    std::list<exchange_deadline*> all_;
    std::unique_ptr<alarm_clock> alarm_;
};

} // namespace finpost::detail
