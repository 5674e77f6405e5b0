#include "progress_bar.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include <unistd.h>

namespace finpost {

namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t width = 30;

std::string human(std::uint64_t bytes) {
    constexpr std::array units{"B", "KiB", "MiB", "GiB", "TiB"};
    auto value = static_cast<double>(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < units.size()) value /= 1024, ++unit;
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text.data();
}

std::string bar(std::uint64_t done, std::uint64_t total) {
    const auto part = static_cast<std::size_t>(
        static_cast<double>(width) *
        std::min(1.0, static_cast<double>(done) / static_cast<double>(total)));
    std::string text = " [";
    text.append(part, '#').append(width - part, ' ');
    return text += ']';
}

} // namespace

std::string progress_text(std::uint64_t sent, std::uint64_t total, std::uint64_t received) {
    std::string text = "sent " + human(sent);
    if (total > 0) text += " of " + human(total) + bar(sent, total);
    return text + " received " + human(received);
}

std::string progress_text(std::string_view what, std::uint64_t done, std::uint64_t total) {
    std::string text(what);
    (text += ' ') += std::to_string(done);
    if (total > 0) text += " of " + std::to_string(total) + bar(done, total);
    return text;
}

progress_bar::progress_bar(const boost::asio::any_io_executor& executor, std::uint64_t total)
    : progress_bar(executor, [this, total] { return progress_text(sent_, total, received_); }) {}

progress_bar::progress_bar(const boost::asio::any_io_executor& executor,
                           std::function<std::string()> text)
    : text_(std::move(text)), timer_(executor) {
    if (::isatty(STDERR_FILENO) == 1) draw_later(500ms);
}

progress_bar::~progress_bar() {
    if (shown_) std::fputs("\r\x1b[K", stderr);
}

void progress_bar::draw_later(std::chrono::milliseconds pause) {
    timer_.expires_after(pause);
    timer_.async_wait([this](boost::system::error_code ended) {
        if (ended) return;
        draw();
        draw_later(100ms);
    });
}

void progress_bar::draw() {
    shown_ = true;
    std::fprintf(stderr, "\r%s\x1b[K", text_().c_str());
    std::fflush(stderr);
}

} // namespace finpost
