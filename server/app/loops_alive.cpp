#include "loops_alive.hpp"

#include "async/alarm_clock.hpp"

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <utility>
#include <vector>

namespace finpost {

using detail::alarm_clock;

struct loops_alive::state : std::enable_shared_from_this<state> {
    state(period every_, std::function<void()> say_) : every(every_), say(std::move(say_)) {}

    void begin(const event_loops& loops) {
        ran.resize(loops.executors().size());
        for (std::size_t i = 0; i < ran.size(); ++i) {
            const auto ring = [i, self = weak_from_this()] {
                if (const auto there = self.lock()) there->runs(i);
            };
            clocks.push_back(std::make_unique<alarm_clock>(loops.executors()[i], ring));
        }
        for (const auto& each : clocks) each->set(alarm_clock::clock::now());
    }

    // On the loop itself.
    void runs(std::size_t loop) noexcept {
        clocks[loop]->set(alarm_clock::clock::now() + every);
        const std::lock_guard lock(mutex);
        ran[loop] = true;
        if (!std::all_of(ran.begin(), ran.end(), [](bool each) { return each; })) return;
        ran.assign(ran.size(), false);
        say();
    }

    const period every;
    const std::function<void()> say;
    std::vector<std::unique_ptr<alarm_clock>> clocks; // one for each loop
    std::mutex mutex;
    std::vector<bool> ran; // since it was said last; under the mutex
};

loops_alive::loops_alive(const event_loops& loops, period every, std::function<void()> say)
    : state_(std::make_shared<state>(every, std::move(say))) {
    state_->begin(loops);
}

loops_alive::~loops_alive() {
    for (const auto& each : state_->clocks) each->clear();
}

} // namespace finpost
