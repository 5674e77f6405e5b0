#include "finpost/watchdog.hpp"

#include "finpost/deadline.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace std::chrono_literals;
using finpost::deadline;
using finpost::watchdog;

void deadline_progress(benchmark::State& state) {
    auto now = std::chrono::steady_clock::now();
    deadline limit(now, 10s, 60s);
    for ([[maybe_unused]] auto each : state) {
        limit.progress(now += 1us);
        benchmark::DoNotOptimize(limit.due(now));
    }
}

struct far_alarm : watchdog::alarm {
    void look_earlier(watchdog::clock::time_point when) override {
        next_look = when.time_since_epoch().count();
    }
};

// What the limits of one exchange cost in all: three stages, each with an operation that could be
// cancelled, and some reads. The clock is most of it.
void watchdog_exchange(benchmark::State& state) {
    far_alarm alarm;
    for ([[maybe_unused]] auto each : state) {
        watchdog dog(&alarm);
        for (const auto why : {finpost::reason::receive_timeout, finpost::reason::upstream_timeout,
                               finpost::reason::internal}) {
            const watchdog::guard cancel(dog, [&dog] { benchmark::DoNotOptimize(&dog); });
            dog.watch(10s, 60s, why);
            dog.progress();
            benchmark::DoNotOptimize(dog.error());
        }
        dog.rest();
    }
}

} // namespace

BENCHMARK(deadline_progress);
BENCHMARK(watchdog_exchange);
