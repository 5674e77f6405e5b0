#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace finpost {

/// One line on a terminal that tells how far a transfer is. It shows nothing in the first half second, and
/// nothing at all where standard error is no terminal.
class progress_bar {
public:
    /// `total` is the payload's size, 0 when it is not known.
    explicit progress_bar(std::uint64_t total);
    ~progress_bar(); // wipes the line

    void update(std::uint64_t sent, std::uint64_t received);

private:
    using clock = std::chrono::steady_clock;
    const std::uint64_t total_;
    const bool terminal_;
    clock::time_point next_;
    bool shown_ = false;
};

/// The line's text: "sent 12.3 of 64.0 MiB [#####     ] received 0 B".
std::string progress_text(std::uint64_t sent, std::uint64_t total, std::uint64_t received);

} // namespace finpost
