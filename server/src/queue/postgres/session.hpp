#pragma once

#include "queue/postgres/connection.hpp"
#include "queue/postgres/schema.hpp"
#include "queue/postgres/target.hpp"

#include "finpost/postgres_queue.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>

namespace finpost::detail {

/// What the connections of one store have in common.
struct postgres_settings {
    postgres_queue_config config;
    postgres_target target;
    /// Leaves the order as it is in the database: for who only looks after a queue.
    bool keep_order = false;
};

/// How long one server may take to answer before others are asked.
postgres_connection::clock::duration patience_of(const postgres_settings& settings);

/// A connection to the first host that takes writes; what the server says of itself, in `server`.
/// Whether the queue can be kept there is judged but for its tables: with `tables` those too.
/// Fails in words that name the host.
enum class needed_tables { none, all };
boost::asio::awaitable<parsed<std::shared_ptr<postgres_connection>>>
connect_postgres(boost::asio::any_io_executor sequence, const postgres_settings& settings,
                 needed_tables tables, postgres_server& server);

/// Runs `what`, and fails with what the server says of the first statement that it refuses.
boost::asio::awaitable<parsed<void>>
run_all(postgres_connection& connection, const postgres_statements& what, postgres_outcome& out);

} // namespace finpost::detail
