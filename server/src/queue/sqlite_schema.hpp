#pragma once

#include "queue/sqlite.hpp"

#include "finpost/result.hpp"

#include <optional>

namespace finpost::detail {

/// The version of the schema that is written. One version before can be read, and is brought up to
/// it; a newer one is refused.
inline constexpr int queue_schema_version = 1;

/// Sets what a connection has to know, then makes the schema in an empty database or checks the one
/// that is there. `ordered`: rows of one source become due one after another; nothing: as they are.
/// Gives which of the two holds. Fails in words.
parsed<bool> prepare_schema(sqlite_database& database, std::optional<bool> ordered);

} // namespace finpost::detail
