#pragma once

#include "support/child_process.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

// `finpost` as a process, for flow tests. Whoever includes this is compiled with FINPOST_PATH.

namespace finpost::test {

/// What a command has said, and its exit code.
struct finished {
    int code;
    std::string output, error;
};

/// Runs `finpost` to its end, which has to come within a minute.
inline finished run_finpost(std::vector<std::string> arguments, std::string input = {}) {
    arguments.insert(arguments.begin(), FINPOST_PATH);
    child_process child(std::move(arguments), {}, std::move(input));
    const auto code = child.wait(std::chrono::seconds(60));
    BOOST_REQUIRE(code);
    return {*code, child.output(), child.error()};
}

inline bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

} // namespace finpost::test
