#include "log/log_line.hpp"

#include <benchmark/benchmark.h>

#include <array>
#include <string>

namespace {

using finpost::log_field;

// The access line of an exchange.
const std::array<log_field, 12> fields{{
    {"id", "019360a1-7c2e-7b1f-9d3c-5f4e3d2c1b0a"},
    {"peer", "127.0.0.1:40000"},
    {"bytes_in", std::int64_t{1024}},
    {"bytes_out", std::int64_t{1024}},
    {"outcome", "replied"},
    {"reason", ""},
    {"upstream", "127.0.0.1:3000"},
    {"status", std::int64_t{200}},
    {"receive_ms", 0.123},
    {"upstream_ms", 1.456},
    {"reply_ms", 0.012},
    {"client_gone", false},
}};

template <auto Line>
void log_line(benchmark::State& state) {
    const auto now = std::chrono::system_clock::now();
    std::string line;
    for ([[maybe_unused]] auto each : state) {
        line.clear();
        Line(line, now, finpost::log_level::info, "exchange", fields);
        benchmark::DoNotOptimize(line.data());
    }
}

} // namespace

BENCHMARK(log_line<finpost::append_text_line>)->Name("log_line_text");
BENCHMARK(log_line<finpost::append_json_line>)->Name("log_line_json");
