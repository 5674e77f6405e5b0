#include "frame_end.hpp"

namespace finpost::detail {

namespace {

using kind = frame_spec::kind;
using checksum = frame_spec::checksum;

constexpr std::byte etx{0x03};

} // namespace

std::string_view end_mark(const frame_spec& spec) noexcept {
    switch (spec.type) {
    case kind::line:
        return "\n";
    case kind::delimiter:
        return spec.delimiter;
    case kind::stx_etx:
        return "\x03";
    case kind::mllp:
        return "\x1c\r";
    default:
        return {};
    }
}

void frame_check::add(std::span<const std::byte> bytes) noexcept {
    if (which_ == checksum::none) return;
    for (const std::byte each : bytes) {
        const auto byte = std::to_integer<std::uint8_t>(each);
        value_ = static_cast<std::uint8_t>(which_ == checksum::lrc ? value_ ^ byte : value_ + byte);
    }
}

void frame_check::add_etx() noexcept { add({&etx, 1}); }

std::size_t frame_check::size() const noexcept {
    switch (which_) {
    case checksum::lrc:
        return 1;
    case checksum::sum:
        return longest;
    case checksum::none:
        break;
    }
    return 0;
}

std::array<char, frame_check::longest> frame_check::text() const noexcept {
    constexpr std::string_view digits = "0123456789ABCDEF";
    if (which_ == checksum::lrc) return {static_cast<char>(value_)};
    return {digits[value_ >> 4], digits[value_ & 0xf], '\r', '\n'};
}

} // namespace finpost::detail
