// The admin port: what it shows, what it refuses, and who cannot keep it from answering.
#include "admin/admin_port.hpp"

#include "admin/health_check.hpp"
#include "support/daemon.hpp"
#include "support/gateway_fixture.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <boost/test/unit_test.hpp>

#include <future>
#include <memory>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

std::string body_of(const std::string& response) {
    const std::size_t end = response.find("\r\n\r\n");
    return end == response.npos ? std::string() : response.substr(end + 4);
}

/// A gateway, and an admin port that looks at it.
struct admin_fixture : gateway_fixture {
    void open_admin() {
        const auto any = address_of("127.0.0.1:0");
        port.reset(
            new finpost::admin_port(any, detail::unique_fd(), view(), log.as_logger(threshold)));
    }
    static socket_address address_of(const char* text) {
        return parse_socket_address(text).value();
    }
    admin_view view() const {
        return {[] { return std::string(); },
                [this] { return numbers; },
                [this](std::size_t most) { return door().session_views(most); },
                [this] { return sessions(); },
                {}};
    }
    std::string get(const std::string& target, const std::string& method = "GET") const {
        return http_get(port->address(), target, method);
    }
    /// Sends bytes of any kind; the status line of what comes back.
    std::string status_of(const std::string& bytes) const {
        raw_client client(port->address());
        client.send_some(bytes, 5s);
        const std::string all = client.read_to_end().bytes;
        return all.substr(0, all.find("\r\n"));
    }
    boost::json::array listed() const {
        return boost::json::parse(body_of(get("/sessions"))).at("sessions").as_array();
    }
    bool shows_stage(const std::string& stage) const {
        return until([&] {
            const auto all = listed();
            return all.size() == 1 && all[0].at("stage").as_string() == stage;
        });
    }
    void teardown() {
        port.reset();
        gateway_fixture::teardown();
    }

    std::string numbers = "numbers\n"; // what /metrics says
    std::unique_ptr<finpost::admin_port> port;
};

// A sanitizer copies answers of megabytes too slowly for more.
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int many = 32;
#else
constexpr int many = 200;
#endif

} // namespace

BOOST_FIXTURE_TEST_SUITE(admin_port, admin_fixture)

BOOST_AUTO_TEST_CASE(a_session_is_seen_in_each_of_its_stages) {
    config.max_payload = 1'000;
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    open_admin();
    BOOST_TEST(listed().empty());
    raw_client client = connect();
    client.send("hello");
    BOOST_REQUIRE(until([&] {
        const auto all = listed();
        return all.size() == 1 && all[0].at("bytes_in").to_number<int>() == 5;
    }));
    const auto one = listed().at(0);
    BOOST_TEST(one.at("stage").as_string() == "receive");
    BOOST_TEST(one.at("peer").as_string() == to_string(client.local()));
    BOOST_TEST(one.at("local").as_string() == to_string(address()));
    BOOST_TEST(one.at("age_seconds").to_number<double>() >= 0);
    BOOST_TEST(one.at("bytes_out").to_number<int>() == 0);
    const std::string id(one.at("id").as_string());
    client.half_close();
    BOOST_TEST(shows_stage("handle"));
    upstream.open_gate();
    BOOST_TEST(client.read_to_end().bytes == "hello");
    BOOST_TEST(access_line().at("id") == id);
    BOOST_TEST(until([&] { return listed().empty(); }));
}

// Beast's parser would fail an assertion at the last chunk.
BOOST_AUTO_TEST_CASE(a_request_in_chunks_that_comes_byte_by_byte_ends_nothing) {
    start();
    open_admin();
    const std::string head =
        "POST /healthz HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    const auto status_of_body = [&](const std::string& body) {
        raw_client client(port->address());
        client.send(head);
        for (const char c : body) client.send_some({&c, 1}, 5s);
        client.half_close();
        const std::string all = client.read_to_end().bytes;
        return all.substr(0, all.find("\r\n"));
    };
    BOOST_TEST(status_of(head + "0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n")
                   .find("405") != std::string::npos);
    for (int i = 0; i < 5; ++i) {
        BOOST_TEST(status_of_body("0\r\n\r\n") == "HTTP/1.1 405 Method Not Allowed");
        BOOST_TEST(status_of_body("0\r\na: b\r\n\r\n") == "HTTP/1.1 405 Method Not Allowed");
        BOOST_TEST(status_of_body("0\r\na\r\n") == "HTTP/1.1 400 Bad Request");
        BOOST_TEST(status_of_body("1\r\na\r\n0\r\n\r\n") == "HTTP/1.1 405 Method Not Allowed");
    }
    BOOST_TEST(get("/healthz").starts_with("HTTP/1.1 200 "));
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_read_its_reply_is_seen_with_what_it_took) {
    const std::string large = some_bytes(14'000'000);
    upstream.by_default(scripted_upstream::raw(response(200, large)));
    start();
    open_admin();
    raw_client client = connect();
    client.send("x").half_close();
    BOOST_TEST(shows_stage("reply"));
    BOOST_TEST(until([&] { return listed().at(0).at("bytes_out").to_number<int>() > 0; }));
    BOOST_TEST((client.read_to_end().bytes == large));
}

BOOST_AUTO_TEST_CASE(a_refused_client_that_goes_on_sending_is_seen_as_that) {
    config.max_payload = 10;
    start();
    open_admin();
    raw_client client = connect();
    client.send("eleven bytes");
    BOOST_TEST(shows_stage("refuse"));
    client.half_close();
    expect_refusal(client.read_to_end(), reason::too_large);
}

BOOST_AUTO_TEST_CASE(a_long_list_shows_the_oldest_and_says_how_many_there_are) {
    start();
    open_admin();
    std::vector<raw_client> clients;
    for (std::size_t i = 0; i < sessions_shown + 5; ++i) {
        clients.push_back(connect());
        if (i == 0) BOOST_REQUIRE(until([&] { return sessions() == 1; }));
    }
    BOOST_REQUIRE(until([&] { return sessions() == clients.size(); }));
    const auto page = boost::json::parse(body_of(get("/sessions")));
    BOOST_TEST(page.at("total").to_number<std::size_t>() == clients.size());
    BOOST_TEST(page.at("shown").to_number<std::size_t>() == sessions_shown);
    const auto& list = page.at("sessions").as_array();
    BOOST_TEST(list.size() == sessions_shown);
    BOOST_TEST(list[0].at("peer").as_string() == to_string(clients[0].local()));
    for (std::size_t i = 1; i < list.size(); ++i)
        BOOST_TEST_REQUIRE(list[i].at("age_seconds").to_number<double>() <=
                           list[i - 1].at("age_seconds").to_number<double>());
}

BOOST_AUTO_TEST_CASE(sessions_come_and_go_while_they_are_listed) {
    threads = 4;
    start();
    open_admin();
    std::vector<std::string> payloads;
    for (unsigned i = 0; i < 400; ++i) payloads.push_back(some_bytes(1 + 97 * i, i));
    auto served =
        std::async(std::launch::async, [&] { return exchange_all(address(), payloads, 8); });
    while (served.wait_for(0s) != std::future_status::ready)
        BOOST_TEST_REQUIRE(has(get("/sessions"), "\"sessions\":["));
    const auto got = served.get();
    for (std::size_t i = 0; i < payloads.size(); ++i) BOOST_TEST((got[i].bytes == payloads[i]));
}

BOOST_AUTO_TEST_CASE(it_answers_while_the_listener_is_full_and_every_thread_is_busy) {
    config.max_connections = 3;
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    open_admin();
    std::vector<raw_client> clients;
    for (int i = 0; i < 40; ++i) {
        clients.push_back(connect());
        clients.back().send("x").half_close();
    }
    BOOST_REQUIRE(upstream.wait_for_requests(3));
    const auto busy = hold_threads();
    BOOST_TEST(get("/healthz").starts_with("HTTP/1.1 200 "));
    BOOST_TEST(body_of(get("/metrics")) == "numbers\n");
    BOOST_TEST(listed().size() == 3u);
}

BOOST_AUTO_TEST_CASE(slow_clients_do_not_keep_a_health_check_out) {
    start();
    open_admin();
    // Far more than there are places: most wait in the backlog before the health check. A second
    // for each sixteen of them would make it wait for fifteen.
    for (const char* what : {"GET /healthz HT", "nonsense\r\n\r\n",
                             "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"}) {
        std::vector<raw_client> slow;
        for (int i = 0; i < 250; ++i) {
            slow.emplace_back(port->address());
            slow.back().send(what);
        }
        const auto begin = std::chrono::steady_clock::now();
        BOOST_TEST(check_health(port->address(), 20s) == "");
        BOOST_TEST((std::chrono::steady_clock::now() - begin < 12s), what);
    }
}

BOOST_AUTO_TEST_CASE(clients_that_do_not_read_their_answers_do_not_keep_a_health_check_out) {
    start();
    numbers = some_bytes(5'000'000); // more than the kernel takes for them
    open_admin();
    std::vector<raw_client> slow;
    for (int i = 0; i < many; ++i) {
        slow.emplace_back(port->address());
        slow.back().send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    }
    const auto begin = std::chrono::steady_clock::now();
    BOOST_TEST(check_health(port->address(), 20s) == "");
    BOOST_TEST((std::chrono::steady_clock::now() - begin <
                11s)); // a second for each sixteen would be more
}

BOOST_AUTO_TEST_CASE(a_whole_url_is_as_good_as_a_path) {
    start();
    open_admin();
    const std::string here = to_string(port->address());
    BOOST_TEST(get("http://" + here + "/healthz").starts_with("HTTP/1.1 200 "));
    BOOST_TEST(body_of(get("HTTP://localhost/metrics?now")) == "numbers\n");
}

// A page in a browser on this machine can reach the port by a name of its own that it has let point
// here.
BOOST_AUTO_TEST_CASE(on_loopback_a_name_of_somebody_else_is_refused) {
    start();
    open_admin();
    const std::string end = "\r\n\r\n";
    const std::string get = "GET /config HTTP/1.1\r\nConnection: close\r\nHost: ";
    const std::string misdirected = "HTTP/1.1 421 Misdirected Request";
    BOOST_TEST(status_of(get + "evil.example:9180" + end) == misdirected);
    BOOST_TEST(status_of(get + end) == misdirected);
    BOOST_TEST(status_of("GET http://evil.example/config HTTP/1.1\r\nHost: localhost" + end) ==
               misdirected);
    BOOST_TEST(status_of(get + to_string(port->address()) + end) != misdirected);
    BOOST_TEST(status_of(get + "[::1]:1" + end) != misdirected);
    BOOST_TEST(status_of("GET /healthz HTTP/1.0" + end) == "HTTP/1.1 200 OK");
}

BOOST_AUTO_TEST_CASE(on_an_address_of_the_network_any_name_is_answered) {
    start();
    finpost::admin_port everywhere(address_of("0.0.0.0:0"), detail::unique_fd(), view(),
                                   log.as_logger(threshold));
    const auto at =
        address_of(("127.0.0.1:" + std::to_string(everywhere.address().port())).c_str());
    raw_client client(at);
    client.send("GET /healthz HTTP/1.1\r\nHost: gateway.example\r\nConnection: close\r\n\r\n");
    BOOST_TEST(client.read_to_end().bytes.starts_with("HTTP/1.1 200 "));
}

BOOST_AUTO_TEST_CASE(what_is_no_request_is_told_so) {
    start();
    open_admin();
    const std::string end = "\r\n\r\n";
    const std::string get = "GET /healthz HTTP/1.1\r\nHost: localhost";
    BOOST_TEST(status_of("nonsense" + end) == "HTTP/1.1 400 Bad Request");
    BOOST_TEST(status_of("GET /healthz HTTP/1.1" + end) == "HTTP/1.1 400 Bad Request"); // no Host
    BOOST_TEST(status_of(get + "\r\nHost: y" + end) == "HTTP/1.1 400 Bad Request");
    BOOST_TEST(status_of(get + "\r\nbad header" + end) == "HTTP/1.1 400 Bad Request");
    BOOST_TEST(status_of("GET /" + std::string(9'000, 'x')) == "HTTP/1.1 414 URI Too Long");
    BOOST_TEST(status_of(get + "\r\nX: " + std::string(9'000, 'x') + end) ==
               "HTTP/1.1 431 Request Header Fields Too Large");
    BOOST_TEST(status_of("POST /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000" +
                         end) == "HTTP/1.1 413 Payload Too Large");
    BOOST_TEST(status_of("POST /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                         "Content-Length: 2" +
                         end + "hi") == "HTTP/1.1 405 Method Not Allowed");
    BOOST_TEST(status_of("GET /healthz HTTP/1.0" + end) == "HTTP/1.1 200 OK");
}

BOOST_AUTO_TEST_CASE(head_gets_the_head_and_no_body) {
    start();
    open_admin();
    raw_client client(port->address());
    const std::string ask = " /healthz HTTP/1.1\r\nHost: localhost\r\n";
    client.send("HEAD" + ask + "\r\nGET" + ask + "Connection: close\r\n\r\n");
    const std::string both = client.read_to_end().bytes;
    const std::size_t first = both.find("\r\n\r\n");
    BOOST_TEST(has(both.substr(0, first), "Content-Length: 3"));
    BOOST_TEST(both.substr(first + 4).starts_with("HTTP/1.1 200 OK\r\n"), both);
    BOOST_TEST(both.ends_with("\r\n\r\nok\n"));
}

BOOST_AUTO_TEST_CASE(a_health_check_says_why_it_failed) {
    BOOST_TEST(has(check_health(std::nullopt, 1s), "--admin is off"));
    BOOST_TEST(has(check_health(address_of("127.0.0.1:0"), 1s), "names port 0"));
    const refusing_port nobody;
    BOOST_TEST(check_health(nobody.address(), 3s) ==
               "admin port " + to_string(nobody.address()) + ": Connection refused");
    const silent_port silent;
    BOOST_TEST(check_health(silent.address(), 200ms) ==
               "admin port " + to_string(silent.address()) + ": no answer in time");
}

BOOST_AUTO_TEST_SUITE_END()
