#include "upstream/response_guard.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace {

using finpost::detail::response_guard;

// As a forwarder does: reserve what the guard wants, fill it, hand it over.
bool read_response(const std::string& response) {
    response_guard guard(16u << 20, nullptr);
    for (std::size_t at = 0; at < response.size();) {
        if (guard.buffer().writable().empty() && !guard.buffer().reserve(guard.read_size_hint()))
            return false;
        const auto buffer = guard.buffer().writable();
        const std::size_t n = std::min(buffer.size(), response.size() - at);
        std::memcpy(buffer.data(), response.data() + at, n);
        at += n;
        switch (guard.received(n)) {
        case response_guard::state::more:
            continue;
        case response_guard::state::complete:
            return at == response.size() && guard.reusable();
        case response_guard::state::failed:
            return false;
        }
    }
    return false;
}

void run(benchmark::State& state, const std::string& response) {
    for ([[maybe_unused]] auto each : state)
        if (!read_response(response)) return state.SkipWithError("not accepted");
    state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(response.size()));
}

void response_guard_sized(benchmark::State& state) {
    const auto size = static_cast<std::size_t>(state.range(0));
    run(state, "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
                   std::to_string(size) + "\r\n\r\n" + std::string(size, 'x'));
}

void response_guard_chunked(benchmark::State& state) {
    std::string response = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::int64_t left = state.range(0); left > 0; left -= 1024)
        response += "400\r\n" + std::string(1024, 'x') + "\r\n";
    run(state, response + "0\r\n\r\n");
}

// What a common framework answers with.
void response_guard_many_fields(benchmark::State& state) {
    std::string response = "HTTP/1.1 200 OK\r\n";
    for (int i = 0; i < 20; ++i)
        response += "X-Field-" + std::to_string(i) + ": a value of some length, as they are\r\n";
    run(state, response + "Content-Length: 2\r\n\r\nok");
}

} // namespace

BENCHMARK(response_guard_sized)->Arg(1 << 10)->Arg(64 << 10)->Arg(1 << 20);
BENCHMARK(response_guard_chunked)->Arg(1 << 10)->Arg(64 << 10);
BENCHMARK(response_guard_many_fields);
