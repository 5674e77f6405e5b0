#pragma once

#include "finpost/payload.hpp"
#include "finpost/request_id.hpp"

#include <cstdint>
#include <string>

namespace finpost::test {

/// What a payload of that id has for its bytes: none up to some kilobytes, and once in a while
/// enough for a file.
std::string body_of(const request_id& id);

/// Puts payloads into the store in `directory`, several at once, and delivers some, until it is
/// killed. Each line that it writes is one word and one id: `stored` and `gone` when the store has
/// said so, `delivering` before it is told. 1: it could not begin.
int run_store_child(const std::string& directory, std::uint64_t seed);

} // namespace finpost::test
