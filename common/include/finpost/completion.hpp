#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>

#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

// Asio was compiled with these. Without the first, a program has two objects for each of Asio's own
// error categories, and `asio::error::eof` from finpost is not equal to its own. Without the
// second, functions such as `basic_socket::close(error_code&)` return an `error_code` instead of
// nothing under the same name, and a call of the other one crashes.
#if !defined(BOOST_ASIO_SEPARATE_COMPILATION) || !defined(BOOST_ASIO_NO_DEPRECATED)
#error \
    "Compile with the definitions of finpost's Asio: link finpost::server or finpost::client, or ask pkg-config"
#endif

/// What stands between a completion token and compiled code: no part of the interface.
namespace finpost::detail {

/// Cancels an operation, from any thread; does nothing when it has ended.
using cancel_function = std::function<void()>;

/// Starts an operation that completes with `Results`, for whatever handler a completion token made.
/// Here is all that one asks for: its associated executor (`otherwise` where it has none),
/// outstanding work on it, and its cancellation slot.
///
/// `start(done, arm)` begins it. It hands `arm` what cancels it before anything can complete: with
/// several threads it may have ended before `start` returns, and a slot must not be touched after
/// that. `done` is called once, from any thread, and never from within `start`.
template <class... Results, class Handler, class Start>
void start_for(Handler&& last, const boost::asio::any_io_executor& otherwise, const Start& start) {
    namespace asio = boost::asio;
    using last_type = std::decay_t<Handler>;
    using work_type =
        asio::executor_work_guard<asio::associated_executor_t<last_type, asio::any_io_executor>>;
    struct waiting {
        last_type last;
        work_type work;
    };
    auto slot = asio::get_associated_cancellation_slot(last);
    auto work = asio::make_work_guard(asio::get_associated_executor(last, otherwise));
    auto kept = std::make_shared<waiting>(waiting{std::forward<Handler>(last), std::move(work)});
    std::function<void(Results...)> done = [kept, slot](Results... results) {
        auto executor = kept->work.get_executor();
        // The slot belongs to the handler's executor, where cancellations are emitted.
        asio::dispatch(executor, [kept, slot, ... results = std::move(results)]() mutable {
            if (slot.is_connected()) slot.clear();
            last_type call = std::move(kept->last);
            kept.reset(); // what the handler starts may need the memory, and the work is done
            std::move(call)(std::move(results)...);
        });
    };
    const std::function<void(cancel_function)> arm = [slot](cancel_function cancel) mutable {
        if (slot.is_connected())
            slot.assign([cancel = std::move(cancel)](asio::cancellation_type) { cancel(); });
    };
    start(std::move(done), arm);
}

} // namespace finpost::detail
