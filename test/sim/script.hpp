// Peers inside the simulated kernel, written as coroutines.
#pragma once

#include "sim/kernel.hpp"

#include <exception>

namespace finpost::sim {

/// A script: runs at once, ends by itself, and is dropped when its kernel ends.
struct script {
    struct promise_type {
        script get_return_object() {
            kernel::current->frames.insert(
                std::coroutine_handle<promise_type>::from_promise(*this).address());
            return {};
        }
        ~promise_type() {
            kernel::current->frames.erase(
                std::coroutine_handle<promise_type>::from_promise(*this).address());
        }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_never final_suspend() noexcept { return {}; }
        void return_void() {}
        void unhandled_exception() { std::terminate(); }
    };
};

/// `co_await sleep(5 * ms)`
struct sleep {
    explicit sleep(nanos n) : span(n) {}
    nanos span;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> h) const {
        kernel::current->resume_at(kernel::current->now + span, h);
    }
    void await_resume() const {}
};

/// `co_await change(socket)`: until something happens to it.
struct change {
    explicit change(file& f) : of(f) {}
    file& of;
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> h) const { of.waiting = h; }
    void await_resume() const {}
};

} // namespace finpost::sim
