// The whole gateway under a fuzzer: its bytes are what the plan is drawn from, and then the
// simulated kernel's dice.
#include "sim/shrink.hpp"
#include "sim/world.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iostream>

using namespace finpost::sim;

namespace {

constexpr std::size_t most_clients = 4; // many more inputs a second

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// libFuzzer has an `operator new` of its own, and the simulator's `operator delete`.
extern "C" const char* __asan_default_options();
extern "C" const char* __asan_default_options() { return "alloc_dealloc_mismatch=0"; }

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    rng::tape = {data, size};
    plan what = draw(0);
    if (what.clients.size() > most_clients) what.clients.resize(most_clients);
    const auto dice = rng::tape;
    const run_result got = run(what);
    rng::tape = {};
    if (got.wrong.empty()) return 0;
    rng::tape = dice;
    constexpr std::size_t lines = 100;
    const run_result again = run(what, lines);
    rng::tape = {};
    print(std::cerr, what);
    for (const std::string& line : again.trace) std::fprintf(stderr, "%s\n", line.c_str());
    for (const std::string& one : got.wrong)
        std::fprintf(stderr, "DOES NOT HOLD: %s\n", one.c_str());
    std::abort();
}
