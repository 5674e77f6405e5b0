#include "policy/first_record.hpp"

#include <array>

namespace finpost::detail {

namespace {

constexpr std::size_t longest = 16 << 10; // of a record's content that nobody has encrypted

// The bytes that a record may begin with, one after the other: type, version, length.
bool begins_record(std::span<const unsigned char> bytes) noexcept {
    if (bytes.size() > 0 && (bytes[0] < 20 || bytes[0] > 24)) return false;
    if (bytes.size() > 1 && bytes[1] != 3) return false;
    return bytes.size() <= 2 || bytes[2] <= 4;
}

// A length with its first bit set, "ClientHello", and a version that is TLS's.
bool begins_old_hello(std::span<const unsigned char> bytes) noexcept {
    if (bytes.size() > 0 && (bytes[0] & 0x80) == 0) return false;
    if (bytes.size() > 2 && bytes[2] != 1) return false;
    return bytes.size() <= 3 || bytes[3] == 3;
}

} // namespace

first_record::first_record(std::span<const std::byte> begun) noexcept {
    std::array<unsigned char, enough> all{};
    const std::size_t n = begun.size() < enough ? begun.size() : enough;
    for (std::size_t i = 0; i < n; ++i) all[i] = std::to_integer<unsigned char>(begun[i]);
    const auto bytes = std::span<const unsigned char>(all).first(n);
    const bool old = begins_old_hello(bytes);
    if (!old && !begins_record(bytes)) {
        kind_ = kind::other;
    } else if (n == enough) {
        kind_ = kind::record;
        const std::size_t length = std::size_t{all[3]} << 8 | all[4];
        if (old)
            due_ = (std::size_t{all[0]} & 0x7f) << 8 | all[1];
        else if (length <= longest)
            due_ = enough + length;
        if (old) due_ += 2;
    }
}

} // namespace finpost::detail
