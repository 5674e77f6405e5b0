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

struct salvage_rules {
    bool ordered = false;
    /// What the disk fails to read (`is_unread`) is given up, like what is damaged. Otherwise that
    /// is a failure: another time it may be read.
    bool without_unread = false;
};

/// Copies what can be read of `from` into a new database at `path`, which is whole and on stable
/// storage afterwards. Rows are read one by one, by what every index and the table itself say of
/// them. Fails in words.
parsed<salvaged_rows> salvage_rows(sqlite_database& from, const std::string& path,
                                   const salvage_rules& rules);

} // namespace finpost::detail
