#include "log/quiet_log.hpp"

#include "log/repeat_limit.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <mutex>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

namespace {

// The lowest level that a logger passes on.
log_level threshold_of(const logger& to) {
    int level = static_cast<int>(log_level::trace);
    while (level < static_cast<int>(log_level::off) && !to.enabled(static_cast<log_level>(level)))
        ++level;
    return static_cast<log_level>(level);
}

} // namespace

class quiet_log::state : public std::enable_shared_from_this<state> {
public:
    state(logger to_, asio::any_io_executor executor, std::uint64_t most)
        : to(std::move(to_)), limit_(most), executor_(std::move(executor)) {}

    void pass(log_level level, std::string_view event, std::span<const log_field> fields) {
        if (repeat_limit::exempt(level, event)) return to(level, event, fields);
        switch (limit_.judge(level, event, repeat_limit::clock::now())) {
        case repeat_limit::verdict::write:
            return to(level, event, fields);
        case repeat_limit::verdict::leave_out:
            return;
        case repeat_limit::verdict::first_left_out:
            report_later();
            return;
        }
    }

    void report(std::optional<repeat_limit::clock::time_point> now) {
        for (const auto& repeated : limit_.report(now)) {
            const auto count = static_cast<std::int64_t>(repeated.count);
            to(repeated.level, repeated.event, {{"repeated", count}});
        }
    }

    void close() {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }

    const logger to;

private:
    // The timer belongs to its own wait, so nothing of the executor's context is kept here.
    void report_later() {
        const std::lock_guard lock(mutex_);
        const auto due = limit_.due();
        if (closed_ || armed_ || !due) return;
        armed_ = true;
        const auto timer = std::make_shared<asio::steady_timer>(executor_, *due);
        timer->async_wait([weak = weak_from_this(), timer](const boost::system::error_code& ec) {
            const auto self = weak.lock();
            if (!self || ec) return;
            self->disarm();
            self->report(repeat_limit::clock::now());
            self->report_later();
        });
    }

    void disarm() {
        const std::lock_guard lock(mutex_);
        armed_ = false;
    }

    repeat_limit limit_;
    const asio::any_io_executor executor_;
    std::mutex mutex_;
    bool armed_ = false; // a timer is waiting: one is enough
    bool closed_ = false;
};

quiet_log::quiet_log(logger to, asio::any_io_executor executor, std::uint64_t most)
    : state_(std::make_shared<state>(std::move(to), std::move(executor), most)) {}

quiet_log::~quiet_log() { state_->close(); }

logger quiet_log::door() const {
    return logger(
        threshold_of(state_->to),
        [state = state_](log_level level, std::string_view event,
                         std::span<const log_field> fields) { state->pass(level, event, fields); });
}

void quiet_log::flush() { state_->report(std::nullopt); }

} // namespace finpost
