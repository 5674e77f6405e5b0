#include "daemon.hpp"
#include "options.hpp"

#include <cstdio>
#include <exception>

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
        for (const std::string& problem : given.problems)
            std::fprintf(stderr, "finpostd: %s\n", problem.c_str());
        if (!given.problems.empty()) return 2;
        return finpost::run_daemon(given.config);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "finpostd: %s\n", error.what());
        return 1;
    }
}
