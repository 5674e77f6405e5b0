#pragma once

#include "finpost/payload.hpp"
#include "finpost/result.hpp"

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

/// Of a payload, piece by piece where it is in a file: pages that are mapped can end in a SIGBUS.
/// Fails when that cannot be read.
result<std::uint32_t> checksum_of(const payload& body);

} // namespace finpost::detail
