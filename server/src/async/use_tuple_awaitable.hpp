#pragma once

#include "finpost/error.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/associator.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <exception>
#include <memory>
#include <new>
#include <tuple>
#include <type_traits>
#include <utility>

namespace finpost::detail {

/// The completion token of whatever a coroutine waits for:
///
///     auto [ec] = co_await socket.async_wait(what, use_tuple_awaitable);
///
/// It is `as_tuple(use_awaitable)` of operations that give an error and perhaps more, but an
/// operation that cannot begin for want of memory throws std::bad_alloc where it is awaited. With
/// Asio's own token the exception goes to whoever runs the event loop, and the coroutine is
/// destroyed without a word to itself or to whoever has spawned it.
struct use_tuple_awaitable_t {};
inline constexpr use_tuple_awaitable_t use_tuple_awaitable{};

/// The same for operations that may still fail when they have taken their handler, as a timer's
/// wait, where Asio's list of timers grows last, and a store's: what it is asked for waits in a
/// list of its own. One more allocation.
struct use_shared_tuple_awaitable_t {};
inline constexpr use_shared_tuple_awaitable_t use_shared_tuple_awaitable{};

/// Asio's own, for a coroutine that may end that way: errors are values too.
inline constexpr auto use_plain_tuple_awaitable = boost::asio::as_tuple(boost::asio::use_awaitable);

// A completion handler that knows whether the operation has taken it over.
template <class Handler, class... Results>
class kept_handler {
public:
    explicit kept_handler(Handler handler) : handler_(std::move(handler)) {}
    kept_handler(kept_handler&& other) noexcept
        : handler_(std::move(other.handler_)), here_(std::exchange(other.here_, false)) {}

    bool here() const noexcept { return here_; }
    const Handler& inner() const noexcept { return handler_; }
    void operator()(error_code ec, Results... results) {
        complete(nullptr, ec, std::move(results)...);
    }
    void fail(std::exception_ptr why) { complete(std::move(why), {}, Results{}...); }

private:
    void complete(std::exception_ptr why, error_code ec, Results... results) {
        here_ = false;
        std::move(handler_)(std::move(why), std::make_tuple(ec, std::move(results)...));
    }

    Handler handler_;
    bool here_ = true;
};

// One that is also held here, so that it is there when the operation has failed.
template <class Handler, class... Results>
class shared_handler {
public:
    using kept = kept_handler<Handler, Results...>;

    explicit shared_handler(std::shared_ptr<kept> of) : of_(std::move(of)) {}
    const Handler& inner() const noexcept { return of_->inner(); }
    void operator()(error_code ec, Results... results) const {
        if (of_->here()) (*of_)(ec, std::move(results)...);
    }

private:
    const std::shared_ptr<kept> of_; // const: it can be asked when it was moved from
};

template <bool shared, class Initiation, class... Results>
class guarded_initiation {
public:
    explicit guarded_initiation(Initiation begin) : begin_(std::move(begin)) {}

    // An operation allocates its memory before it takes its handler.
    template <class Handler, class... Args>
    void operator()(Handler&& handler, Args&&... args) {
        using kept_type = kept_handler<std::decay_t<Handler>, Results...>;
        kept_type kept(std::forward<Handler>(handler));
        std::shared_ptr<kept_type> cell;
        std::exception_ptr failed;
        try {
            if constexpr (shared) {
                cell = std::make_shared<kept_type>(std::move(kept));
                shared_handler<std::decay_t<Handler>, Results...> ours(cell);
                std::move(begin_)(std::move(ours), std::forward<Args>(args)...);
            } else {
                std::move(begin_)(std::move(kept), std::forward<Args>(args)...);
            }
            return; // the coroutine may have gone on, and this with it
        } catch (const std::bad_alloc&) {
            if (!kept.here() && !(cell && cell->here())) throw;
            failed = std::current_exception();
        }
        if (cell)
            cell->fail(std::move(failed));
        else
            kept.fail(std::move(failed));
    }

private:
    Initiation begin_;
};

} // namespace finpost::detail

namespace finpost::detail {

template <bool shared, class... Results>
struct tuple_awaitable_result {
    using return_type = boost::asio::awaitable<std::tuple<error_code, Results...>>;

    template <class Initiation, class Token, class... Args>
    static return_type initiate(Initiation&& begin, Token&&, Args&&... args) {
        namespace asio = boost::asio;
        using guarded = guarded_initiation<shared, std::decay_t<Initiation>, Results...>;
        using result = void(std::exception_ptr, std::tuple<error_code, Results...>);
        return asio::async_initiate<const asio::use_awaitable_t<>, result>(
            guarded(std::forward<Initiation>(begin)), asio::use_awaitable,
            std::forward<Args>(args)...);
    }
};

} // namespace finpost::detail

template <class... Results>
class boost::asio::async_result<finpost::detail::use_tuple_awaitable_t,
                                void(finpost::error_code, Results...)>
    : public finpost::detail::tuple_awaitable_result<false, Results...> {};

template <class... Results>
class boost::asio::async_result<finpost::detail::use_shared_tuple_awaitable_t,
                                void(finpost::error_code, Results...)>
    : public finpost::detail::tuple_awaitable_result<true, Results...> {};

template <template <class, class> class Associator, class Handler, class... Results, class Default>
struct boost::asio::associator<Associator, finpost::detail::kept_handler<Handler, Results...>,
                               Default> : Associator<Handler, Default> {
    using kept = finpost::detail::kept_handler<Handler, Results...>;
    static auto get(const kept& handler) noexcept {
        return Associator<Handler, Default>::get(handler.inner());
    }
    static auto get(const kept& handler, const Default& otherwise) noexcept
        -> decltype(Associator<Handler, Default>::get(handler.inner(), otherwise)) {
        return Associator<Handler, Default>::get(handler.inner(), otherwise);
    }
};

template <template <class, class> class Associator, class Handler, class... Results, class Default>
struct boost::asio::associator<Associator, finpost::detail::shared_handler<Handler, Results...>,
                               Default> : Associator<Handler, Default> {
    using shared = finpost::detail::shared_handler<Handler, Results...>;
    static auto get(const shared& handler) noexcept {
        return Associator<Handler, Default>::get(handler.inner());
    }
    static auto get(const shared& handler, const Default& otherwise) noexcept
        -> decltype(Associator<Handler, Default>::get(handler.inner(), otherwise)) {
        return Associator<Handler, Default>::get(handler.inner(), otherwise);
    }
};
