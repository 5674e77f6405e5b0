#include "send.hpp"

#include <cstdio>
#include <exception>

int main(int argc, char** argv) {
    using action = finpost::command_line::action;
    try {
        const finpost::command_line line = finpost::read_command_line(argc, argv);
        if (line.what == action::help) return std::fputs(line.help.c_str(), stdout), 0;
        if (line.what == action::version) return std::puts("finpost " FINPOST_VERSION), 0;
        for (const std::string& problem : line.problems)
            std::fprintf(stderr, "finpost: %s\n", problem.c_str());
        return line.problems.empty() ? finpost::send(line.send) : 2;
    } catch (const std::exception& bug) {
        std::fprintf(stderr, "finpost: %s\n", bug.what());
        return 6;
    }
}
