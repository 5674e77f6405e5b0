#include "finpost/base64.hpp"

#include <benchmark/benchmark.h>

#include <random>
#include <string>
#include <vector>

namespace {

namespace base64 = finpost::base64;

std::vector<std::byte> random_bytes(std::size_t n) {
    std::mt19937 random(1);
    std::vector<std::byte> out(n);
    for (std::byte& each : out) each = static_cast<std::byte>(random() & 0xff);
    return out;
}

void base64_encode(benchmark::State& state) {
    const auto in = random_bytes(static_cast<std::size_t>(state.range(0)));
    std::string out(base64::encoded_size(in.size()), '\0');
    for ([[maybe_unused]] auto each : state)
        benchmark::DoNotOptimize(base64::encode(in, out.data()));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

void base64_decode(benchmark::State& state) {
    const auto original = random_bytes(static_cast<std::size_t>(state.range(0)));
    std::vector<std::byte> in(base64::encoded_size(original.size()));
    base64::encode(original, reinterpret_cast<char*>(in.data()));
    std::vector<std::byte> out(base64::decoded_size(in.size()));
    for ([[maybe_unused]] auto each : state) {
        const auto decoded = base64::decode(in, out.data());
        if (decoded.error) return state.SkipWithError("not decoded");
    }
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(in.size()));
}

} // namespace

BENCHMARK(base64_encode)->Arg(1 << 10)->Arg(64 << 10)->Arg(1 << 20);
BENCHMARK(base64_decode)->Arg(1 << 10)->Arg(64 << 10)->Arg(1 << 20);
