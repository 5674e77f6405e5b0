#include "command_reference.hpp"
#include "load.hpp"
#include "probe.hpp"
#include "queue/queue_command.hpp"
#include "send.hpp"

#include "finpost/version.hpp"

#include <cerrno>
#include <cstdio>
#include <exception>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

namespace {

// No socket may get the number of a standard descriptor that the caller has closed: it would be
// read as the payload, or written to. What stands there instead can be neither read nor written.
void occupy_standard_descriptors() {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
        if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
        static_cast<void>(::open("/dev/null", O_PATH)); // takes the lowest free number: this one
    }
}

} // namespace

int main(int argc, char** argv) {
    using action = finpost::command_line::action;
    occupy_standard_descriptors();
    try {
        if (argc > 1 && argv[1] == std::string_view("load"))
            return finpost::load(argc - 1, argv + 1);
        if (argc > 1 && argv[1] == std::string_view("queue"))
            return finpost::queue(argc - 1, argv + 1);
        if (argc > 1 && argv[1] == std::string_view("--generate"))
            return finpost::generate(argc == 3 ? argv[2] : "");
        const finpost::command_line line = finpost::read_command_line(argc, argv);
        if (line.what == action::help) return std::fputs(line.help.c_str(), stdout), 0;
        if (line.what == action::version) return std::puts("finpost " FINPOST_VERSION), 0;
        for (const std::string& problem : line.problems)
            std::fprintf(stderr, "finpost: %s\n", problem.c_str());
        if (!line.problems.empty()) return 2;
        return line.what == action::probe ? finpost::probe(line.probe) : finpost::send(line.send);
    } catch (const std::exception& bug) {
        std::fprintf(stderr, "finpost: %s\n", bug.what());
        return 6;
    }
}
