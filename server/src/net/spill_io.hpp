#pragma once

#include "finpost/payload.hpp"
#include "finpost/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace finpost {

class tls_layer;

/// This thread's room for what is on its way between a socket and a file: 256 KiB that no exchange
/// holds, and that must not be held across a co_await.
std::span<std::byte> passing_buffer();

/// Reads bytes of a payload from `from` on, until `buffer` is full or there are no more. A file
/// that fails is `reason::spill_failed`, as below.
result<std::size_t> read_piece(const payload& body, std::uint64_t from,
                               std::span<std::byte> buffer) noexcept;

/// Sends bytes of a spilled payload from `from` on, as many as the kernel takes and a piece has.
/// Says `error::would_block`, what the connection says, or `reason::spill_failed` when it is the
/// file that fails; the system's own word for that is in `errno` then.
result<std::size_t> send_piece(int socket, const payload& body, std::uint64_t from) noexcept;
result<std::size_t> send_piece(tls_layer& tls, const payload& body, std::uint64_t from);

} // namespace finpost
