// TLS and PROXY headers with software nobody here wrote as the neighbour, on either side of the
// gateway.
#include "support/child_process.hpp"
#include "support/skipping.hpp"
#include "support/tls_gateway.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// A server in one process, on a free port of loopback, ended with the test. `config` is told the
// address.
class neighbour {
public:
    template <class Config>
    neighbour(const std::vector<std::string>& argv, const std::string& file,
              const std::string& sign, const Config& config) {
        // Another program may take the port between the choice and the bind: then once more.
        for (int i = 0; i < 5 && !process_; ++i) {
            { address_ = refusing_port().address(); }
            std::ofstream(file) << config(to_string(address_));
            process_.emplace(argv);
            const bool up = sign.empty() ? accepts() : process_->wait_for_error(sign);
            if (!up) process_.reset();
        }
        if (!process_) throw std::runtime_error(argv.front() + " does not start");
    }
    const socket_address& address() const { return address_; }

private:
    bool accepts() {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (std::chrono::steady_clock::now() < end && !process_->wait(10ms)) {
            try {
                raw_client(address_).close();
                return true;
            } catch (const std::exception&) {
                // not yet
            }
        }
        return false;
    }

    std::optional<child_process> process_;
    socket_address address_;
};

struct fixture : tls_gateway {
    neighbour haproxy(const std::string& server) const {
        const std::string file = made->path("haproxy.cfg");
        return neighbour({"haproxy", "-db", "-f", file}, file, "", [&](const std::string& at) {
            return "defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 20s\n  timeout "
                   "server 20s\n"
                   "listen all\n  bind " +
                   at + "\n  server gateway " + to_string(address()) + ' ' + server + '\n';
        });
    }
    neighbour nginx(const std::string& block, const std::string& first = {}) const {
        const std::string file = made->path("nginx.conf");
        const std::vector<std::string> argv{
            "nginx", "-c", file, "-p", made->folder().path().string(), "-e", "stderr"};
        return neighbour(argv, file, "event method", [&](const std::string& at) {
            std::string text =
                first +
                "daemon off; master_process off; pid nginx.pid; error_log stderr notice;\n"
                "events {}\n" +
                block;
            for (std::size_t i = text.find("ADDRESS"); i != text.npos; i = text.find("ADDRESS"))
                text.replace(i, 7, at);
            return text;
        });
    }
    // Whom the service hears of is the client of the proxy, for payloads small and large.
    void expect_real_clients_behind(const neighbour& proxy) {
        std::size_t n = upstream.count();
        for (const std::string& payload : {std::string("hello"), some_bytes(500'000)}) {
            raw_client client(proxy.address());
            const std::string me = to_string(client.local());
            client.send(payload).half_close();
            BOOST_TEST((client.read_to_end().bytes == payload));
            BOOST_REQUIRE(upstream.count() == n + 1);
            const std::string seen = upstream.requests().at(n++).field("Forwarded");
            BOOST_TEST(seen ==
                       "for=\"" + me + "\";by=\"" + to_string(proxy.address()) + "\";proto=tcp");
        }
    }
    void trust_proxies() { config.proxy_protocol_from = {parse_network("127.0.0.1").value()}; }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(tls_peers, fixture)

BOOST_AUTO_TEST_CASE(haproxy_says_whom_it_speaks_for) {
    if (!ready() || !have("haproxy")) return;
    config.tls = {};
    trust_proxies();
    start();
    for (const std::string how :
         {"send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"}) {
        const neighbour proxy = haproxy(how + " check check-send-proxy inter 200ms");
        expect_real_clients_behind(proxy);
    }
    BOOST_TEST(log.count("handshake failed") == 0u); // its own checks are probes
}

BOOST_AUTO_TEST_CASE(haproxy_encrypts_for_plain_clients) {
    if (!ready() || !have("haproxy")) return;
    trust_proxies();
    start();
    const neighbour proxy = haproxy("send-proxy-v2 ssl verify required verifyhost server.test sni "
                                    "str(server.test) ca-file " +
                                    made->path("ca.pem"));
    expect_real_clients_behind(proxy);
}

BOOST_AUTO_TEST_CASE(nginx_says_whom_it_speaks_for) {
    if (!ready() || !have("nginx")) return;
    config.tls = {};
    trust_proxies();
    start();
    const std::string module = "/usr/lib/nginx/modules/ngx_stream_module.so";
    if (!can_run(!!std::ifstream(module), module + " is not installed")) return;
    const neighbour proxy = nginx("stream { server { listen ADDRESS; proxy_half_close on; "
                                  "proxy_protocol on; proxy_pass " +
                                      to_string(address()) + "; } }\n",
                                  "load_module " + module + ";\n");
    expect_real_clients_behind(proxy);
}

BOOST_AUTO_TEST_CASE(nginx_is_the_service_and_must_prove_itself) {
    if (!ready() || !have("nginx")) return;
    config.tls = {};
    std::string block = "http { access_log off; client_max_body_size 20m;\n";
    for (const char* const kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
        block += std::string(kind) + "_temp_path " + kind + ";\n";
    block += "server { listen ADDRESS ssl; ssl_certificate " + made->path("server.pem") +
             "; ssl_certificate_key " + made->path("server.key") +
             "; location / { proxy_pass http://" + to_string(upstream.address()) + "; } } }\n";
    const neighbour web = nginx(block);
    service.endpoints = {parse_http_url("https://" + to_string(web.address()) + "/upload").value()};
    service.tls.ca = made->path("ca.pem");
    service.tls.server_name = "server.test";
    start();
    for (const std::size_t size : {5u, 100'000u, 5'000'000u})
        BOOST_TEST((exchange(some_bytes(size)).bytes == some_bytes(size)));
    forwarder().close();
}

BOOST_AUTO_TEST_SUITE_END()
