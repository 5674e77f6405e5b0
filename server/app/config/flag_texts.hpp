#pragma once

#include "config/option_table.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace finpost {

/// A flag as people read about it: a setting, or what the command line alone knows.
struct flag_text {
    std::string_view flag;    ///< "--max-payload"
    std::string_view value;   ///< "SIZE"; empty for a switch
    std::string_view meaning; ///< one paragraph
    std::string environment = {};
    std::string by_default = {};
    bool repeatable = false;
};

/// All of them, in the order in which people should read about them.
std::vector<flag_text> flag_texts();

} // namespace finpost
