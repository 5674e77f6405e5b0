#pragma once

#include <cstdint>

namespace finpost::detail {

/// 64 random bits, from a generator of this thread that the system seeded. Identifiers and jitter
/// only: not for secrets.
std::uint64_t random_bits();

} // namespace finpost::detail
