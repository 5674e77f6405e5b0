// Gives every file of a corpus to its harness: what g++ builds have of the fuzzers, and what
// measures coverage.
//
//   test_fuzz NAME FOLDER...

#include "replay.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

// CMake names them: FINPOST_HARNESS(admin) FINPOST_HARNESS(base64) ...
#define FINPOST_HARNESS(name) \
    extern "C" int fuzz_##name(const std::uint8_t* data, std::size_t size);
FINPOST_HARNESSES
#undef FINPOST_HARNESS

namespace {

struct harness {
    std::string_view name;
    int (*call)(const std::uint8_t* data, std::size_t size);
};

#define FINPOST_HARNESS(name) harness{#name, fuzz_##name},
constexpr harness all[] = {FINPOST_HARNESSES};
#undef FINPOST_HARNESS

} // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc > 1 ? argv[1] : "";
    std::size_t n = 0;
    for (const harness& one : all) {
        if (one.name != name) continue;
        for (int i = 2; i < argc; ++i) n += finpost::fuzz::replay(one.call, argv[i]);
    }
    std::printf("%zu inputs\n", n);
    return n > 0 ? 0 : 1;
}
