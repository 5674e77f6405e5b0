#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace finpost {

/// One line on a terminal that tells how far a transfer is. It shows nothing in the first half
/// second, and nothing at all where standard error is no terminal. It is drawn ten times a second
/// whether or not something moves, so that what stands there while the transfer waits is not old.
class progress_bar {
public:
    /// `total` is the payload's size, 0 when it is not known. Draws on `executor`, which belongs to
    /// one thread, the one that calls `update`.
    progress_bar(const boost::asio::any_io_executor& executor, std::uint64_t total);
    /// Of something else than a transfer: `text` says how far it is.
    progress_bar(const boost::asio::any_io_executor& executor, std::function<std::string()> text);
    ~progress_bar(); // wipes the line

    /// "Sent" is what the kernel has taken, which is not what the gateway has received.
    void update(std::uint64_t sent, std::uint64_t received) { sent_ = sent, received_ = received; }

private:
    void draw_later(std::chrono::milliseconds pause);
    void draw();

    const std::function<std::string()> text_;
    boost::asio::steady_timer timer_;
    std::uint64_t sent_ = 0, received_ = 0;
    bool shown_ = false;
};

/// The line's text: "sent 12.3 MiB of 64.0 MiB [#####     ] received 0 B".
std::string progress_text(std::uint64_t sent, std::uint64_t total, std::uint64_t received);

/// The same of things that are counted: "exported 12 of 40 [###       ]"; without a total when that
/// is 0.
std::string progress_text(std::string_view what, std::uint64_t done, std::uint64_t total);

} // namespace finpost
