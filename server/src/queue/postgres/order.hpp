#pragma once

#include "finpost/postgres_queue.hpp"
#include "finpost/result.hpp"

namespace finpost::detail {

/// Whether the queue keeps the order of sources, for who looks at it and leaves that as it is.
/// Blocks and fails as `check_postgres_queue` does.
parsed<bool> order_of_postgres_queue(const postgres_queue_config& config);

} // namespace finpost::detail
