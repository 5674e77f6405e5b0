#pragma once

#include "support/daemon.hpp"
#include "support/gateway_fixture.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace finpost::test {

/// `finpostd` with a queue in a folder of its own, in front of a service that does what it is told.
struct queue_gateway {
    std::string queue() const { return (folder.path() / "queue").string(); }
    strings flags(strings more = {}) const {
        strings all{"--upstream",    "http://" + to_string(upstream.address()) + "/upload",
                    "--listen",      "127.0.0.1:0",
                    "--admin",       "127.0.0.1:0",
                    "--log-format",  "json",
                    "--queue-dir",   queue(),
                    "--retry-first", "50ms",
                    "--retry-most",  "200ms"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    void begin(strings more = {"--delivery", "queue"}) {
        gateway.emplace(flags(std::move(more)));
        gateway->wait_ready();
    }
    /// The id in the receipt.
    std::string stored(std::string_view payload) {
        const std::string got = exchange(gateway->listens(), payload).bytes;
        BOOST_TEST(got.starts_with("finpost: queued "), got);
        return got.size() == 53 ? got.substr(16, 36) : got;
    }
    void end() {
        gateway->process().signal(SIGTERM);
        BOOST_TEST(gateway->ended() == 0);
    }
    void kill() {
        gateway->process().signal(SIGKILL);
        BOOST_REQUIRE(gateway->ended() == 128 + SIGKILL);
    }

    temporary_folder folder;
    scripted_upstream upstream;
    std::optional<bare_gateway> gateway;
};

} // namespace finpost::test
