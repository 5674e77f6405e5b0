#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <type_traits>
#include <utility>

namespace finpost {

template <class Signature>
class shared_function;

/// A function object of any type, behind one type: what a `handler` is.
///
/// Copies share the function object. It may therefore be one that can only be moved, such as a
/// lambda that has a `std::unique_ptr` in it, and it lives until the last copy goes. Without a
/// function object a call throws std::bad_function_call. A call passes arguments, result and
/// exceptions on.
///
/// Threads: a call is as thread safe as the function object, which copies share. Copying and
/// destroying copies is thread safe; the function object is destroyed by the thread that drops the
/// last one.
template <class R, class... Args>
class shared_function<R(Args...)> {
public:
    /// No function.
    shared_function() noexcept = default;
    shared_function(std::nullptr_t) noexcept {}

    /// Takes `function`; none for a null pointer and an empty std::function. Throws std::bad_alloc.
    template <class F>
    requires(!std::is_same_v<F, shared_function> && std::is_invocable_r_v<R, F&, Args...>)
        shared_function(F function) {
        if (is_there(function)) call_ = std::make_shared<holder<F>>(std::move(function));
    }

    explicit operator bool() const noexcept { return call_ != nullptr; }

    R operator()(Args... args) const {
        if (call_ == nullptr) throw std::bad_function_call();
        return call_->call(std::forward<Args>(args)...);
    }

private:
    struct callable {
        virtual ~callable() = default;
        virtual R call(Args&&... args) = 0;
    };
    template <class F>
    struct holder final : callable {
        explicit holder(F given) : function(std::move(given)) {}
        R call(Args&&... args) override {
            return std::invoke(function, std::forward<Args>(args)...);
        }
        F function;
    };

    template <class F>
    static bool is_there(F* const& function) noexcept {
        return function != nullptr;
    }
    template <class S>
    static bool is_there(const std::function<S>& function) noexcept {
        return function != nullptr;
    }
    template <class F>
    requires(!std::is_pointer_v<F>) static bool is_there(const F&) noexcept { return true; }

    std::shared_ptr<callable> call_;
};

} // namespace finpost
