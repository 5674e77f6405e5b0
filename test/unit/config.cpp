#include "finpost/config.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace finpost;
using namespace std::chrono_literals;

namespace {

std::string fields_of(const std::vector<config_problem>& problems) {
    std::string all;
    for (const auto& problem : problems) {
        BOOST_TEST(!problem.message.empty());
        all += problem.field + ' ';
    }
    return all;
}

gateway_config good_gateway() {
    gateway_config config;
    config.listen = {parse_socket_address("127.0.0.1:0").value()};
    return config;
}

upstream_config good_upstream() {
    upstream_config config;
    config.endpoints = {parse_http_url("http://127.0.0.1:3000/upload").value()};
    return config;
}

} // namespace

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(the_defaults_are_good) {
    BOOST_TEST(fields_of(validate(good_gateway())) == "");
    BOOST_TEST(fields_of(validate(good_upstream())) == "");
}

BOOST_AUTO_TEST_CASE(every_problem_of_a_gateway_is_named_at_once) {
    gateway_config config;
    config.max_payload = 0;
    config.max_buffered = UINT64_MAX;
    config.max_connections = 0;
    config.receive_idle = 0ms;
    config.receive_total = -1s;
    config.reply_total = std::chrono::hours(24 * 400);
    config.linger = 0ms;
    BOOST_TEST(fields_of(validate(config)) == "listen max_payload max_buffered max_connections "
                                              "receive_idle receive_total reply_total linger ");
    try {
        throw config_error(validate(config));
    } catch (const config_error& error) {
        const std::string what = error.what();
        BOOST_TEST(error.problems().size() == 8u);
        for (const auto& problem : error.problems())
            BOOST_TEST((what.find(problem.field + ": " + problem.message) != what.npos));
    }
}

BOOST_AUTO_TEST_CASE(every_problem_of_an_upstream_is_named_at_once) {
    upstream_config config;
    config.content_type = "text/plain\r\nX: y";
    config.connect = 0ms;
    config.total = 0ms;
    config.max_reply = 0;
    config.max_connections = 0;
    config.keep_alive = 0ms;
    config.resolve_every = 0ms;
    BOOST_TEST(fields_of(validate(config)) == "endpoints content_type connect total max_reply "
                                              "max_connections keep_alive resolve_every ");
}

BOOST_AUTO_TEST_CASE(endpoints_of_one_upstream_are_alike) {
    upstream_config config = good_upstream();
    config.endpoints.push_back(parse_http_url("http://127.0.0.1:3001/upload").value());
    BOOST_TEST(fields_of(validate(config)) == "");
    config.endpoints.push_back(parse_http_url("http://127.0.0.1:3002/other").value());
    BOOST_TEST(fields_of(validate(config)) == "endpoints ");
    config = good_upstream();
    config.endpoints.push_back(config.endpoints.front());
    BOOST_TEST(fields_of(validate(config)) == "endpoints ");
    config.endpoints = {parse_http_url("https://127.0.0.1/upload").value()};
    BOOST_TEST(fields_of(validate(config)) == "endpoints ");
}

BOOST_AUTO_TEST_CASE(an_address_cannot_be_listened_on_twice_but_any_port_can) {
    gateway_config config = good_gateway();
    config.listen.push_back(config.listen.front());
    BOOST_TEST(fields_of(validate(config)) == "");
    config.listen = {parse_socket_address("127.0.0.1:5000").value(),
                     parse_socket_address("127.0.0.1:5000").value()};
    BOOST_TEST(fields_of(validate(config)) == "listen ");
}

BOOST_AUTO_TEST_CASE(the_budget_holds_at_least_one_payload) {
    gateway_config config = good_gateway();
    config.max_payload = 1'000'000;
    config.max_buffered = 999'999;
    BOOST_TEST(fields_of(validate(config)) == "max_buffered ");
}

BOOST_AUTO_TEST_SUITE_END()
