#include "config/toml_depth.hpp"

#include <algorithm>
#include <string>

namespace finpost {

namespace {

// A walk over what is outside of strings.
class depth_finder {
public:
    explicit depth_finder(std::string_view text) : text_(text) {}

    // The line on which something is too deep; 0 when nothing is.
    std::size_t too_deep() {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '"' || c == '\'') {
                skip_string(c);
                continue;
            }
            if (c == '#')
                at_ = std::min(text_.find('\n', at_), text_.size());
            else
                take(c);
            if (dots_ > most_depth || brackets_ > most_depth) return line_;
        }
        return 0;
    }

private:
    void take(char c) {
        ++at_;
        if (c == '\n') ++line_;
        if (c == '.')
            ++dots_;
        else if (c == '\n' || c == '=' || c == ',' || c == '[' || c == ']' || c == '{' || c == '}')
            dots_ = 0;
        if (c == '[' || c == '{')
            ++brackets_;
        else if ((c == ']' || c == '}') && brackets_ > 0)
            --brackets_;
    }

    bool ahead(std::string_view what) const { return text_.substr(at_).starts_with(what); }

    // Behind the string. Where one is wrong the parser goes no further, and what comes is of no
    // matter.
    void skip_string(char quote) {
        const std::string three(3, quote);
        const bool many_lines = ahead(three);
        at_ += many_lines ? 3 : 1;
        for (; at_ < text_.size(); ++at_) {
            if (text_[at_] == '\n') {
                if (!many_lines) return;
                ++line_;
            } else if (text_[at_] == '\\' && quote == '"') {
                if (at_ + 1 < text_.size() && text_[++at_] == '\n') ++line_;
            } else if (text_[at_] == quote && (!many_lines || ahead(three))) {
                at_ += many_lines ? 3 : 1;
                // One or two more belong to the text before.
                for (int i = 0; many_lines && i < 2 && at_ < text_.size() && text_[at_] == quote;
                     ++i)
                    ++at_;
                return;
            }
        }
    }

    const std::string_view text_;
    std::size_t at_ = 0, line_ = 1, dots_ = 0, brackets_ = 0;
};

} // namespace

std::size_t too_deep_line(std::string_view text) { return depth_finder(text).too_deep(); }

} // namespace finpost
