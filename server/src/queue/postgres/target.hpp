#pragma once

#include "queue/postgres/connection.hpp"

#include "finpost/postgres_queue.hpp"
#include "finpost/result.hpp"

#include <string>
#include <vector>

namespace finpost::detail {

/// Where a queue's database is: what `postgres_queue_config` says, taken apart.
struct postgres_target {
    struct host {
        std::string name; ///< a name, an address, or the folder of a Unix socket; empty: libpq's
        std::string port; ///< empty: libpq's
    };
    /// At least one.
    std::vector<host> hosts;
    /// libpq's parameters beside these: what the URL says, and what it leaves open.
    postgres_connection::parameters common;
};

/// Fails in words, which repeat nothing of the URL that may be a secret.
parsed<postgres_target> read_target(const postgres_queue_config& config);

/// The text of a file without its line end; nothing of an empty name. Fails in words.
parsed<std::string> read_password(const std::string& file);

/// "db1.test:5432".
std::string to_string(const postgres_target::host& host);

} // namespace finpost::detail
