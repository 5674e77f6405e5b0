#include "finpost/exchange_deadline.hpp"

#include "finpost/deadline.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace std::chrono_literals;
using finpost::deadline;
using finpost::exchange_deadline;

void deadline_progress(benchmark::State& state) {
    auto now = std::chrono::steady_clock::now();
    deadline limit(now, 10s, 60s);
    for ([[maybe_unused]] auto each : state) {
        limit.progress(now += 1us);
        benchmark::DoNotOptimize(limit.due(now));
    }
}

struct far_timer : exchange_deadline::timer_source {
    void reschedule(exchange_deadline::clock::time_point when) override {
        next_check = when.time_since_epoch().count();
    }
};

// What the limits of one exchange cost in all: three stages, each with an operation that could be
// cancelled, and some reads. The clock is most of it.
void deadline_of_an_exchange(benchmark::State& state) {
    far_timer timer;
    for ([[maybe_unused]] auto each : state) {
        exchange_deadline deadline(&timer);
        for (const auto why : {finpost::reason::receive_timeout, finpost::reason::upstream_timeout,
                               finpost::reason::internal}) {
            const exchange_deadline::on_cancel cancel(
                deadline, [&deadline] { benchmark::DoNotOptimize(&deadline); });
            deadline.arm(10s, 60s, why);
            deadline.progress();
            benchmark::DoNotOptimize(deadline.error());
        }
        deadline.disarm();
    }
}

} // namespace

BENCHMARK(deadline_progress);
BENCHMARK(deadline_of_an_exchange);
