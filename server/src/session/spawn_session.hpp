#pragma once

#include "session/accepted_client.hpp"
#include "session/session_context.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>

namespace finpost::detail {

/// Runs a session on `executor`: in a strand of its own, unless `one_thread` runs that. A bug that
/// ends it is logged. Throws std::bad_alloc where there is no memory for it; then the client was
/// reset and counted.
void spawn_session(const std::shared_ptr<const session_context>& context,
                   const boost::asio::any_io_executor& executor, bool one_thread,
                   accepted_client&& client);

} // namespace finpost::detail
