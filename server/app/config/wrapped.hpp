#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace finpost {

/// `text` in lines of at most `width` columns that break at spaces; each but the first begins with
/// `indent`, and the first has room for one before it.
inline std::string wrapped(std::string_view text, std::string_view indent, std::size_t width) {
    std::string out;
    std::size_t used = indent.size();
    while (!text.empty()) {
        const std::string_view word = text.substr(0, text.find(' '));
        text.remove_prefix(std::min(text.size(), word.size() + 1));
        if (used + word.size() > width && used > indent.size()) {
            (out += '\n') += indent;
            used = indent.size();
        }
        if (used > indent.size()) out += ' ';
        out += word;
        used += word.size() + 1;
    }
    return out;
}

} // namespace finpost
