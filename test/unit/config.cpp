#include "finpost/config.hpp"

#include "finpost/upstream_config.hpp"

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
    config.lingering_close = 0ms;
    config.trace_sampled = 1.5;
    BOOST_TEST(fields_of(validate(config)) ==
               "listen max_payload max_buffered max_connections "
               "receive_idle receive_total reply_total lingering_close "
               "trace_sampled ");
    try {
        throw config_error(validate(config));
    } catch (const config_error& error) {
        const std::string what = error.what();
        BOOST_TEST(error.problems().size() == 9u);
        for (const auto& problem : error.problems())
            BOOST_TEST((what.find(problem.field + ": " + problem.message) != what.npos));
    }
}

BOOST_AUTO_TEST_CASE(a_directory_that_takes_no_file_is_a_problem_unless_nothing_spills) {
    gateway_config config = good_gateway();
    config.spill_dir = "/nonexistent/spill";
    const auto problems = validate(config);
    BOOST_TEST(fields_of(problems) == "spill_dir ");
    BOOST_TEST(problems.at(0).message ==
               "no file can be made in \"/nonexistent/spill\" (No such file or directory): "
               "name another directory, or set spill_above to off");
    config.spill_above = 0;
    BOOST_TEST(fields_of(validate(config)) == "");
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
    config.health_path = "health";
    config.health_every = 0ms;
    config.health_timeout = 0ms;
    BOOST_TEST(fields_of(validate(config)) == "endpoints content_type connect total max_reply "
                                              "max_connections keep_alive resolve_every "
                                              "health_path health_every health_timeout ");
}

BOOST_AUTO_TEST_CASE(a_health_path_goes_into_a_request_line) {
    upstream_config config;
    config.endpoints = {parse_http_url("http://127.0.0.1:3000/upload").value()};
    for (const char* good : {"/", "/health?full=1", ""}) {
        config.health_path = good;
        BOOST_TEST(fields_of(validate(config)) == "", good);
    }
    for (const char* bad : {"health", "/a b", "/a\r\nX: y", "/a#b", "/\x7f"}) {
        config.health_path = bad;
        BOOST_TEST(fields_of(validate(config)) == "health_path ", bad);
    }
}

BOOST_AUTO_TEST_CASE(an_upstream_has_at_most_64_endpoints) {
    upstream_config config;
    for (int i = 1; i <= 65; ++i)
        config.endpoints.push_back(
            parse_http_url("http://127.0.0.1:" + std::to_string(i) + '/').value());
    BOOST_TEST(fields_of(validate(config)) == "endpoints ");
    config.endpoints.pop_back();
    BOOST_TEST(fields_of(validate(config)) == "");
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
    BOOST_TEST(fields_of(validate(config)) == "");
    config.endpoints.push_back(parse_http_url("http://127.0.0.1/upload").value());
    BOOST_TEST(fields_of(validate(config)) == "endpoints "); // never plain text beside TLS
}

BOOST_AUTO_TEST_CASE(options_of_tls_that_would_do_nothing_are_problems) {
    upstream_config upstream = good_upstream();
    upstream.tls.ca = upstream.tls.cert = upstream.tls.key = "/nowhere.pem";
    upstream.tls.server_name = "server.test";
    upstream.tls.verify = false;
    BOOST_TEST(fields_of(validate(upstream)) == "upstream_ca upstream_cert upstream_key "
                                                "upstream_server_name upstream_insecure ");
    upstream.endpoints = {parse_http_url("https://127.0.0.1/upload").value()};
    BOOST_TEST(fields_of(validate(upstream)) == "upstream_ca upstream_cert upstream_key ");
    gateway_config gateway = good_gateway();
    gateway.tls.key = "/nowhere.pem";
    BOOST_TEST(fields_of(validate(gateway)) == "tls_cert ");
    gateway.tls = {};
    gateway.tls.client_auth = tls_client_auth::required;
    BOOST_TEST(fields_of(validate(gateway)) == "tls_cert tls_client_ca ");
}

BOOST_AUTO_TEST_CASE(what_is_the_other_sides_in_tls_is_a_problem) {
    gateway_config gateway = good_gateway();
    gateway.tls.server_name = "server.test";
    gateway.tls.verify = false;
    BOOST_TEST(fields_of(validate(gateway)) == "tls_cert tls_server_name tls_verify ");
    upstream_config upstream = good_upstream();
    upstream.tls.client_auth = tls_client_auth::required;
    BOOST_TEST(fields_of(validate(upstream)) == "upstream_client_auth ");
    upstream.endpoints = {parse_http_url("https://127.0.0.1/upload").value()};
    BOOST_TEST(fields_of(validate(upstream)) == "upstream_client_auth ");
}

BOOST_AUTO_TEST_CASE(an_endpoint_is_a_url_as_it_is_parsed) {
    for (void (*const spoil)(http_url&) : {
             +[](http_url& url) { url.target = "/a HTTP/1.1\r\nX: y"; },
             +[](http_url& url) { url.target = "upload"; },
             +[](http_url& url) { url.authority = "other.test"; },
             +[](http_url& url) { url.host = "127.1"; },
             +[](http_url& url) { url.host = ""; },
             +[](http_url& url) { url.port = 0; },
             +[](http_url& url) { url.scheme = "ftp"; },
         }) {
        upstream_config config = good_upstream();
        spoil(config.endpoints.front());
        BOOST_TEST(fields_of(validate(config)) == "endpoints ", to_string(config.endpoints[0]));
    }
}

BOOST_AUTO_TEST_CASE(what_goes_into_a_request_is_neither_long_nor_padded) {
    upstream_config config = good_upstream();
    for (const std::string& bad : {std::string(" text/plain"), std::string("text/plain "),
                                   std::string(), std::string(1025, 'x')}) {
        config.content_type = bad;
        BOOST_TEST(fields_of(validate(config)) == "content_type ", bad);
    }
    config.content_type = std::string(1024, 'x');
    config.health_path = '/' + std::string(4095, 'x');
    BOOST_TEST(fields_of(validate(config)) == "");
    config.health_path += 'x';
    BOOST_TEST(fields_of(validate(config)) == "health_path ");
}

BOOST_AUTO_TEST_CASE(only_methods_that_carry_a_payload_are_taken) {
    upstream_config config = good_upstream();
    for (const char* method : {"POST", "PUT", "PATCH"}) {
        config.method = method;
        BOOST_TEST(fields_of(validate(config)) == "", method);
    }
    for (const char* method : {"GET", "HEAD", "CONNECT", "TRACE", "post", "", "POST /x"}) {
        config.method = method;
        BOOST_TEST(fields_of(validate(config)) == "method ", method);
    }
}

BOOST_AUTO_TEST_CASE(a_path_of_its_own_is_one_and_the_only_one) {
    upstream_config config = good_upstream();
    config.path = "/from/{peer.ip}";
    BOOST_TEST(fields_of(validate(config)) == "path "); // the URL has one already
    config.endpoints = {parse_http_url("http://127.0.0.1:3000").value()};
    for (const char* path : {"/", "/from/{peer.ip}/x?y={request.id}", "/%20a", "/{{a}}"}) {
        config.path = path;
        BOOST_TEST(fields_of(validate(config)) == "", path);
    }
    for (const char* path : {"from", "/a b", "/a#b", "/%2", "/{peer}", "/a\r\nX: y", "{peer.ip}"}) {
        config.path = path;
        BOOST_TEST(fields_of(validate(config)) == "path ", path);
    }
}

BOOST_AUTO_TEST_CASE(headers_cannot_touch_what_finpost_writes_itself) {
    upstream_config config = good_upstream();
    config.headers = {{"X-Site", "Berlin"}, {"X-Device", "{peer.ip}:{peer.port}"}};
    BOOST_TEST(fields_of(validate(config)) == "");
    for (const char* name : {"Content-Length", "host", "TRANSFER-ENCODING", "Connection",
                             "Idempotency-Key", "Forwarded", "X-Site", "x site", "", "X:"}) {
        config.headers = {{"X-Site", "Berlin"}, {name, "x"}};
        const auto problems = validate(config);
        BOOST_REQUIRE_MESSAGE(problems.size() == 1u, name);
        BOOST_TEST(problems[0].field == "headers");
        BOOST_TEST((problems[0].message.find('"' + std::string(name) + '"') != std::string::npos));
    }
    for (const char* value : {"", " x", "x ", "a\r\nX-Evil: 1", "{peer}", "caf\xc3\xa9"}) {
        config.headers = {{"X-Site", value}};
        BOOST_TEST(fields_of(validate(config)).find("headers ") == 0u, value);
    }
    config.headers.assign(65, {});
    for (std::size_t i = 0; i < 65; ++i) config.headers[i] = {"X-" + std::to_string(i), "x"};
    BOOST_TEST(fields_of(validate(config)) == "headers ");
    config.headers = {{"X-Long", std::string(9000, 'x')}};
    BOOST_TEST(fields_of(validate(config)) == "headers ");
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
    config.max_buffered = 1'100'000;
    config.max_payload = 1'000'000'000;
    BOOST_TEST(fields_of(validate(config)) == "max_buffered ");
    config.stream_above = 50'000; // what is streamed is not held, but for its buffers
    BOOST_TEST(fields_of(validate(config)) == "");
    config.stream_above = 60'000;
    BOOST_TEST(fields_of(validate(config)) == "max_buffered ");
}

BOOST_AUTO_TEST_SUITE_END()
