#pragma once

#include "finpost/client.hpp"

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace finpost {

/// What every command that connects once is told.
struct connection_options {
    host_port target;
    duration connect{5'000}, total{30'000};
    bool with_tls = false;
    tls_options tls;
    std::optional<proxy_options> proxy;
    bool verbose = false;
};

/// The options of a connection as text, until all of them are read: CLI11 stops at the first problem.
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

/// What `options` mean for the library. Reads the files of TLS; empty, with a sentence to `problems` for each
/// that is wrong, when it cannot. What is merely doubtful is a sentence of `warnings`.
std::optional<client_options> prepare(const connection_options& options,
                                      std::vector<std::string>& problems,
                                      std::vector<std::string>& warnings);

/// "connection: family=..." and "tls: ...", as far as `result` came; each with its line end.
std::string describe(const exchange_result& result);

} // namespace finpost
