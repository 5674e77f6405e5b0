#pragma once

#include "finpost/event_loops.hpp"

#include <chrono>
#include <functional>
#include <memory>

namespace finpost {

/// Says again and again that every event loop runs, as long as that is so: what a watchdog wants to
/// hear. A loop that is stuck in a handler makes it fall silent.
class loops_alive {
public:
    using period = std::chrono::steady_clock::duration;

    /// `say` is called once each loop has run something of ours since the last time, every `every`:
    /// on the loop that came last, never twice at once. It does not throw, and outlives the loops.
    /// No step after this constructor needs memory.
    loops_alive(const event_loops& loops, period every, std::function<void()> say);

    /// Nothing is said from now on, but for what is being said.
    ~loops_alive();
    loops_alive(const loops_alive&) = delete;
    loops_alive& operator=(const loops_alive&) = delete;

private:
    struct state;
    const std::shared_ptr<state> state_;
};

} // namespace finpost
