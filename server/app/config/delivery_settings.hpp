#pragma once

#include "finpost/delivery_queue.hpp"
#include "finpost/postgres_queue.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace finpost {

/// What becomes of a listener's payloads.
enum class delivery_mode {
    relay,    ///< the service answers while the client waits
    queue,    ///< stored, a receipt, delivered later
    fallback, ///< relayed, and stored when the service does not answer
};

enum class delivery_order {
    none,
    source, ///< of one client address
};

/// Of a listener.
struct listener_delivery {
    delivery_mode mode = delivery_mode::relay;
    friend bool operator==(const listener_delivery&, const listener_delivery&) = default;
};

/// Of an upstream. The name and the client's patience in `queue` are set when it is made.
struct upstream_delivery {
    delivery_config queue;
    delivery_order order = delivery_order::none;
    idempotency_key key = idempotency_key::id;
    friend bool operator==(const upstream_delivery&, const upstream_delivery&) = default;
};

/// Where payloads are kept: in a directory, or in a database. Sizes are bytes.
struct queue_settings {
    std::string directory;
    std::string database;         ///< a URL as libpq reads it, without a password
    std::string password_file;    ///< of the database; empty: none but what libpq finds by itself
    bool database_unsafe = false; ///< also where its settings let payloads be lost
    std::uint64_t max_bytes = std::uint64_t{1} << 30;
    duration timeout{10'000}; ///< of a client that waits for its receipt

    bool there_is_one() const noexcept { return !directory.empty() || !database.empty(); }
    friend bool operator==(const queue_settings&, const queue_settings&) = default;
};

/// Every problem of it, by the names of its options.
std::vector<config_problem> validate(const queue_settings& settings);

/// The database's part of it. `name`: whose connections and whose share of the books.
postgres_queue_config database_of(const queue_settings& settings, std::string name);

} // namespace finpost
