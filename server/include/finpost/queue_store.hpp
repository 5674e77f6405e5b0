#pragma once

#include "finpost/asio_settings.hpp"
#include "finpost/error.hpp"
#include "finpost/export.hpp"
#include "finpost/queue_error.hpp"
#include "finpost/queued_payload.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace finpost {

/// Payloads on stable storage, until they are delivered or somebody decides: the seam between
/// durable delivery and the place where it keeps payloads. Where nothing else is said, an operation
/// does all that it was asked for or nothing.
///
/// The store has a clock of its own. Times go through this door as durations, so that the clocks of
/// several gateways, and one that is set, do no harm.
///
/// Completion: on the handler's associated executor, else on `get_executor()`, and never from
/// within the call. The handler may be one that can only be moved.
/// Cancellation: of any type, completes at once. `asio::error::operation_aborted`: it had not begun
/// and is withdrawn, nothing is stored or changed. `queue_error::failed`: it had begun, and goes
/// on. Errors: `queue_error`. After `full`, `not_found` and `not_held` nothing has changed.
/// Exceptions: std::bad_alloc when there is no memory to begin with. The handler is not called
/// then.
/// Threads: every function may be called from any thread, several at once.
/// Lifetime: the store may be destroyed at any time. What has been asked for is still done.
class FINPOST_EXPORT queue_store {
public:
    using executor_type = boost::asio::any_io_executor;
    using milliseconds = std::chrono::milliseconds;

    virtual ~queue_store() = default;
    queue_store(const queue_store&) = delete;
    queue_store& operator=(const queue_store&) = delete;

    /// Where handlers without an executor are called.
    virtual executor_type get_executor() const noexcept = 0;

    /// Why the store does nothing any more, in words: every operation fails with
    /// `queue_error::failed` then, and only a restart helps. Nothing while it works.
    virtual std::optional<std::string> fatal() const = 0;

    /// Why the place where it keeps payloads cannot be reached now, in words: operations wait until
    /// it can be, and fail when their time is over. Nothing while it can, and of a store that is
    /// always where its process is.
    virtual std::optional<std::string> unavailable() const { return std::nullopt; }

    /// Stores all of `batch` or nothing. Without an error it is on stable storage: a receipt may be
    /// given. An id that is there already is left as it is. `void(error_code)`.
    template <class CompletionToken>
    auto async_put(std::vector<new_payload> batch, CompletionToken&& token) {
        return initiate<&queue_store::put>(std::forward<CompletionToken>(token), std::move(batch));
    }

    /// Takes up to `most` (1,000 at the most) payloads for `upstream` that are due, those first
    /// that have been due for the longest, and gives them to `owner` for `lease`. When that has run
    /// out, they are due again. Where the store keeps the order of sources, only the oldest payload
    /// of a client address is due. One that is damaged is set aside and not given.
    /// `void(error_code, claimed_payloads)`.
    template <class CompletionToken>
    auto async_claim(std::size_t most, milliseconds lease, std::string owner, std::string upstream,
                     CompletionToken&& token) {
        return initiate<&queue_store::claim, claimed_payloads>(std::forward<CompletionToken>(token),
                                                               most, lease, std::move(owner),
                                                               std::move(upstream));
    }

    /// Forgets them, whoever has them. `void(error_code, std::size_t)` says how many there were.
    template <class CompletionToken>
    auto async_delivered(std::vector<request_id> ids, CompletionToken&& token) {
        return initiate<&queue_store::delivered, std::size_t>(std::forward<CompletionToken>(token),
                                                              std::move(ids));
    }

    /// It is due again in `retry_in`. `void(error_code)`: `not_held` when it is no longer held by
    /// that claim.
    template <class CompletionToken>
    auto async_failed(held_payload held, milliseconds retry_in, attempt_failure why,
                      CompletionToken&& token) {
        return initiate<&queue_store::failed>(std::forward<CompletionToken>(token), std::move(held),
                                              retry_in, std::move(why));
    }

    /// It becomes a dead letter. `void(error_code)`, as with `async_failed`.
    template <class CompletionToken>
    auto async_dead(held_payload held, attempt_failure why, CompletionToken&& token) {
        return initiate<&queue_store::dead>(std::forward<CompletionToken>(token), std::move(held),
                                            std::move(why));
    }

    /// What is there, without the bytes: `void(error_code, std::vector<queue_entry>)`.
    template <class CompletionToken>
    auto async_list(queue_filter filter, queue_page page, CompletionToken&& token) {
        return initiate<&queue_store::list, std::vector<queue_entry>>(
            std::forward<CompletionToken>(token), std::move(filter), page);
    }

    /// One with its bytes, as far as they can be read: `void(error_code,
    /// std::optional<stored_payload>)`.
    template <class CompletionToken>
    auto async_show(request_id id, CompletionToken&& token) {
        return initiate<&queue_store::show, std::optional<stored_payload>>(
            std::forward<CompletionToken>(token), id);
    }

    /// Those that do not wait wait again, due at once and as if they were new; what waits stays as
    /// it is. `void(error_code, std::size_t)` says how many; all are done when none is left.
    template <class CompletionToken>
    auto async_replay(queue_filter filter, queue_page page, CompletionToken&& token) {
        return initiate<&queue_store::replay, std::size_t>(std::forward<CompletionToken>(token),
                                                           std::move(filter), page);
    }

    /// Removes them for good, whatever state they are in. `void(error_code, std::size_t)`, as with
    /// `async_replay`.
    template <class CompletionToken>
    auto async_drop(queue_filter filter, queue_page page, CompletionToken&& token) {
        return initiate<&queue_store::drop, std::size_t>(std::forward<CompletionToken>(token),
                                                         std::move(filter), page);
    }

    /// `void(error_code, queue_stats)`.
    template <class CompletionToken>
    auto async_stats(CompletionToken&& token) {
        return initiate<&queue_store::stats, queue_stats>(std::forward<CompletionToken>(token));
    }

protected:
    template <class... Results>
    using completion_handler = boost::asio::any_completion_handler<void(error_code, Results...)>;

    queue_store() = default;

private:
    // Each begins the operation and returns; none calls its handler from within.
    virtual void put(std::vector<new_payload> batch, completion_handler<> done) = 0;
    virtual void claim(std::size_t most, milliseconds lease, std::string owner,
                       std::string upstream, completion_handler<claimed_payloads> done) = 0;
    virtual void delivered(std::vector<request_id> ids, completion_handler<std::size_t> done) = 0;
    virtual void failed(held_payload held, milliseconds retry_in, attempt_failure why,
                        completion_handler<> done) = 0;
    virtual void dead(held_payload held, attempt_failure why, completion_handler<> done) = 0;
    virtual void list(queue_filter filter, queue_page page,
                      completion_handler<std::vector<queue_entry>> done) = 0;
    virtual void show(request_id id, completion_handler<std::optional<stored_payload>> done) = 0;
    virtual void replay(queue_filter filter, queue_page page,
                        completion_handler<std::size_t> done) = 0;
    virtual void drop(queue_filter filter, queue_page page,
                      completion_handler<std::size_t> done) = 0;
    virtual void stats(completion_handler<queue_stats> done) = 0;

    // What a token's handler begins: the virtual function `operation`, whose last parameter is the
    // handler. It has the others with it: a coroutine takes no aggregate by value (g++ 12).
    template <auto operation, class... Args>
    class initiation {
    public:
        using executor_type = queue_store::executor_type;

        explicit initiation(queue_store& of, Args... args) noexcept
            : of_(&of), args_(std::move(args)...) {}
        executor_type get_executor() const noexcept { return of_->get_executor(); }
        template <class Handler>
        void operator()(Handler&& done) {
            std::apply(
                [&](Args&... args) {
                    (of_->*operation)(std::move(args)..., std::forward<Handler>(done));
                },
                args_);
        }

    private:
        queue_store* of_;
        std::tuple<Args...> args_;
    };

    template <auto operation, class... Results, class CompletionToken, class... Args>
    auto initiate(CompletionToken&& token, Args... args) {
        return boost::asio::async_initiate<CompletionToken, void(error_code, Results...)>(
            initiation<operation, Args...>(*this, std::move(args)...), token);
    }
};

} // namespace finpost
