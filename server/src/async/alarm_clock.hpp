#pragma once

#include <boost/asio/any_io_executor.hpp>

#include <chrono>
#include <functional>
#include <memory>

namespace finpost::detail {

/// Calls something at a time, again and again if it is set again: what must not stop for want of
/// memory. Thread safe; its wait has memory of its own.
class alarm_clock {
public:
    using clock = std::chrono::steady_clock;

    /// `ring` is called on `executor`, not in its sequence where it is a strand, and may be called
    /// there once more after this has been destroyed: it keeps what it needs. It does not throw.
    alarm_clock(const boost::asio::any_io_executor& executor, std::function<void()> ring);
    ~alarm_clock();
    alarm_clock(const alarm_clock&) = delete;
    alarm_clock& operator=(const alarm_clock&) = delete;

    /// Rings at `when`, and not when it was set to before. Without memory for one timer more it
    /// tries again and again meanwhile; false only where it cannot, on an executor that is no
    /// `io_context`'s.
    bool set(clock::time_point when) noexcept;
    /// The same unless it rings earlier.
    bool set_earlier(clock::time_point when) noexcept;
    /// Does not ring, and holds no work of the executor's.
    void clear() noexcept;

private:
    struct state;
    struct handler;
    const std::shared_ptr<state> state_;
};

} // namespace finpost::detail
