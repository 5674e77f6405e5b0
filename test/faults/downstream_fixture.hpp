#pragma once

#include "support/gateway_fixture.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include <sys/resource.h>

namespace finpost::test {

/// Processor time of this process so far.
inline std::chrono::microseconds processor_time() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    const auto of = [](const timeval& t) {
        return std::chrono::seconds(t.tv_sec) + std::chrono::microseconds(t.tv_usec);
    };
    return of(used.ru_utime) + of(used.ru_stime);
}

/// A gateway for clients with a fault, in front of an echo. Descriptors, buffered bytes and the sum
/// of all outcomes are checked by the gateway fixture when the case ends.
struct downstream_fixture : gateway_fixture {
    /// Another client is served meanwhile.
    void expect_served() {
        const auto got = exchange("another client");
        BOOST_TEST(got.bytes == "another client");
        BOOST_TEST((got.how == raw_client::ending::fin));
    }

    /// The upstream has seen nothing but what `expect_served` sent.
    void expect_nothing_forwarded() {
        for (const auto& seen : upstream.requests()) BOOST_TEST(seen.body == "another client");
    }

    /// The access line with this reason; waits for it.
    log_recorder::record line_with(std::string_view reason) {
        const auto has = [&](const auto& line) { return line.at("reason") == reason; };
        log_recorder::record found;
        BOOST_REQUIRE_MESSAGE(until([&] {
                                  const auto lines = log.of("exchange");
                                  const auto at = std::find_if(lines.begin(), lines.end(), has);
                                  if (at != lines.end()) found = *at;
                                  return at != lines.end();
                              }),
                              "no access line says " << reason);
        return found;
    }

    /// The access line of an exchange that was cut, and its count among the aborted.
    log_recorder::record expect_aborted(std::string_view reason) {
        auto line = line_with(reason);
        BOOST_TEST(line.at("outcome") == "aborted");
        BOOST_TEST(counters.aborted.value() >= 1u);
        return line;
    }
};

} // namespace finpost::test
