// What must hold after every schedule: one function each, with a name.
#pragma once

#include "sim/history.hpp"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::sim {

using sentences = std::vector<std::string>;

struct invariant {
    std::string_view name;
    sentences (*holds)(const history&); ///< what is wrong; empty when it holds
};

std::span<const invariant> invariants();

/// All of them: "name: sentence".
sentences judge(const history& all);

} // namespace finpost::sim
