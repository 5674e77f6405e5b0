// Gives every file of a corpus to its harness: what g++ builds have of the fuzzers, and what measures coverage.
//
//   test_fuzz NAME FOLDER...

#include "fuzz.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

// CMake names them: FINPOST_HARNESS(admin) FINPOST_HARNESS(base64) ...
#define FINPOST_HARNESS(name) extern "C" int fuzz_##name(const std::uint8_t* data, std::size_t size);
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

std::size_t replay(const harness& one, const std::filesystem::path& folder) {
    std::size_t n = 0;
    for (const auto& each : std::filesystem::directory_iterator(folder)) {
        std::ifstream file(each.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        // Behind each other in the output: the last name is that of the file which ended the process.
        std::fprintf(stderr, "%s\n", each.path().filename().c_str());
        one.call(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        ++n;
    }
    return n;
}

} // namespace

int main(int argc, char** argv) {
    const std::string_view name = argc > 1 ? argv[1] : "";
    std::size_t n = 0;
    for (const harness& one : all) {
        if (one.name != name) continue;
        for (int i = 2; i < argc; ++i) n += replay(one, argv[i]);
    }
    std::printf("%zu inputs\n", n);
    return n > 0 ? 0 : 1;
}
