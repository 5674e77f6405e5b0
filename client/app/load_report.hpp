#pragma once

#include "load_engine.hpp"
#include "load_plan.hpp"

#include <string>

namespace finpost {

/// A run for people: a few aligned lines.
std::string text_report(const load_plan& plan, const load_result& result);

/// A run for programs: one JSON object on one line. Times in microseconds, sizes in bytes; every
/// key is always there.
std::string json_report(const load_plan& plan, const load_result& result);

} // namespace finpost
