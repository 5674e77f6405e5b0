#include "config/flag_texts.hpp"

#include <array>

namespace finpost {

namespace {

const std::array first{
    flag_text{"--config", "FILE", "the configuration file, in TOML; SIGHUP reads it again",
              "FINPOST_CONFIG", "none"},
    flag_text{"--check", "",
              "checks the configuration and what it needs of this machine, prints all of it as a "
              "file, and exits with 0, or with 2 and every problem"},
    flag_text{"--connect", "",
              "with --check: also connects to each endpoint of the upstream, and asks for its "
              "health path"},
};

const std::array last{
    flag_text{"--health", "",
              "asks the admin port of a running gateway whether it serves: exit code 0 or 1"},
    flag_text{"--generate", "man|bash|zsh|fish|markdown|toml|schema",
              "prints a reference of all this: a manual page, what a shell completes, a table, a "
              "configuration file with every default, or its JSON schema"},
    flag_text{"--version", "", "prints the version"},
    flag_text{"--help, -h", "", "prints this"},
};

flag_text described(const option_row& row) {
    const auto defaults = row.default_texts();
    return {row.flag,
            row.value,
            row.meaning,
            row.environment(),
            defaults.empty() ? std::string(row.without) : defaults.front(),
            row.repeatable()};
}

} // namespace

std::vector<flag_text> flag_texts() {
    std::vector<flag_text> all(first.begin(), first.end());
    for (const option_row& row : option_table()) all.push_back(described(row));
    all.insert(all.end(), last.begin(), last.end());
    return all;
}

} // namespace finpost
