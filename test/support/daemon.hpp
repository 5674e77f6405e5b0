#pragma once

#include "support/child_process.hpp"
#include "support/daemon_lines.hpp"
#include "support/raw_client.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// `finpostd` as a process, for flow tests. Whoever includes this is compiled with FINPOSTD_PATH.

namespace finpost::test {

using strings = std::vector<std::string>;

/// `finpostd` with whatever it is given.
class bare_gateway {
public:
    explicit bare_gateway(strings flags, strings variables = {})
        : process_(with_program(std::move(flags)), std::move(variables)) {}

    child_process& process() { return process_; }
    std::string log() const { return process_.error(); }
    /// The exit code, or -1 when it still runs.
    int ended(child_process::milliseconds limit = std::chrono::seconds(20)) {
        return process_.wait(limit).value_or(-1);
    }

    /// Waits for the line that names the addresses.
    void wait_ready() { BOOST_REQUIRE_MESSAGE(process_.wait_for_error("\"pid\":"), log()); }
    socket_address listens() const {
        const std::string all = logged(log(), "ready", "listen");
        return address(all.substr(0, all.find(',')));
    }
    socket_address admin() const { return address(logged(log(), "ready", "admin")); }

    std::string get(const std::string& target, const std::string& method = "GET") {
        return http_get(admin(), target, method);
    }
    /// A sample of /metrics, or -1.
    double sample(const std::string& name) {
        const std::string page = get("/metrics");
        const std::size_t at = page.find('\n' + name + ' ');
        return at == page.npos ? -1 : std::strtod(page.c_str() + at + name.size() + 2, nullptr);
    }

private:
    static strings with_program(strings flags) {
        flags.insert(flags.begin(), FINPOSTD_PATH);
        return flags;
    }
    child_process process_;
};

/// `finpostd --demo` on ports of its own, ready.
class demo_gateway : public bare_gateway {
public:
    explicit demo_gateway(strings more = {}, strings variables = {})
        : bare_gateway(with_usual(std::move(more)), std::move(variables)) {
        wait_ready();
    }

private:
    static strings with_usual(strings more) {
        const strings usual{"--demo",      "--listen",     "127.0.0.1:0", "--admin",
                            "127.0.0.1:0", "--log-format", "json"};
        more.insert(more.begin(), usual.begin(), usual.end());
        return more;
    }
};

} // namespace finpost::test
