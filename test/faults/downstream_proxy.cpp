// Rows D20 and D21, and D22 for addresses: PROXY headers, from whom they may come and how.
#include "support/tls_gateway.hpp"

#include "finpost/proxy_header.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

socket_address place(const char* text) { return parse_socket_address(text).value(); }

std::string header(proxy_version version, const char* from = "192.0.2.44:50312",
                   const char* to = "198.51.100.1:443") {
    return proxy_header(version, place(from), place(to));
}

std::string local() { return signature + std::string("\x20\x00\x00\x00", 4); }

struct fixture : tls_gateway {
    fixture() {
        config.tls = {};
        trust("127.0.0.0/8");
    }
    void trust(const char* from) { config.proxy_protocol_from = {parse_network(from).value()}; }
    std::string forwarded(std::size_t n = 0) {
        return upstream.requests().at(n).field("Forwarded");
    }
};

constexpr const char* real = "for=\"192.0.2.44:50312\";by=\"198.51.100.1:443\";proto=tcp";

} // namespace

BOOST_FIXTURE_TEST_SUITE(downstream_proxy, fixture)

BOOST_AUTO_TEST_CASE(D20_the_address_in_the_header_is_the_clients_from_then_on) {
    start();
    std::size_t n = 0;
    for (const auto version : {proxy_version::v1, proxy_version::v2}) {
        BOOST_TEST(exchange(header(version) + "hello").bytes == "hello");
        BOOST_TEST(forwarded(n) == real);
        BOOST_TEST(upstream.requests().at(n).field("X-Forwarded-For") == "192.0.2.44");
        ++n;
        BOOST_TEST(access_line(n).at("peer") == "192.0.2.44:50312");
        BOOST_TEST(access_line(n).number("bytes_in") == 5);
    }
    BOOST_TEST(
        exchange(header(proxy_version::v2, "[2001:db8::7]:1", "[2001:db8::1]:2") + "v6").bytes ==
        "v6");
    BOOST_TEST(forwarded(2) == "for=\"[2001:db8::7]:1\";by=\"[2001:db8::1]:2\";proto=tcp");
}

BOOST_AUTO_TEST_CASE(D20_from_anybody_else_a_header_is_payload) {
    trust("192.0.2.0/24");
    start();
    const std::string text = header(proxy_version::v1) + "hello";
    BOOST_TEST(exchange(text).bytes == text);
    BOOST_TEST(forwarded().starts_with("for=\"127.0.0.1:"));
}

BOOST_AUTO_TEST_CASE(D20_a_listed_peer_without_a_header_is_refused) {
    start();
    for (const std::string& text :
         {std::string("hello"), std::string("PROXY"), std::string("\r\n\r\n")})
        expect_refusal(exchange(text), reason::proxy_protocol);
    BOOST_TEST(upstream.count() == 0u);
    BOOST_TEST(log.of("handshake failed").at(0).at("what") == "it does not begin with one");
    BOOST_TEST(log.of("handshake failed").at(1).at("what") == "it ended too early");
}

BOOST_AUTO_TEST_CASE(D20_a_header_that_does_not_come_is_given_up_after_its_own_deadline) {
    config.proxy_protocol = 300ms;
    start();
    raw_client begun = connect(), silent = connect();
    begun.send("PROXY TC");
    expect_refusal(begun.read_to_end(), reason::proxy_protocol);
    expect_refusal(silent.read_to_end(), reason::proxy_protocol);
    BOOST_TEST(log.of("handshake failed").at(1).at("what") == "it took too long");
    BOOST_TEST(counters.probes.value() == 0u);
}

BOOST_AUTO_TEST_CASE(D20_whoever_is_kept_out_is_kept_out_behind_a_proxy_as_well) {
    config.allow = {parse_network("192.0.2.0/24").value()};
    config.deny = {parse_network("192.0.2.66").value()};
    start(); // the proxy itself, 127.0.0.1, is in no list
    BOOST_TEST(exchange(header(proxy_version::v1) + "in").bytes == "in");
    for (const char* from : {"192.0.2.66:1", "203.0.113.1:1", "[2001:db8::7]:1"}) {
        raw_client client = connect();
        client.send(header(proxy_version::v2, from, from));
        const auto got = client.read_to_end();
        BOOST_TEST(got.bytes == "");
        BOOST_TEST((got.how == raw_client::ending::reset));
    }
    BOOST_TEST(refused(reason::denied) == 3u);
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_CASE(D20_a_denied_client_behind_a_proxy_gets_the_fin_that_close_asks_for) {
    config.deny = {parse_network("192.0.2.66").value()};
    config.on_refusal = refusal_style::close;
    start();
    raw_client client = connect();
    client.send(header(proxy_version::v2, "192.0.2.66:1") + "a payload that nobody reads");
    const auto got = client.read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::fin));
}

BOOST_AUTO_TEST_CASE(D20_the_limit_of_a_source_is_that_of_the_real_one) {
    config.max_per_source = 1;
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    std::vector<raw_client> clients;
    for (const char* from : {"192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1"}) {
        clients.push_back(connect());
        clients.back().send(header(proxy_version::v2, from) + from).half_close();
    }
    BOOST_TEST(upstream.wait_for_requests(3));
    expect_refusal(exchange(header(proxy_version::v2, "192.0.2.2:9") + "twice"), reason::busy);
    upstream.open_gate();
    for (raw_client& one : clients) BOOST_TEST(one.read_to_end().bytes.starts_with("192.0.2."));
    BOOST_TEST(exchange(header(proxy_version::v1, "192.0.2.2:9") + "again").bytes == "again");
}

BOOST_AUTO_TEST_CASE(D21_a_header_split_anywhere_and_glued_to_its_payload_is_read_exactly) {
    start();
    std::size_t n = 0;
    for (const auto version : {proxy_version::v1, proxy_version::v2}) {
        const std::string whole = header(version) + "PROXY payload\r\n";
        for (std::size_t at = 1; at < whole.size(); at += version == proxy_version::v1 ? 3 : 1) {
            raw_client client = connect();
            client.send(whole.substr(0, at));
            BOOST_TEST(until([this] { return sessions() == 1u; }));
            client.send(whole.substr(at)).half_close();
            BOOST_TEST(client.read_to_end().bytes == "PROXY payload\r\n");
            BOOST_TEST(forwarded(n++) == real);
        }
    }
}

BOOST_AUTO_TEST_CASE(D21_a_local_header_stands_for_the_proxy_itself) {
    config.allow = {parse_network("192.0.2.0/24").value()};
    start();
    connect().send(local()).close(); // a health check of HAProxy's
    BOOST_TEST(until_probes(1));
    BOOST_TEST(exchange(local() + "from the proxy").bytes == "from the proxy");
    BOOST_TEST(forwarded().starts_with("for=\"127.0.0.1:"));
    BOOST_TEST(log.count("handshake failed") == 0u);
}

BOOST_AUTO_TEST_CASE(D21_an_unknown_client_has_the_proxys_address) {
    start();
    BOOST_TEST(exchange("PROXY UNKNOWN\r\nhello").bytes == "hello");
    BOOST_TEST(forwarded().starts_with("for=\"127.0.0.1:"));
    BOOST_TEST(exchange(signature + std::string("\x21\x00\x00\x03xyz", 7) + "hello").bytes ==
               "hello");
}

BOOST_AUTO_TEST_CASE(D21_a_bad_header_is_refused_before_a_byte_behind_it_is_looked_at) {
    start();
    const std::string v4(12, '\1');
    const auto block = [](const std::string& content) {
        return signature + "\x21\x11" +
               std::string({static_cast<char>(content.size() >> 8),
                            static_cast<char>(content.size() & 0xff)}) +
               content;
    };
    for (const std::string& bad :
         {signature + "\x21\x11\xff\xff" + std::string(70'000, 'x'), block(v4.substr(1)),
          block(v4 + std::string("\x04\xff\xff", 3)), block(v4 + "\x04"), signature + "\x31\x11",
          std::string("PROXY TCP4 1.2.3.4 1.2.3.4 1 99999\r\nhello"), std::string("PROXY TCP4\n"),
          "PROXY UNKNOWN " + std::string(200, 'x')})
        expect_refusal(exchange(bad), reason::proxy_protocol);
    BOOST_TEST(upstream.count() == 0u);
    BOOST_TEST(exchange(header(proxy_version::v1) + "fine").bytes == "fine");
}

BOOST_AUTO_TEST_CASE(D21_over_tls_the_header_comes_first_and_a_bad_one_is_reset) {
    if (!ready()) return;
    config.tls = identity("server");
    start();
    raw_client through = connect();
    through.send(header(proxy_version::v2));
    tls_client client(std::move(through), this->client());
    BOOST_TEST(!client.handshake());
    client.send("hello").finish();
    BOOST_TEST(client.read_to_end().bytes == "hello");
    BOOST_TEST(forwarded() == real);
    const auto got = exchange("hello");
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::reset));
    BOOST_TEST(refused(reason::proxy_protocol) == 1u);
    raw_client health_check = connect();
    health_check.send(local()).close();
    BOOST_TEST(until_probes(1));
}

BOOST_AUTO_TEST_CASE(D22_nothing_of_a_header_reaches_the_service_but_addresses) {
    start();
    expect_refusal(exchange("PROXY TCP4 1.2.3.4\r\nX-Evil: 1 1.2.3.4 1 2\r\nhello"),
                   reason::proxy_protocol);
    BOOST_TEST(exchange("PROXY TCP6 2001:DB8::0:7 ::FFFF:1.2.3.4 1 2\r\nhello").bytes == "hello");
    BOOST_TEST(forwarded() == "for=\"[2001:db8::7]:1\";by=\"1.2.3.4:2\";proto=tcp");
}

BOOST_AUTO_TEST_SUITE_END()
