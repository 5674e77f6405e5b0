#pragma once

#include "finpost/client.hpp"

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace finpost {

/// The words of a command line up to the first `--`, which ends its options (POSIX, utility syntax
/// guideline 10), and those behind it, which are arguments whatever they begin with.
struct split_words {
    std::vector<const char*> before, behind;
};
split_words split_at_end_of_options(int argc, const char* const* argv);

/// The options of `cli` by their long names: for a suggestion.
std::vector<std::string> flags_of(const CLI::App& cli);

/// What every command that connects once is told.
struct connection_options {
    host_port target;
    duration connect{5'000}, total{35'000};
    bool with_tls = false;
    tls_options tls;
    std::optional<proxy_options> proxy;
    bool verbose = false;
};

/// The options of a connection as text, until all of them are read: CLI11 stops at the first
/// problem.
class connection_flags {
public:
    explicit connection_flags(CLI::App& cli);
    /// Adds a sentence to `problems` for each that is wrong.
    void read(connection_options& into, std::vector<std::string>& problems) const;

private:
    void read_tls(connection_options& into, std::vector<std::string>& problems) const;
    void read_proxy(connection_options& into, std::vector<std::string>& problems) const;

    bool verbose_ = false, tls_ = false;
    std::string connect_, total_;
    std::string ca_, cert_, key_, server_name_;
    std::string proxy_, source_, destination_;
};

/// What `options` mean for the library. Reads the files of TLS; empty, with a sentence to
/// `problems` for each that is wrong, when it cannot. What is merely doubtful is a sentence of
/// `warnings`.
std::optional<client_options> prepare(const connection_options& options,
                                      std::vector<std::string>& problems,
                                      std::vector<std::string>& warnings);

/// "connection: family=..." and "tls: ...", as far as `result` came; each with its line end.
std::string describe(const exchange_result& result);

} // namespace finpost
