// A configuration file: whatever it says, everything that is wrong is told in plain lines, and a
// configuration that is taken is shown as a file that says the same.

#include "config/config_file.hpp"

#include "config/configure.hpp"
#include "config/effective_config.hpp"
#include "fuzz.hpp"

#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::fuzz;

namespace {

struct told {
    daemon_config config;
    std::vector<std::string> problems;
};

told read(std::string_view text) {
    told out;
    const config_file file = parse_config_file(text, "file.toml", out.problems);
    for (const std::string& one : out.problems)
        must(one.starts_with("file.toml:"), "a problem of the file names its line");
    // What is in memory need not be tried on this machine's disk.
    given_values given;
    if ((text.find("spill") == text.npos))
        given.emplace("--spill-above", given_value{{"off"}, "--spill-above", {}});
    out.config = configure(given, file, out.problems);
    for (const std::string& one : out.problems)
        must(is_printable(one), "a problem is one line of plain text");
    return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const exact_copy copy({reinterpret_cast<const char*>(data), size});
    const told first = read(copy.text());
    if (!first.problems.empty()) return 0;
    must(!first.config.listeners.empty() && !first.config.upstreams.empty(),
         "there is something to run");
    // What is shown has lost its secrets, but not its form.
    const std::string shown = effective_config(first.config);
    const told second = read(shown);
    if (!second.problems.empty())
        std::fprintf(stderr, "%s\n%s\n", shown.c_str(), second.problems[0].c_str());
    must(second.problems.empty(), "what is shown can be read");
    must(effective_config(second.config) == shown, "and is shown the same");
    if (shown.find("********") != shown.npos) return 0;
    daemon_config a = first.config, b = second.config;
    a.written = b.written = {}; // how it was written may differ: secrets and defaults
    must(a == b, "each field is what it was");
    return 0;
}
