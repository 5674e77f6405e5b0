// Software nobody here wrote, on both sides of the gateway.
#include "support/child_process.hpp"
#include "support/gateway_fixture.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <optional>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// nginx on a free port, in one process: it proxies /upload to `behind` and answers the rest itself.
class nginx {
public:
    explicit nginx(const socket_address& behind) {
        // Another program may take the port between the choice and nginx's bind: then once more.
        for (int i = 0; i < 5 && !process_; ++i) {
            socket_address free;
            { free = refusing_port().address(); }
            write_config(free, behind);
            process_.emplace(std::vector<std::string>{"nginx", "-c", config().string(), "-p",
                                                      folder_.path().string(), "-e", "stderr"});
            // Written when the sockets are open.
            if (process_->wait_for_error("event method"))
                address_ = free;
            else
                process_.reset();
        }
        if (!process_) throw std::runtime_error("nginx does not start");
    }

    http_url url(std::string_view target) const { return url_of(address_, target); }

private:
    std::filesystem::path config() const { return folder_.path() / "nginx.conf"; }

    void write_config(const socket_address& at, const socket_address& behind) const {
        std::ofstream out(config());
        out << "daemon off; master_process off; pid nginx.pid; error_log stderr notice;\n"
               "events {}\nhttp {\n  access_log off;\n";
        for (const char* const kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
            out << "  " << kind << "_temp_path " << kind << ";\n";
        out << "  server {\n    listen " << to_string(at)
            << ";\n    client_max_body_size 20m;\n"
               "    location /upload { proxy_pass http://"
            << to_string(behind)
            << "; }\n"
               "    location /small { client_max_body_size 1k; proxy_pass http://"
            << to_string(behind)
            << "; }\n"
               "    location /fixed { return 200 "
               "\"$request_method $content_length $server_protocol\"; }\n"
               "  }\n}\n";
    }

    temporary_folder folder_;
    std::optional<child_process> process_;
    socket_address address_;
};

constexpr const char* node_service = R"(
const http = require('http');
const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', part => parts.push(part));
    request.on('end', () => {
        const body = Buffer.concat(parts);
        if (request.url !== '/chunked') return response.end(body);
        response.write(body.subarray(0, body.length / 2)); // no length: Node.js sends chunks
        response.end(body.subarray(body.length / 2));
    });
});
server.listen(0, '127.0.0.1', () => console.log('port ' + server.address().port + ' ready'));
)";

constexpr const char* python_client = R"(
import socket, sys
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 20)
s.sendall(sys.stdin.buffer.read())
s.shutdown(socket.SHUT_WR)
while True:
    data = s.recv(65536)
    if not data:
        break
    sys.stdout.buffer.write(data)
)";

struct peers_fixture : gateway_fixture {
    // A client program gets its payload on standard input and writes the reply to standard output.
    void drive(std::vector<std::string> argv) {
        std::size_t n = 0;
        for (const std::string& payload : {std::string("hello"), some_bytes(300'000)}) {
            child_process client(argv, {}, payload);
            BOOST_TEST((client.wait() == 0));
            BOOST_TEST((client.output() == payload));
            BOOST_TEST(client.error() == "");
            BOOST_TEST((upstream.requests().at(n++).body == payload));
        }
        BOOST_TEST(counters.replied.value() == n);
    }

    std::string port() const { return std::to_string(address().port()); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(peers, peers_fixture)

BOOST_AUTO_TEST_CASE(nodejs) {
    if (!have("node")) return;
    for (const std::string target : {"/upload", "/chunked"}) {
        child_process node({"node", "-e", node_service});
        BOOST_REQUIRE(node.wait_for_output(" ready"));
        const int port = std::stoi(node.output().substr(5));
        const std::string at = "http://127.0.0.1:" + std::to_string(port);
        upstream_config there = service;
        there.endpoints = {parse_http_url(at + target).value()};
        gateway_fixture one;
        one.service = there;
        one.start();
        std::vector<std::string> payloads;
        for (unsigned i = 0; i < 100; ++i) payloads.push_back(some_bytes(1 + 997 * i, i));
        const auto got = exchange_all(one.address(), payloads, 10);
        for (std::size_t i = 0; i < payloads.size(); ++i) BOOST_TEST((got[i].bytes == payloads[i]));
        BOOST_TEST((one.exchange(some_bytes(5'000'000)).bytes == some_bytes(5'000'000)));
        one.teardown();
    }
}

BOOST_AUTO_TEST_CASE(nginx_as_the_service) {
    if (!have("nginx")) return;
    const nginx web(upstream.address());
    service.endpoints = {web.url("/upload")};
    start();
    std::vector<std::string> payloads;
    for (unsigned i = 0; i < 100; ++i) payloads.push_back(some_bytes(1 + 997 * i, i));
    const auto got = exchange_all(address(), payloads, 10);
    for (std::size_t i = 0; i < payloads.size(); ++i) BOOST_TEST((got[i].bytes == payloads[i]));
    BOOST_TEST((exchange(some_bytes(5'000'000)).bytes == some_bytes(5'000'000)));
    BOOST_TEST(upstream.complete() == payloads.size() + 1);
    for (const auto& seen : upstream.requests())
        BOOST_TEST(seen.field("Idempotency-Key") == seen.field("X-Request-Id"));
}

BOOST_AUTO_TEST_CASE(nginx_answers_by_itself) {
    if (!have("nginx")) return;
    const nginx web(upstream.address());
    service.endpoints = {web.url("/fixed")};
    start();
    BOOST_TEST(exchange("hello").bytes == "POST 5 HTTP/1.1");
    BOOST_TEST(exchange("hello again").bytes == "POST 11 HTTP/1.1");
}

BOOST_AUTO_TEST_CASE(nginx_refuses_a_large_payload_early) {
    if (!have("nginx")) return;
    const nginx web(upstream.address());
    service.endpoints = {web.url("/small")};
    start();
    expect_refusal(exchange(some_bytes(3'000'000)), reason::upstream_status);
    BOOST_TEST(access_line().at("status") == "413");
    BOOST_TEST(upstream.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(netcat) {
    if (!have("nc")) return;
    start();
    drive({"nc", "-N", "127.0.0.1", port()});
}

BOOST_AUTO_TEST_CASE(socat) {
    if (!have("socat")) return;
    start();
    drive({"socat", "-t", "20", "-", "TCP:127.0.0.1:" + port()});
}

BOOST_AUTO_TEST_CASE(python) {
    if (!have("python3")) return;
    start();
    drive({"python3", "-c", python_client, "127.0.0.1", port()});
}

BOOST_AUTO_TEST_SUITE_END()
