#include "queue/crc32c.hpp"

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

namespace finpost::detail {

namespace {

using table = std::array<std::array<std::uint32_t, 256>, 8>;

// `tables[k][b]` is the effect of byte `b` that stands `k` bytes before the end: eight bytes a step
// instead of one.
constexpr table make_tables() {
    table made{};
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
        std::uint32_t crc = byte;
        for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82f63b78u : 0u);
        made[0][byte] = crc;
    }
    for (std::size_t k = 1; k < made.size(); ++k)
        for (std::size_t byte = 0; byte < 256; ++byte)
            made[k][byte] = (made[k - 1][byte] >> 8) ^ made[0][made[k - 1][byte] & 0xff];
    return made;
}

constexpr table tables = make_tables();

std::uint32_t eight_bytes(std::uint32_t state, const std::byte* data) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, data, sizeof word);
    word ^= state;
    std::uint32_t next = 0;
    for (std::size_t i = 0; i < 8; ++i) next ^= tables[7 - i][(word >> (8 * i)) & 0xff];
    return next;
}

} // namespace

void crc32c::update(std::span<const std::byte> data) noexcept {
    std::uint32_t state = state_;
    if constexpr (std::endian::native == std::endian::little) {
        for (; data.size() >= 8; data = data.subspan(8)) state = eight_bytes(state, data.data());
    }
    for (const std::byte each : data)
        state = (state >> 8) ^ tables[0][(state ^ std::to_integer<std::uint32_t>(each)) & 0xff];
    state_ = state;
}

result<std::uint32_t> checksum_of(const payload& body) {
    std::array<std::byte, 64 << 10> piece; // NOLINT(cppcoreguidelines-init-variables)
    crc32c sum;
    if (!body.spilled()) sum.update(body.bytes());
    for (std::uint64_t at = 0; body.spilled() && at < body.size();) {
        const auto n = body.read(at, piece);
        if (!n) return n.error();
        if (*n == 0) return error_code(EIO, boost::system::system_category());
        sum.update(std::span(piece).first(*n));
        at += *n;
    }
    return sum.value();
}

} // namespace finpost::detail
