#include "upstream/request_head.hpp"

#include "finpost/exchange_deadline.hpp"
#include "finpost/handler.hpp"
#include "finpost/upstream_config.hpp"
#include "finpost/version.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::detail;

namespace {

head_opening opening(const http_url& url, const upstream_config& config) {
    request_templates templates;
    if (!config.path.empty()) templates.path = parse_template(config.path).value();
    for (const http_header& one : config.headers)
        templates.headers.push_back(parse_template(one.value).value());
    return head_opening(url, config, templates);
}

std::string head_of(const char* peer, const char* local, std::string_view body,
                    bool sampled = false, upstream_config config = {}) {
    exchange_deadline deadline;
    const finpost::request_id id(std::chrono::milliseconds(0x017f22e279b0), 0x0cc3,
                                 0x18c4dc0c0c07398f);
    const request asked({.body = payload(body),
                         .peer = parse_socket_address(peer).value(),
                         .local = parse_socket_address(local).value(),
                         .id = id,
                         .sampled = sampled},
                        deadline);
    const http_url url = parse_http_url("http://service.test:3000/upload?x=1").value();
    config.content_type = "text/plain";
    return request_head(opening(url, config), asked, 0x00f067aa0ba902b7);
}

} // namespace

BOOST_AUTO_TEST_SUITE(request_head)

BOOST_AUTO_TEST_CASE(says_everything_an_upstream_is_promised) {
    BOOST_TEST(head_of("192.0.2.7:40000", "198.51.100.1:5000", "hello") ==
               "POST /upload?x=1 HTTP/1.1\r\n"
               "Host: service.test:3000\r\n"
               "User-Agent: finpost/" FINPOST_VERSION "\r\n"
               "Content-Type: text/plain\r\n"
               "Accept-Encoding: identity\r\n"
               "Content-Length: 5\r\n"
               "X-Request-Id: 017f22e2-79b0-7cc3-98c4-dc0c0c07398f\r\n"
               "Idempotency-Key: 017f22e2-79b0-7cc3-98c4-dc0c0c07398f\r\n"
               "traceparent: 00-017f22e279b07cc398c4dc0c0c07398f-00f067aa0ba902b7-00\r\n"
               "Forwarded: for=\"192.0.2.7:40000\";by=\"198.51.100.1:5000\";proto=tcp\r\n"
               "X-Forwarded-For: 192.0.2.7\r\n"
               "\r\n");
}

BOOST_AUTO_TEST_CASE(has_room_for_the_longest_addresses) {
    const std::string host = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe",
                      address = '[' + host + "]:65535";
    const std::string head = head_of(address.c_str(), address.c_str(), "hello");
    BOOST_TEST(head.ends_with("\r\nForwarded: for=\"" + address + "\";by=\"" + address +
                              "\";proto=tcp\r\nX-Forwarded-For: " + host + "\r\n\r\n"));
}

BOOST_AUTO_TEST_CASE(says_when_the_trace_is_sampled) {
    const std::string head = head_of("192.0.2.7:40000", "198.51.100.1:5000", "hello", true);
    BOOST_TEST((
        head.find("\r\ntraceparent: 00-017f22e279b07cc398c4dc0c0c07398f-00f067aa0ba902b7-01\r\n") !=
        head.npos));
}

BOOST_AUTO_TEST_CASE(a_stream_has_no_length) {
    exchange_deadline deadline;
    upstream_config config;
    config.headers = {{"X-Size", "{payload.bytes}"}};
    const request asked({.peer = parse_socket_address("192.0.2.7:1").value(),
                         .local = parse_socket_address("192.0.2.8:2").value(),
                         .streamed = true},
                        deadline);
    const http_url url = parse_http_url("http://service.test:3000/").value();
    const std::string head = finpost::detail::request_head(opening(url, config), asked, 1);
    BOOST_TEST(head.find("\r\nTransfer-Encoding: chunked\r\n") != head.npos);
    BOOST_TEST(head.find("Content-Length") == head.npos);
    BOOST_TEST(head.find("\r\nX-Size: unknown\r\n") != head.npos);
}

BOOST_AUTO_TEST_CASE(quotes_ipv6_addresses_as_rfc_7239_asks) {
    const std::string head = head_of("[2001:db8::7]:40000", "[::1]:5000", "");
    BOOST_TEST(
        (head.find("\r\nForwarded: for=\"[2001:db8::7]:40000\";by=\"[::1]:5000\";proto=tcp\r\n") !=
         head.npos));
    BOOST_TEST((head.find("\r\nX-Forwarded-For: 2001:db8::7\r\n") != head.npos));
    BOOST_TEST((head.find("\r\nContent-Length: 0\r\n") != head.npos));
}

BOOST_AUTO_TEST_CASE(a_health_check_is_a_get_without_a_body) {
    const auto url = finpost::parse_http_url("http://example.org:3000/upload").value();
    BOOST_TEST(finpost::detail::health_head(url, "/health") ==
               "GET /health HTTP/1.1\r\n"
               "Host: example.org:3000\r\n"
               "User-Agent: finpost/" FINPOST_VERSION "\r\n"
               "Connection: close\r\n\r\n");
}

BOOST_AUTO_TEST_CASE(path_and_headers_say_what_their_templates_name) {
    upstream_config config;
    config.method = "PUT";
    config.path = "/from/{peer.ip}/{peer.port}?to={local.port}&{{n}}={payload.bytes}";
    config.headers = {{"X-Site", "Berlin"}, {"X-Device", "{peer.ip}; id={request.id}"}};
    const std::string head = head_of("[2001:db8::7]:40000", "[::1]:5000", "hello", false, config);
    BOOST_TEST(head.starts_with("PUT /from/2001:db8::7/40000?to=5000&%7Bn%7D=5 HTTP/1.1\r\n"
                                "Host: service.test:3000\r\n"
                                "User-Agent: finpost/" FINPOST_VERSION "\r\n"
                                "Content-Type: text/plain\r\n"
                                "Accept-Encoding: identity\r\n"
                                "X-Site: Berlin\r\n"
                                "X-Device: 2001:db8::7; id=017f22e2-79b0-7cc3-98c4-dc0c0c07398f\r\n"
                                "Content-Length: 5\r\n"),
               head);
}

BOOST_AUTO_TEST_CASE(codings_are_asked_for_only_by_a_header_of_the_users) {
    upstream_config config;
    BOOST_TEST(accept_encoding(config) == "identity");
    config.headers = {{"accept-encoding", "gzip;q=0.5"}, {"Accept-Encoding", "br"}};
    BOOST_TEST(accept_encoding(config) == "gzip;q=0.5,br");
    const std::string head = head_of("192.0.2.7:1", "192.0.2.8:2", "hello", false, config);
    BOOST_TEST(head.find("identity") == head.npos);
    BOOST_TEST(head.find("\r\naccept-encoding: gzip;q=0.5\r\n") != head.npos);
    config.headers = {{"Accept-Encoding", "{peer.ip}"}};
    BOOST_TEST(accept_encoding(config) == "*");
}

BOOST_AUTO_TEST_SUITE_END()
