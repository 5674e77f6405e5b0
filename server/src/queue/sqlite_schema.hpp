#pragma once

#include "queue/sqlite.hpp"

#include "finpost/result.hpp"

namespace finpost::detail {

/// The version of the schema that is written. One version before can be read, and is brought up to
/// it; a newer one is refused.
inline constexpr int queue_schema_version = 1;

/// Sets what a connection has to know, then makes the schema in an empty database or checks the one
/// that is there. `ordered`: rows of one source become due one after another. Fails in words.
parsed<void> prepare_schema(sqlite_database& database, bool ordered);

} // namespace finpost::detail
