#pragma once

#include "support/child_process.hpp"
#include "support/temporary_folder.hpp"

#include <libpq-fe.h>

#include <memory>
#include <string>
#include <vector>

namespace finpost::test {

/// A PostgreSQL of its own: made in a temporary folder, reached by a Unix socket in it, and gone
/// with everything in the end. When the test runs as root it runs as somebody else, which it wants.
class postgres_server {
public:
    /// Whether one is installed; says so when not, as `can_run` does.
    static bool there();

    /// Made and started. Throws std::runtime_error with what it said.
    postgres_server();
    ~postgres_server();
    postgres_server(const postgres_server&) = delete;
    postgres_server& operator=(const postgres_server&) = delete;

    /// `start` waits until it takes connections, `kill` (SIGKILL) until its process has ended.
    void start();
    void kill();

    /// For a user with all rights, or another one; `more` are parameters: "a=b&c=d".
    std::string url(const std::string& more = {}, const std::string& user = "finpost") const;
    /// In its folder: where a proxy connects to.
    std::string socket() const;

    /// Runs statements as a user with all rights, and gives the first value of the last. Throws
    /// std::runtime_error.
    std::string sql(const std::string& statements) const;
    /// A setting of the whole server, from now on.
    void set(const std::string& name, const std::string& value) const;
    void reset(const std::string& name) const;

private:
    std::vector<std::string> as_its_user(std::vector<std::string> command) const;

    temporary_folder folder_;
    std::unique_ptr<child_process> process_;
};

/// The one of this test program, started when it is first asked for.
postgres_server& shared_postgres();

/// `text` as it may stand in a URL.
std::string url_encoded(const std::string& text);

} // namespace finpost::test
