#pragma once

#include "net/unique_fd.hpp"

#include "finpost/logger.hpp"

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace finpost {

/// A variable, which then is no more in the environment; empty when it was not there. For a process
/// with one thread.
std::string take_variable(const char* name);

/// What a service manager (systemd) has told this process by its environment.
struct service_environment {
    std::string notify_socket; ///< where it wants to be told how we do; empty: nowhere
    /// It starts us anew when we have not said for so long that we are alive.
    std::optional<std::chrono::microseconds> watchdog = {};
};

/// Reads NOTIFY_SOCKET and WATCHDOG_USEC, and takes them out of the environment: they are not for
/// programs that we start. WATCHDOG_USEC counts when WATCHDOG_PID is ours or is not there. For a
/// process with one thread.
service_environment take_service_environment();

/// Tells a service manager how this process does: the protocol of sd_notify(3). Without a socket it
/// does nothing. A manager that cannot be told is a warning, once until it was told again, and
/// nothing more. A `status` is for people and ends where its line does.
///
/// One thread at a time, but for `alive`. Allocates nothing but for that warning.
class service_manager {
public:
    /// `address` is a path, or an abstract name behind an @.
    service_manager(std::string address, logger log);

    /// It has started, or a reload has ended, well or not.
    void ready(std::string_view status) noexcept;
    void reloading() noexcept;
    void stopping(std::uint64_t in_flight) noexcept;
    /// From any thread; waits for nothing.
    void alive() noexcept;

private:
    void tell(std::initializer_list<std::string_view> parts) noexcept;
    int send(std::initializer_list<std::string_view> parts, int flags) const noexcept;

    const std::string address_;
    const detail::unique_fd socket_;
    const logger log_;
    bool warned_ = false;
};

} // namespace finpost
