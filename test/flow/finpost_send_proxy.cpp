// `finpost send --proxy-protocol`: the header comes first, and HAProxy understands it.
#include "support/certificates.hpp"
#include "support/child_process.hpp"
#include "support/finpost_command.hpp"
#include "support/gateway_fixture.hpp"
#include "support/inherited_listener.hpp"
#include "support/python_peer.hpp"
#include "support/tcp_peer.hpp"
#include "support/temporary_folder.hpp"

#include "finpost/proxy_header.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <future>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

int send(std::vector<std::string> arguments, std::string& output, std::string& error) {
    arguments.insert(arguments.begin(), "send");
    const finished run = run_finpost(std::move(arguments), "hello");
    output = run.output;
    error = run.error;
    return run.code;
}

// What reaches a peer of one `finpost send` of "hello".
std::string sent(std::vector<std::string> arguments) {
    std::promise<std::string> all;
    auto told = all.get_future();
    tcp_peer peer([&](peer_connection& one) { all.set_value(one.read_to_end()); });
    arguments.push_back(to_string(peer.address()));
    std::string output, error;
    BOOST_TEST(send(arguments, output, error) == 0, error);
    BOOST_REQUIRE((told.wait_for(20s) == std::future_status::ready));
    return told.get();
}

} // namespace

BOOST_AUTO_TEST_SUITE(finpost_send_proxy)

BOOST_AUTO_TEST_CASE(the_addresses_that_are_given_stand_before_the_payload) {
    const socket_address from = parse_socket_address("192.0.2.44:56324").value();
    const socket_address to = parse_socket_address("[2001:db8::1]:443").value();
    for (const auto version : {proxy_version::v1, proxy_version::v2}) {
        const std::string got =
            sent({"--proxy-protocol", std::string(to_string(version)), "--proxy-source",
                  to_string(from), "--proxy-destination", to_string(to)});
        BOOST_TEST((got == proxy_header(version, from, to) + "hello"));
    }
}

BOOST_AUTO_TEST_CASE(without_any_they_are_the_connections_own) {
    const std::string got = sent({"--proxy-protocol", "v1"});
    BOOST_TEST(got.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "), got);
    BOOST_TEST(got.ends_with("\r\nhello"));
}

BOOST_AUTO_TEST_CASE(it_comes_before_the_tls_handshake) {
    if (!have("openssl") || !have("python3")) return;
    certificates made;
    made.make("server");
    python_tls_peer::behaviour behind_proxy;
    behind_proxy.cert = made.path("server.pem");
    behind_proxy.key = made.path("server.key");
    behind_proxy.expects_proxy_line = true;
    python_tls_peer peer(behind_proxy);
    std::string output, error;
    const int code = send({"--tls", "--ca", made.path("ca.pem"), "--server-name", "server.test",
                           "--proxy-protocol", "v1", "--proxy-source", "192.0.2.44:5", peer.text()},
                          output, error);
    BOOST_TEST(code == 0, error);
    BOOST_TEST(output == "hello");
    BOOST_TEST(peer.saw("proxy PROXY TCP4 192.0.2.44 127.0.0.1 5 "));
}

BOOST_AUTO_TEST_CASE(haproxy_takes_the_address_from_it) {
    if (!have("haproxy")) return;
    // It passes on what it has understood, in version 1.
    for (const std::string version : {"v1", "v2"}) {
        std::promise<std::string> all;
        auto told = all.get_future();
        tcp_peer behind([&](peer_connection& one) {
            all.set_value(one.read_to_end());
            one.send("answered");
        });
        const temporary_folder folder;
        const std::string config = (folder.path() / "haproxy.cfg").string();
        const inherited_listener listener;
        std::ofstream(config)
            << "defaults\n  mode tcp\n  timeout connect 20s\n  timeout client 20s\n"
               "  timeout server 20s\nfrontend f\n  bind fd@"
            << listener.fd() << " accept-proxy\n  default_backend b\nbackend b\n  server s "
            << to_string(behind.address()) << " send-proxy\n";
        const child_process haproxy({"haproxy", "-db", "-f", config});
        std::string output, error;
        const int code = send({"--proxy-protocol", version, "--proxy-source", "192.0.2.44:56324",
                               "--proxy-destination", "192.0.2.10:443", listener.address()},
                              output, error);
        BOOST_TEST(code == 0, error);
        BOOST_TEST(output == "answered");
        BOOST_REQUIRE((told.wait_for(20s) == std::future_status::ready));
        BOOST_TEST(told.get() == "PROXY TCP4 192.0.2.44 192.0.2.10 56324 443\r\nhello");
    }
}

BOOST_AUTO_TEST_SUITE_END()
