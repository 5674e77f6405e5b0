#pragma once

#include "finpost/payload.hpp"
#include "finpost/result.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace finpost::detail {

/// The SHA-256 of a payload (FIPS 180-4) in 64 hexadecimal digits. Others have their turn between
/// its pieces. Fails when its file cannot be read, and with `not_enough_memory`.
boost::asio::awaitable<result<std::string>> sha256_of(const payload& of);

} // namespace finpost::detail
