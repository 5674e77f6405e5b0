#pragma once

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/prefer.hpp>

#include <functional>
#include <memory>
#include <new>
#include <utility>

namespace finpost::detail {

/// The end of one asynchronous operation: its handler, and outstanding work on the handler's
/// executor until it has been called.
///
/// `asio::any_completion_handler` hides the handler and hands on its executor, allocator and
/// cancellation slot. In Boost 1.81 it lacks what is done here:
/// - it has no outstanding work. `asio::executor_work_guard` is no help: its constructor is
///   `noexcept` and allocates for this type of executor;
/// - it copies the handler's executor by `std::nothrow`, which leaves an empty one without memory.
///   Such an executor must not be used;
/// - it cannot be assigned to: its move assignment does not compile.
template <class... Results>
class completion {
public:
    using handler_type = boost::asio::any_completion_handler<void(Results...)>;

    /// The handler's executor is `otherwise` when it has none. Throws std::bad_alloc.
    completion(handler_type handler, const boost::asio::any_io_executor& otherwise)
        : handler_(std::move(handler)),
          executor_(boost::asio::get_associated_executor(handler_, otherwise)) {
        if (!executor_) throw std::bad_alloc();
        executor_ =
            boost::asio::prefer(executor_, boost::asio::execution::outstanding_work.tracked);
    }

    /// A cancellation of any type calls `cancel`, on the handler's executor. Before the operation
    /// begins. It may still be called when the operation has ended, as with operations of Asio's:
    /// the slot is the host's, and is not touched again.
    void on_cancel(std::function<void()> cancel) {
        auto slot = handler_.get_cancellation_slot();
        if (slot.is_connected())
            slot.assign([cancel = std::move(cancel)](boost::asio::cancellation_type) { cancel(); });
    }

    /// Calls the handler on its executor, from any thread: at once where that is possible, for its
    /// type of executor cannot post. Therefore not from where the operation begins. `self` is kept
    /// until then, and not while the handler runs. Throws std::bad_alloc, and may be called again
    /// then.
    static void complete(std::shared_ptr<completion> self, Results... results) {
        const boost::asio::any_completion_executor executor = self->executor_;
        boost::asio::dispatch(
            executor, [self = std::move(self), ... results = std::move(results)]() mutable {
                if (!self->handler_) return; // a handler that threw was called all the same
                handler_type handler = std::move(self->handler_);
                self->executor_ = nullptr; // the handler begins work of its own, or none
                self.reset();
                std::move(handler)(std::move(results)...);
            });
    }

private:
    handler_type handler_;
    boost::asio::any_completion_executor executor_;
};

} // namespace finpost::detail
