#include "upstream/content_codings.hpp"

#include "upstream/field_text.hpp"

#include <algorithm>
#include <cstddef>

namespace finpost::detail {

namespace {

// "gzip" and "x-gzip" are one coding (RFC 9110 §8.4.1.3).
std::string canonical(std::string_view coding) {
    std::string out(coding);
    for (char& c : out) c = ascii_lower(c);
    if (out == "x-gzip" || out == "x-compress") out.erase(0, 2);
    return out;
}

// "q=0", "q=0.000": not acceptable (RFC 9110 §12.4.2).
bool has_no_weight(std::string_view parameters) {
    const std::size_t equal = parameters.find('=');
    if (equal == parameters.npos || !equals(trimmed(parameters.substr(0, equal)), "q"))
        return false;
    const std::string_view weight = trimmed(parameters.substr(equal + 1));
    return !weight.empty() && weight.find_first_not_of("0.") == weight.npos;
}

} // namespace

content_codings::content_codings(std::string_view accepted) {
    each_element(accepted, [this](std::string_view element) {
        const std::size_t semicolon = std::min(element.find(';'), element.size());
        const std::string_view coding = trimmed(element.substr(0, semicolon));
        if (semicolon < element.size() && has_no_weight(element.substr(semicolon + 1))) return;
        if (coding == "*")
            any_ = true;
        else
            named_.push_back(canonical(coding));
    });
}

bool content_codings::cover(std::string_view applied) const {
    bool all = true;
    each_element(applied, [&](std::string_view coding) { all = all && accepts(coding); });
    return all;
}

// "identity" is no coding; that it stands there is untidy and harmless.
bool content_codings::accepts(std::string_view coding) const {
    if (any_ || equals(coding, "identity")) return true;
    return std::find(named_.begin(), named_.end(), canonical(coding)) != named_.end();
}

} // namespace finpost::detail
