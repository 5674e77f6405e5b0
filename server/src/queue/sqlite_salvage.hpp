#pragma once

#include "queue/sqlite.hpp"

#include "finpost/result.hpp"

#include <cstdint>
#include <string>

namespace finpost::detail {

/// What became of the rows of a damaged database.
struct salvaged_rows {
    std::int64_t copied = 0;
    std::int64_t without_body = 0; ///< of these: their bytes could not be read
    std::int64_t lost = 0;         ///< known to have been there
};

/// Copies what can be read of `from` into a new database at `path`, which is whole and on stable
/// storage afterwards. Rows are read one by one, by what every index and the table itself say of
/// them. Fails in words.
parsed<salvaged_rows> salvage_rows(sqlite_database& from, const std::string& path, bool ordered);

} // namespace finpost::detail
