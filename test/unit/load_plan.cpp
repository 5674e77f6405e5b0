#include "load_plan.hpp"

#include "support/frame_reference.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::test;
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

BOOST_AUTO_TEST_CASE(a_frame_has_many_exchanges_on_a_connection_unless_told_otherwise) {
    BOOST_TEST((plan_of(at_target()).frame == frame_spec{}));
    auto given = at_target();
    given.frame = "mllp";
    BOOST_TEST((plan_of(given).frame == spec("mllp")));
    BOOST_TEST(plan_of(given).per_connection == UINT64_MAX);
    given.per_connection = "100";
    BOOST_TEST(plan_of(given).per_connection == 100u);
    given.frame = "eof"; // as none
    given.per_connection = "";
    BOOST_TEST((plan_of(given).frame == frame_spec{}));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_framed_is_told_with_the_reason) {
    struct wrong {
        std::string frame, per_connection, size, slow, problem;
    };
    for (const wrong& each : std::vector<wrong>{
             {"", "5", "", "", "--per-connection: needs --frame"},
             {"eof", "5", "", "", "--per-connection: needs --frame"},
             {"mllp", "0", "", "", "--per-connection: \"0\" is not a whole number from 1"},
             {"nothing", "", "", "", "--frame: "},
             {"fixed:1024", "", "", "", "--frame: fixed:1KiB says where a payload ends, and not"},
             {"idle:200ms", "", "", "", "--frame: idle:200ms says where a payload ends, and not"},
             {"delimiter:4142", "", "", "", "--frame: delimiter:4142 may stand in a payload"},
             {"length:u8", "", "256", "", "--size: length:u8: the body is too long"},
             {"length:u8,inclusive", "", "255", "", "--size: length:u8,inclusive: the body"},
             {"length:ascii:3", "", "1000", "", "--size: length:ascii:3: the body is too long"},
             {"line", "", "", "5", "--slow: not with --frame"},
         }) {
        auto given = at_target();
        given.frame = each.frame;
        given.per_connection = each.per_connection;
        given.size = each.size;
        given.slow = each.slow;
        const auto problems = problems_of(given);
        BOOST_REQUIRE_MESSAGE(problems.size() == 1u, each.problem);
        BOOST_TEST(problems[0].starts_with(each.problem), problems[0]);
    }
}

BOOST_AUTO_TEST_CASE(what_just_fits_its_frame_is_no_problem) {
    for (const auto& [frame, size] :
         std::vector<std::pair<std::string, std::string>>{{"length:u8", "255"},
                                                          {"length:u8,inclusive", "254"},
                                                          {"length:ascii:3", "999"},
                                                          {"netstring", "64GiB"},
                                                          {"delimiter:410D42", "1"}}) {
        auto given = at_target();
        given.frame = frame;
        given.size = size;
        BOOST_TEST(problems_of(given).empty(), frame);
    }
}

BOOST_AUTO_TEST_CASE(nobody_listens_on_port_0) {
    load_arguments given;
    given.target = "127.0.0.1:0";
    BOOST_TEST(problems_of(given).size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
