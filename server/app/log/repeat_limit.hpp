#pragma once

#include "finpost/logger.hpp"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace finpost {

/// Which log records are one too many: of each event at each level so many a second are written,
/// and the rest are counted. It is told the time. Thread safe.
///
/// Exempt are the access line (event `exchange`), which is a record of its own each time, and
/// everything below `info`, which is only there for whoever asked for all of it.
class repeat_limit {
public:
    using clock = std::chrono::steady_clock;

    explicit repeat_limit(std::uint64_t most, clock::duration window = std::chrono::seconds(1))
        : most_(most), window_(window) {}

    static bool exempt(log_level level, std::string_view event) noexcept {
        return level < log_level::info || event == "exchange";
    }

    enum class verdict {
        write,
        leave_out,
        first_left_out, ///< of all that are still to be reported: `report` has work to do later
    };
    verdict judge(log_level level, std::string_view event, clock::time_point now);

    struct left_out {
        log_level level;
        std::string event;
        std::uint64_t count;
    };
    /// What was left out in the seconds that are over at `now`; of all of them without a time. Each
    /// record is reported once.
    std::vector<left_out> report(std::optional<clock::time_point> now);

    /// When `report` will have something to say; none when nothing was left out.
    std::optional<clock::time_point> due() const;

private:
    struct entry {
        left_out of;
        clock::time_point began;
        std::uint64_t written = 0;
    };

    const std::uint64_t most_;
    const clock::duration window_;
    mutable std::mutex mutex_;
    std::vector<entry> entries_; // events are a few dozen fixed words
    bool something_left_out_ = false;
};

} // namespace finpost
