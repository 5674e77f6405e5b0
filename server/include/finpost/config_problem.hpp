#pragma once

#include "finpost/export.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace finpost {

/// One thing that is wrong in a configuration: the field's name as in the aggregate, and what is
/// wrong.
struct FINPOST_EXPORT config_problem {
    std::string field;
    std::string message;
};

/// Thrown by constructors that were given a bad configuration; `what()` lists every problem.
class FINPOST_EXPORT config_error : public std::invalid_argument {
public:
    explicit config_error(std::vector<config_problem> problems);
    const std::vector<config_problem>& problems() const noexcept { return problems_; }

private:
    std::vector<config_problem> problems_;
};

} // namespace finpost
