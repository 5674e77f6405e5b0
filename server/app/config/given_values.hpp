#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace finpost {

/// A setting as it was written, and what a message about it begins with: "--listen", or
/// "finpost.toml:3: listen". Without a text it was written, but wrongly, which has been reported.
struct given_value {
    std::vector<std::string> texts;
    std::string where;
    std::string variable = {}; ///< the environment's that says so, which a message names as well
};

/// The settings of one source by flag: `--listen` -> {"127.0.0.1:5000"}.
using given_values = std::map<std::string_view, given_value>;

} // namespace finpost
