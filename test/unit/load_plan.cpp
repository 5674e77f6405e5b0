#include "load_plan.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace std::chrono_literals;

namespace {

load_arguments at_target() {
    load_arguments given;
    given.target = "127.0.0.1:5000";
    return given;
}

std::vector<std::string> problems_of(const load_arguments& given) {
    std::vector<std::string> problems;
    const auto plan = read_load_plan(given, problems);
    BOOST_TEST(plan.has_value() == problems.empty());
    return problems;
}

load_plan plan_of(const load_arguments& given) {
    std::vector<std::string> problems;
    const auto plan = read_load_plan(given, problems);
    BOOST_REQUIRE(plan.has_value());
    return *plan;
}

} // namespace

BOOST_AUTO_TEST_SUITE(load_plan)

BOOST_AUTO_TEST_CASE(a_target_alone_is_a_closed_loop_of_ten_seconds) {
    const auto plan = plan_of(at_target());
    BOOST_TEST((plan.target == host_port{"127.0.0.1", 5000}));
    BOOST_TEST(plan.connections == 64u);
    BOOST_TEST(plan.requests == 0u);
    BOOST_TEST((plan.length == 10s));
    BOOST_TEST(plan.size == 1024u);
    BOOST_TEST(plan.verify);
    BOOST_TEST(plan.rate == 0u);
    BOOST_TEST(plan.slow == 0u);
    BOOST_TEST((plan.timeout == 20s));
}

BOOST_AUTO_TEST_CASE(a_number_of_exchanges_has_two_minutes_unless_told_otherwise) {
    auto given = at_target();
    given.requests = "10000";
    BOOST_TEST(plan_of(given).requests == 10'000u);
    BOOST_TEST((plan_of(given).length == 120s));
    given.duration = "1h";
    BOOST_TEST((plan_of(given).length == 1h));
}

BOOST_AUTO_TEST_CASE(every_option_is_read) {
    auto given = at_target();
    given.connections = "8000";
    given.size = "16MiB";
    given.rate = "500";
    given.slow = "5000";
    given.timeout = "250ms";
    given.no_verify = true;
    const auto plan = plan_of(given);
    BOOST_TEST(plan.connections == 8'000u);
    BOOST_TEST(plan.size == 16u << 20);
    BOOST_TEST(plan.rate == 500u);
    BOOST_TEST(plan.slow == 5'000u);
    BOOST_TEST((plan.timeout == 250ms));
    BOOST_TEST(!plan.verify);
}

BOOST_AUTO_TEST_CASE(every_problem_is_told_with_its_option) {
    load_arguments given;
    given.target = "nowhere";
    given.connections = "many";
    given.requests = "-1";
    given.duration = "10";
    given.size = "0";
    given.rate = "0";
    given.slow = "1e3";
    given.timeout = "0s";
    const auto problems = problems_of(given);
    const std::vector<std::string> options{"HOST:PORT", "--slow", "--connections", "--requests",
                                           "--rate",    "--size", "--duration",    "--timeout"};
    BOOST_REQUIRE(problems.size() == options.size());
    for (std::size_t i = 0; i < options.size(); ++i)
        BOOST_TEST(problems[i].starts_with(options[i] + ": "), problems[i]);
}

BOOST_AUTO_TEST_CASE(no_connections_make_sense_beside_slow_clients_only) {
    auto given = at_target();
    given.connections = "0";
    BOOST_TEST(problems_of(given).size() == 1u);
    given.slow = "10";
    BOOST_TEST(problems_of(given).empty());
}

BOOST_AUTO_TEST_CASE(nobody_listens_on_port_0) {
    load_arguments given;
    given.target = "127.0.0.1:0";
    BOOST_TEST(problems_of(given).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
