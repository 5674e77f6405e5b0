#pragma once

#include "finpost/error.hpp"
#include "finpost/payload.hpp"
#include "finpost/result.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace finpost::detail {

class tls_layer;

/// This thread's room for what is on its way between a socket and a file: 256 KiB that no exchange
/// holds, and that must not be held across a co_await.
std::span<std::byte> passing_buffer();

/// That a payload's file has failed, and the system's own word for it in one value. Its category
/// tells it from what a connection says.
error_code file_error(int system_error) noexcept;
bool is_file_error(const error_code& ec) noexcept;

/// Reads bytes of a payload from `from` on, until `buffer` is full or there are no more. Fails with
/// a `file_error`.
result<std::size_t> read_piece(const payload& body, std::uint64_t from,
                               std::span<std::byte> buffer) noexcept;

/// Sends bytes of a spilled payload from `from` on, as many as the kernel takes and a piece has.
/// Says `error::would_block`, what the connection says, or a `file_error`.
result<std::size_t> send_piece(int socket, const payload& body, std::uint64_t from) noexcept;
result<std::size_t> send_piece(tls_layer& tls, const payload& body, std::uint64_t from);

} // namespace finpost::detail
