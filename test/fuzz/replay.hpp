#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace finpost::fuzz {

/// Gives every file of a corpus to a harness; how many there were.
inline std::size_t replay(int (*harness)(const std::uint8_t* data, std::size_t size),
                          const std::filesystem::path& folder) {
    std::size_t n = 0;
    for (const auto& each : std::filesystem::directory_iterator(folder)) {
        std::ifstream file(each.path(), std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), {}};
        // Behind each other in the output: the last name is that of the file which ended the
        // process.
        std::fprintf(stderr, "%s\n", each.path().filename().c_str());
        harness(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
        ++n;
    }
    return n;
}

} // namespace finpost::fuzz
