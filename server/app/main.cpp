#include "check.hpp"
#include "daemon.hpp"
#include "health_check.hpp"
#include "options.hpp"

#include "finpost/version.hpp"

#include <cstdio>
#include <exception>

namespace {

void tell(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) std::fprintf(stderr, "finpostd: %s\n", line.c_str());
}

int check(const finpost::options& given) {
    const finpost::check_result result = finpost::check_machine(given.config);
    tell(result.problems);
    tell(result.notes);
    if (!result.problems.empty()) return 2;
    std::fputs(finpost::effective_config(given.config).c_str(), stdout);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    try {
        const finpost::options given = finpost::read_options(argc, argv);
        if (given.what == finpost::options::action::help) {
            std::fputs(finpost::help_text().c_str(), stdout);
            return 0;
        }
        if (given.what == finpost::options::action::version) {
            std::puts("finpostd " FINPOST_VERSION);
            return 0;
        }
        tell(given.problems);
        if (!given.problems.empty()) return 2;
        if (given.what == finpost::options::action::health) {
            const std::chrono::seconds limit(3);
            const std::string cause = finpost::check_health(given.config.admin, limit);
            if (!cause.empty()) std::fprintf(stderr, "finpostd: %s\n", cause.c_str());
            return cause.empty() ? 0 : 1;
        }
        if (given.what == finpost::options::action::check) return check(given);
        return finpost::run_daemon(given);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "finpostd: %s\n", error.what());
        return 1;
    }
}
