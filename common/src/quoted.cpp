#include "quoted.hpp"

#include <array>
#include <cstdio>

namespace finpost::detail {

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (byte >= 0x20 && byte < 0x7f) {
            out += c;
        } else {
            std::array<char, 5> hex{};
            std::snprintf(hex.data(), hex.size(), "\\x%02x", byte);
            out += hex.data();
        }
    }
    return out;
}

std::string in_quotes(std::string_view text) {
    constexpr std::size_t most = 60;
    return '"' + printable(text.substr(0, most)) + (text.size() > most ? "...\"" : "\"");
}

parse_error fault_at(std::size_t at, std::string_view what) {
    return {"has at byte " + std::to_string(at + 1) + " a " + std::string(what)};
}

} // namespace finpost::detail
