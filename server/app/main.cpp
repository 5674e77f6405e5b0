#include "admin/health_check.hpp"
#include "check.hpp"
#include "config/effective_config.hpp"
#include "config/help.hpp"
#include "config/options.hpp"
#include "config/references.hpp"
#include "connect_check.hpp"
#include "daemon.hpp"
#include "quoted.hpp"

#include "finpost/version.hpp"

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

namespace {

void tell(const std::vector<std::string>& lines) {
    // What somebody wrote must not move the cursor of whoever reads about it.
    for (const std::string& line : lines)
        std::fprintf(stderr, "finpostd: %s\n", finpost::detail::printable(line).c_str());
}

// The last line of --check. The exit code.
int verdict(std::size_t problems) {
    if (problems == 0)
        tell({"the configuration is good"});
    else
        tell({std::to_string(problems) + (problems == 1 ? " problem" : " problems")});
    return problems == 0 ? 0 : 2;
}

int check(const finpost::options& options) {
    finpost::check_result result = finpost::check_machine(options.config);
    if (options.connect) finpost::check_connections(options.config, result);
    tell(result.problems);
    tell(result.notes);
    if (result.problems.empty())
        std::fputs(finpost::effective_config(options.config).c_str(), stdout);
    std::fflush(stdout); // the verdict is the last line, also where both go to the same place
    return verdict(result.problems.size());
}

int generate(const std::string& kind) {
    const auto text = finpost::reference_of(kind);
    if (text)
        std::fputs(text->c_str(), stdout);
    else
        tell({"--generate: " + finpost::detail::in_quotes(kind) +
              ": expected man, bash, zsh, fish, markdown, toml or schema"});
    return text ? 0 : 2;
}

} // namespace

int main(int argc, char** argv) {
    try {
        const finpost::options options = finpost::read_options(argc, argv);
        if (options.what == finpost::options::action::help) {
            std::fputs(finpost::help_text().c_str(), stdout);
            return 0;
        }
        if (options.what == finpost::options::action::version) {
            std::puts("finpostd " FINPOST_VERSION);
            return 0;
        }
        if (options.what == finpost::options::action::generate) return generate(options.reference);
        tell(options.problems);
        const bool checks = options.what == finpost::options::action::check;
        if (!options.problems.empty()) return checks ? verdict(options.problems.size()) : 2;
        if (options.what == finpost::options::action::health) {
            const std::chrono::seconds limit(3);
            const std::string cause = finpost::check_health(options.config.admin, limit);
            if (!cause.empty()) std::fprintf(stderr, "finpostd: %s\n", cause.c_str());
            return cause.empty() ? 0 : 1;
        }
        if (checks) return check(options);
        return finpost::run_daemon(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "finpostd: %s\n", error.what());
        return 1;
    }
}
