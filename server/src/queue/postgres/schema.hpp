#pragma once

#include "queue/postgres/statement.hpp"

#include "finpost/result.hpp"

#include <cstdint>
#include <string>

namespace finpost::detail {

/// The version of the tables that this finpost knows.
inline constexpr std::int64_t postgres_schema_version = 1;

/// What makes the tables, in one transaction.
postgres_statements schema_statements();
/// Notes whether the server waits for standbys.
postgres_statements note_standbys();

/// What a server says about itself, as far as a queue wants to know it.
struct postgres_server {
    std::string synchronous_commit, fsync, standbys, encoding;
    bool has_tables = false;
    bool unsuitable = false; ///< one of the servers: no queue can be kept there as it is
    std::string missing_rights;
    // Of the settings' row:
    std::int64_t version = 0;
    bool ordered = false;
    bool standbys_wanted = false;
};

/// Asks for the first part, and takes the limits on a statement's time away: a commit that is
/// broken off is not known to have been made.
postgres_statements ask_server();
void read_server(const std::vector<postgres_answer>& answers, postgres_server& into);
/// The settings' row, where there are tables.
postgres_statements ask_settings();
void read_settings(const std::vector<postgres_answer>& answers, postgres_server& into);

/// Why a queue must not be kept there, naming the setting; nothing when it can. `unsafe`: settings
/// that may lose payloads do not count.
parsed<void> judge_durability(const postgres_server& server, bool unsafe);
/// Why a gateway cannot work there.
parsed<void> judge_tables(const postgres_server& server);

/// Makes the rows of one source due one after another, or all of them.
postgres_statements change_order(bool ordered);

} // namespace finpost::detail
