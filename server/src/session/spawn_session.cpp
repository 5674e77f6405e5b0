#include "session/spawn_session.hpp"

#include "async/sequence.hpp"
#include "session/session.hpp"

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

// What a session leaves behind when it ends: nothing, or a bug to report. It outlives the session's
// last step and the client's permit, and keeps the context for both.
struct report_end {
    std::shared_ptr<const session_context> context;
    void operator()(std::exception_ptr failed) const {
        if (!failed) return;
        try {
            tell(failed);
        } catch (...) {
            // No memory for a line: it is counted.
        }
    }
    void tell(const std::exception_ptr& failed) const {
        try {
            std::rethrow_exception(failed);
        } catch (const std::exception& bug) {
            context->log(log_level::error, "session failed", {{"what", bug.what()}});
        } catch (...) {
            context->log(log_level::error, "session failed", {{"what", "unknown"}});
        }
    }
};

} // namespace

void spawn_session(const std::shared_ptr<const session_context>& context,
                   const asio::any_io_executor& executor, bool one_thread,
                   accepted_client&& client) {
    const asio::any_io_executor strand = sequence_on(executor, one_thread);
    asio::co_spawn(strand, serve(context, strand, std::move(client)), report_end{context});
}

} // namespace finpost::detail
