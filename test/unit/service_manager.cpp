#include "service_manager.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <string>

#include <unistd.h>

using namespace finpost;
using namespace std::chrono_literals;

namespace {

service_environment taken(const char* usec, const std::string& pid = {}) {
    ::setenv("NOTIFY_SOCKET", "/run/notify", 1);
    ::setenv("WATCHDOG_USEC", usec, 1);
    if (!pid.empty()) ::setenv("WATCHDOG_PID", pid.c_str(), 1);
    return take_service_environment();
}

} // namespace

BOOST_AUTO_TEST_SUITE(service_manager)

BOOST_AUTO_TEST_CASE(what_it_says_is_taken_out_of_the_environment) {
    const service_environment found = taken("30000000", std::to_string(::getpid()));
    BOOST_TEST(found.notify_socket == "/run/notify");
    BOOST_TEST((found.watchdog == 30s));
    for (const char* const name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"})
        BOOST_TEST(std::getenv(name) == nullptr, name);
    const service_environment again = take_service_environment();
    BOOST_TEST(again.notify_socket == "");
    BOOST_TEST(!again.watchdog);
}

BOOST_AUTO_TEST_CASE(without_a_pid_it_is_meant_for_us_and_with_another_it_is_not) {
    BOOST_TEST((taken("1").watchdog == 1us));
    BOOST_TEST(!taken("1", std::to_string(::getppid())).watchdog);
    BOOST_TEST(!taken("1", std::to_string(::getpid()) + "1").watchdog);
}

BOOST_AUTO_TEST_CASE(what_is_no_time_asks_for_nothing) {
    for (const char* const bad : {"", "0", "-1", "1s", " 1", "99999999999999999999"})
        BOOST_TEST(!taken(bad).watchdog, bad);
    BOOST_TEST((taken("18446744073709551615").watchdog > 24h)); // and is no time in the past
}

BOOST_AUTO_TEST_SUITE_END()
