#include "finpost/endpoint.hpp"

#include <boost/test/unit_test.hpp>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

using namespace finpost;

namespace {

// Texts, and what the message about each must say.
using faults = std::vector<std::pair<std::string, std::string>>;

template <class Parse>
void check(const faults& cases, Parse parse) {
    for (const auto& [text, part] : cases) {
        const auto read = parse(text);
        if (read) {
            BOOST_ERROR("taken: " << text);
            continue;
        }
        const std::string& message = read.error().message;
        BOOST_TEST((message.find(part) != message.npos), message << " does not say " << part);
        BOOST_TEST((message.find_first_of("\r\n\x1b") == message.npos), message);
        BOOST_TEST(message.size() < 400u);
    }
}

socket_address v6_address(const char* host, std::uint16_t port, std::uint32_t scope = 0) {
    sockaddr_in6 raw{};
    raw.sin6_family = AF_INET6;
    raw.sin6_port = htons(port);
    raw.sin6_scope_id = scope;
    BOOST_REQUIRE(inet_pton(AF_INET6, host, &raw.sin6_addr) == 1);
    return {reinterpret_cast<const sockaddr*>(&raw), sizeof raw};
}

std::string target_of(std::string_view url) { return parse_http_url(url).value().target; }
std::string authority_of(std::string_view url) { return parse_http_url(url).value().authority; }

} // namespace

BOOST_AUTO_TEST_SUITE(endpoint)

BOOST_AUTO_TEST_CASE(a_host_and_a_port_are_read) {
    BOOST_TEST((parse_host_port("localhost:5000").value() == host_port{"localhost", 5000}));
    for (const char* text : {"localhost:5000", "192.0.2.1:1", "[2001:db8::1]:65535"})
        BOOST_TEST(to_string(parse_host_port(text).value()) == text);
    BOOST_TEST((parse_host_port("127.0.0.1:0").value() == host_port{"127.0.0.1", 0}));
    BOOST_TEST(
        (parse_host_port("a-b.c_d.example:65535").value() == host_port{"a-b.c_d.example", 65535}));
    BOOST_TEST((parse_host_port("[::1]:80").value() == host_port{"::1", 80}));
    BOOST_TEST((parse_host_port(std::string(253, 'a') + ":1").value().host.size() == 253u));
}

BOOST_AUTO_TEST_CASE(a_bad_host_or_port_is_named) {
    check({{"", "has no port"},
           {"localhost", "has no port"},
           {"[::1]", "has no port"},
           {"::1:80", "IPv6 address without brackets"},
           {"2001:db8::1", "IPv6 address without brackets"},
           {"a:1:2", "more than one port"},
           {":80", "has no host"},
           {"[]:80", "has no host"},
           {"[localhost]:80", "has no valid host"},
           {"[127.0.0.1]:80", "has no valid host"},
           {"[::1:80", "IPv6 address without brackets"},
           {"a b:80", "has no valid host"},
           {"a/b:80", "has no valid host"},
           {"*:80", "has no valid host"},
           {std::string("a\0b:80", 6), "has no valid host"},
           {"a\r\n:80", "has no valid host"},
           {"h\xc3\xb6st:80", "has no valid host"},
           {std::string(254, 'a') + ":1", "has no valid host"},
           {"h:", "has no valid port"},
           {"h:-1", "has no valid port"},
           {"h:+1", "has no valid port"},
           {"h:65536", "has no valid port"},
           {"h:99999999999999999999", "has no valid port"},
           {"h:80 ", "has no valid port"},
           {"h: 80", "has no valid port"},
           {"h:0x50", "has no valid port"},
           {"h:http", "has no valid port"}},
          [](const std::string& text) { return parse_host_port(text); });
}

BOOST_AUTO_TEST_CASE(a_literal_address_is_read_and_written) {
    for (const std::string text :
         {"127.0.0.1:5000", "0.0.0.0:0", "[::1]:5000", "[::]:0", "[2001:db8::1]:65535"})
        BOOST_TEST(to_string(parse_socket_address(text).value()) == text);
    BOOST_TEST(to_string(parse_socket_address("[2001:DB8:0:0::1]:1").value()) == "[2001:db8::1]:1");
    check({{"localhost:5000", "has a name for its host"},
           {"1.2.3:5000", "is not an IPv4 address"},
           {"1.2.3.4.5:5000", "is not an IPv4 address"},
           {"256.0.0.1:5000", "is not an IPv4 address"},
           {"127.0.0.1", "has no port"},
           {"::1", "IPv6 address without brackets"},
           {"[fe80::1%lo]:1", "has no valid host"}},
          [](const std::string& text) { return parse_socket_address(text); });
}

BOOST_AUTO_TEST_CASE(an_address_is_what_a_socket_takes) {
    const socket_address four = parse_socket_address("127.1.2.3:4660").value();
    BOOST_TEST(!four.is_v6());
    BOOST_TEST(four.size() == sizeof(sockaddr_in));
    BOOST_TEST(four.port() == 4660u);
    BOOST_TEST(four.host() == "127.1.2.3");
    sockaddr_in raw{};
    std::memcpy(&raw, four.data(), sizeof raw);
    BOOST_TEST(raw.sin_family == AF_INET);
    BOOST_TEST(raw.sin_port == htons(4660));
    BOOST_TEST(raw.sin_addr.s_addr == htonl(0x7f010203));
    BOOST_TEST((socket_address(four.data(), four.size()) == four));

    const socket_address six = v6_address("2001:db8::7", 80);
    BOOST_TEST(six.is_v6());
    BOOST_TEST(six.size() == sizeof(sockaddr_in6));
    BOOST_TEST(six.host() == "2001:db8::7");
    BOOST_TEST((socket_address(six.data(), six.size()) == six));
}

BOOST_AUTO_TEST_CASE(a_mapped_address_is_the_ipv4_address_it_is) {
    const socket_address mapped = v6_address("::ffff:127.0.0.1", 5000);
    BOOST_TEST(!mapped.is_v6());
    BOOST_TEST(to_string(mapped) == "127.0.0.1:5000");
    BOOST_TEST((mapped == parse_socket_address("127.0.0.1:5000").value()));
    BOOST_TEST(mapped.is_loopback());
}

BOOST_AUTO_TEST_CASE(what_is_no_internet_address_reads_as_the_default) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    const socket_address none;
    BOOST_TEST(to_string(none) == "0.0.0.0:0");
    BOOST_TEST((socket_address(reinterpret_cast<const sockaddr*>(&local), sizeof local) == none));
    const socket_address six = v6_address("::1", 80);
    BOOST_TEST((socket_address(six.data(), sizeof(sockaddr_in)) == none)); // cut short
    BOOST_TEST((socket_address(six.data(), 0) == none));
}

BOOST_AUTO_TEST_CASE(addresses_differ_in_host_port_family_and_scope) {
    const socket_address one = parse_socket_address("127.0.0.1:1").value();
    socket_address other = one;
    BOOST_TEST((other == one));
    other.port(2);
    BOOST_TEST(other.port() == 2u);
    BOOST_TEST((other != one));
    BOOST_TEST((parse_socket_address("127.0.0.2:1").value() != one));
    BOOST_TEST((parse_socket_address("[::1]:1").value() != one));
    BOOST_TEST(
        (parse_socket_address("0.0.0.0:0").value() != parse_socket_address("[::]:0").value()));
    BOOST_TEST((v6_address("fe80::1", 1, 1) == v6_address("fe80::1", 1, 1)));
    BOOST_TEST((v6_address("fe80::1", 1, 1) != v6_address("fe80::1", 1, 2)));
    socket_address six = v6_address("::1", 1);
    six.port(65535);
    BOOST_TEST(to_string(six) == "[::1]:65535");
}

BOOST_AUTO_TEST_CASE(loopback_is_recognised) {
    BOOST_TEST(parse_socket_address("127.0.0.1:1").value().is_loopback());
    BOOST_TEST(parse_socket_address("127.255.0.9:1").value().is_loopback());
    BOOST_TEST(parse_socket_address("[::1]:1").value().is_loopback());
    BOOST_TEST(!parse_socket_address("0.0.0.0:1").value().is_loopback());
    BOOST_TEST(!parse_socket_address("128.0.0.1:1").value().is_loopback());
    BOOST_TEST(!parse_socket_address("[::]:1").value().is_loopback());
}

BOOST_AUTO_TEST_CASE(a_url_is_taken_apart) {
    BOOST_TEST((parse_http_url("http://127.0.0.1:3000/upload?x=1&y").value() ==
                http_url{"http", "127.0.0.1", 3000, "/upload?x=1&y", "127.0.0.1:3000"}));
    BOOST_TEST((parse_http_url("https://example.com").value() ==
                http_url{"https", "example.com", 443, "/", "example.com"}));
    BOOST_TEST((parse_http_url("http://[2001:db8::1]:8080/").value() ==
                http_url{"http", "2001:db8::1", 8080, "/", "[2001:db8::1]:8080"}));
    BOOST_TEST(
        (parse_http_url("HTTP://h/A%20b").value() == http_url{"http", "h", 80, "/A%20b", "h"}));
}

// A reader that stops behind the address would send payloads to another host than the one written.
BOOST_AUTO_TEST_CASE(a_host_name_that_begins_like_an_address_is_taken_whole) {
    BOOST_TEST((parse_http_url("http://10.0.0.1.example:8080/x").value() ==
                http_url{"http", "10.0.0.1.example", 8080, "/x", "10.0.0.1.example:8080"}));
    BOOST_TEST(parse_http_url("http://1.2.3.4-5.example/").value().host == "1.2.3.4-5.example");
    BOOST_TEST(parse_http_url("http://1.2.3.4a:1").value().authority == "1.2.3.4a:1");
}

BOOST_AUTO_TEST_CASE(the_default_port_of_a_url_is_left_out_of_the_host_field) {
    BOOST_TEST(authority_of("http://h:80/") == "h");
    BOOST_TEST(authority_of("http://h:/") == "h");
    BOOST_TEST(authority_of("http://h:443/") == "h:443");
    BOOST_TEST(authority_of("https://h:443/") == "h");
    BOOST_TEST(authority_of("https://h:80/") == "h:80");
    BOOST_TEST(authority_of("http://[::1]/") == "[::1]");
}

BOOST_AUTO_TEST_CASE(the_target_of_a_url_has_at_least_a_slash) {
    BOOST_TEST(target_of("http://h") == "/");
    BOOST_TEST(target_of("http://h?x=1") == "/?x=1");
    BOOST_TEST(target_of("http://h/?") == "/?");
    BOOST_TEST(target_of("http://h/a//b/../c;p=1") == "/a//b/../c;p=1");
}

BOOST_AUTO_TEST_CASE(a_url_is_written_as_it_is_read_back) {
    for (const std::string text : {"http://127.0.0.1:3000/up", "https://h/", "http://[::1]:1/?q"})
        BOOST_TEST(to_string(parse_http_url(text).value()) == text);
    BOOST_TEST(to_string(parse_http_url("HTTP://h:80").value()) == "http://h/");
}

BOOST_AUTO_TEST_CASE(a_bad_url_is_named) {
    check({{"", "is not an absolute URL"},
           {"/upload", "is not an absolute URL"},
           {"127.0.0.1:3000", "did you mean http://127.0.0.1:3000?"},
           {"localhost:3000", "did you mean http://localhost:3000?"},
           {"ftp://h/", "scheme other than http and https"},
           {"unix:/run/x", "scheme other than http and https"},
           {"http:", "has no host"},
           {"http:/h", "has no host"},
           {"http:///upload", "has no host"},
           {"http://:80/", "has no host"},
           {"http://user@h/", "user name or password"},
           {"http://user:secret@h/", "user name or password"},
           {"http://@h/", "user name or password"},
           {"http://h/#top", "fragment"},
           {"http://h/#", "fragment"},
           {"http://a%2fb/", "has no valid host"},
           {"http://a%0d%0ab/", "has no valid host"},
           {"http://a!b/", "has no valid host"},
           {"http://[v1.x]/", "has no valid host"},
           {"http://[::1/", "has no valid host"},
           {"http://[127.0.0.1]/", "has no valid host"},
           {"http://[]/", "has no host"},
           {"http://::1/", "has no host"},
           {"http://h:0/", "has no valid port"},
           {"http://h:65536/", "has no valid port"},
           {"http://h:99999999999/", "has no valid port"},
           {"http://h:-1/", "has no valid port"},
           {"http://h:+1/", "has no valid port"},
           {"http://h:http/", "has no valid port"},
           {"http://h:80x/", "has no valid port"},
           {"http://h:80:90/", "has no valid port"},
           {"http://[::1]x/", "has no valid port"},
           {"http://[::1]80/", "has no valid port"},
           {"http://h/%zz", "is not an absolute URL"},
           {"http://h/a b", "character that no URL may have"},
           {" http://h/", "character that no URL may have"},
           {"http://h/\r\nX: y", "character that no URL may have"},
           {std::string("http://h/\0", 10), "character that no URL may have"},
           {"http://h/\x7f", "character that no URL may have"},
           {"http://h/\xc3\xb6", "character that no URL may have"}},
          [](const std::string& text) { return parse_http_url(text); });
}

// Resolvers read them as octal, hexadecimal or one number: payloads would go to another machine.
BOOST_AUTO_TEST_CASE(an_address_in_another_writing_is_refused_wherever_it_is_read) {
    const faults hosts{
        {"127.000.000.010", "did you mean 127.0.0.10?"}, {"127.1", "did you mean 127.0.0.1?"},
        {"0x7f.0.0.1", "did you mean 127.0.0.1?"},       {"2130706433", "did you mean 127.0.0.1?"},
        {"0177.0.0.1", "did you mean 177.0.0.1?"},       {"127.0.0.1.", "did you mean 127.0.0.1?"},
        {"10.0.0.256", "four numbers from 0 to 255"},    {"1.2.3.4.5", "is not an IPv4 address"},
        {"host.08", "is not an IPv4 address"},           {"010.1", "is not an IPv4 address"}};
    for (const auto& [host, part] : hosts) {
        BOOST_TEST(wrong_address(host) != "", host);
        check({{host + ":80", part}}, [](auto& text) { return parse_host_port(text); });
        check({{host + ":80", part}}, [](auto& text) { return parse_socket_address(text); });
        check({{"http://" + host + "/x", part}}, [](auto& text) { return parse_http_url(text); });
        check({{"http://" + host + ":3000", part}},
              [](auto& text) { return parse_http_url(text); });
    }
    for (const char* good :
         {"127.0.0.1", "0.0.0.0", "255.255.255.255", "host", "host1", "1host", "a.b2", "1.2.3.4x",
          "10.0.0.1.example", "0xyz", "localhost.", "::1", "::ffff:192.0.2.7"})
        BOOST_TEST(wrong_address(good) == "", good);
}

BOOST_AUTO_TEST_CASE(what_is_missing_or_too_much_is_named) {
    check({{"[::1]", "has no port"},
           {"http://127.0.0.1:5000/", "is a URL"},
           {"https://h/hook?token=SECRET", "is a URL"}},
          [](auto& text) { return parse_host_port(text); });
    check({{"localhost:3000", "did you mean http://localhost:3000?"},
           {"localhost", "did you mean http://localhost?"},
           {"10.0.0.5:3000/x", "did you mean http://10.0.0.5:3000/x?"}},
          [](auto& text) { return parse_http_url(text); });
    const std::string message = parse_http_url("http://user:SECRET@h/").error().message;
    BOOST_TEST((message.find("SECRET") == message.npos), message);
}

BOOST_AUTO_TEST_CASE(a_url_is_shown_without_its_secrets) {
    const faults cases{
        {"http://127.0.0.1:3000/upload", "http://127.0.0.1:3000/upload"},
        {"http://h/hook?token=SECRET", "http://h/hook?token=********"},
        {"http://h/?a=1&b=&c", "http://h/?a=********&b=&********"},
        {"https://hooks.example/services/T0AB/B0CD/abcdefghijklmnopqrstuvwx",
         "https://hooks.example/services/T0AB/B0CD/********"},
        {"https://h/hook/0192f0c1-7a3b-7c4d-8e5f-0123456789ab/x", "https://h/hook/********/x"},
        {"http://user:SECRET@h:1/x#part", "http://********@h:1/x#********"},
        {"/devices/{tls.peer_name}/readings", "/devices/{tls.peer_name}/readings"},
        {"/x?id={request.id}&a={peer.ip}b", "/x?id={request.id}&a=********"},
        {"/v1/customer-notifications?key=SECRET", "/v1/customer-notifications?key=********"},
        {"admin:SECRET@svc:3000/x", "********@svc:3000/x"},
        {"http://u:SEC/RET@h/", "http://u:********/********@h/"},
        {"http://[::1]:3000/@x", "http://[::1]:3000/@x"},
        {"", ""}};
    for (const auto& [text, shown] : cases) BOOST_TEST(masked_url(text) == shown);
}

BOOST_AUTO_TEST_SUITE_END()
