#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace finpost::detail {

/// The CRC-32C (RFC 3720 §B.4) of bytes that come piece by piece.
class crc32c {
public:
    void update(std::span<const std::byte> data) noexcept;
    std::uint32_t value() const noexcept { return ~state_; }

private:
    std::uint32_t state_ = ~std::uint32_t{0};
};

} // namespace finpost::detail
