#include "policy/foreign.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>
#include <utility>

using namespace finpost;
using namespace finpost::detail;
using kind = foreign_bytes::kind;
using namespace std::string_literals;

namespace {

void feed(foreign_bytes& into, std::string_view text) { into.feed(std::as_bytes(std::span(text))); }

// In pieces, and the end behind it.
foreign_bytes read(std::string_view text, std::size_t piece = std::string_view::npos) {
    foreign_bytes out;
    for (std::size_t at = 0; at < text.size(); at += std::min(piece, text.size()))
        feed(out, text.substr(at, piece));
    out.finish();
    return out;
}

void expect(std::string_view text, kind what) {
    BOOST_TEST((read(text).is() == what), text);
    BOOST_TEST((read(text, 1).is() == what), text << ", byte by byte");
    BOOST_TEST(read(text).is_foreign() == (what != kind::payload));
}

const std::string hello = "\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03"s + std::string(194, 'r');

} // namespace

BOOST_AUTO_TEST_SUITE(foreign)

BOOST_AUTO_TEST_CASE(a_get_or_a_head_is_a_probe) {
    for (const std::string& text :
         {"GET / HTTP/1.1\r\nHost: x\r\n\r\n"s, "GET /healthz HTTP/1.0\r\n\r\n"s,
          "HEAD /?a=b HTTP/1.1\r\n\r\n"s, "GET http://x/ HTTP/1.1\n\n"s, "GET / HTTP/1.0\r\n"s,
          "GET / HTTP/1.0"s, "GET /\xc3\xa4 HTTP/1.1\r\n\r\n"s,
          "GET / HTTP/1.1\r\nHost: x\r\n\r\nand a body"s})
        expect(text, kind::http_probe);
    BOOST_TEST(read("HEAD / HTTP/1.1\r\n\r\n").is_head());
    BOOST_TEST(!read("GET / HTTP/1.1\r\n\r\n").is_head());
}

BOOST_AUTO_TEST_CASE(another_method_is_a_request) {
    for (const std::string method :
         {"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PROPFIND"})
        expect(method + " /x HTTP/1.1\r\nHost: x\r\n\r\n", kind::http_request);
    expect("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", kind::http_request);
    expect("OPTIONS / HTTP/1.0", kind::http_request);
}

BOOST_AUTO_TEST_CASE(a_client_hello_is_one_when_its_lengths_fit_together) {
    expect(hello, kind::client_hello);
    expect(hello.substr(0, 11), kind::client_hello);
    std::string part = hello;
    part[7] = 2; // the message goes on in further records
    expect(part, kind::client_hello);
    for (const auto& [at, byte] :
         {std::pair(1, '\2'), std::pair(2, '\5'), std::pair(5, '\2'), std::pair(8, '\1'),
          std::pair(9, '\2'), std::pair(10, '\7'), std::pair(4, '\0')}) {
        std::string other = hello;
        other[static_cast<std::size_t>(at)] = byte;
        expect(other, kind::payload);
    }
    expect(hello.substr(0, 10), kind::payload); // and the end
    expect("\x16\x16\x16", kind::payload);
}

BOOST_AUTO_TEST_CASE(what_only_looks_like_a_request_is_a_payload) {
    for (const std::string& text : {""s,
                                    "hello"s,
                                    "G"s,
                                    "GET"s,
                                    "GET "s,
                                    "GET /"s,
                                    "GET / "s,
                                    "GET / HTTP"s,
                                    "GET / HTTP/1."s,
                                    "GET /\r\n"s,
                                    "GET / HTTP/1.1 \r\n"s,
                                    "GET / HTTP/1.1\r\r\n"s,
                                    "GET  / HTTP/1.1\r\n\r\n"s,
                                    "GET / x HTTP/1.1\r\n\r\n"s,
                                    "get / HTTP/1.1\r\n\r\n"s,
                                    "GETS / HTTP/1.1\r\n\r\n"s,
                                    "GET / http/1.1\r\n\r\n"s,
                                    "GETTING STARTED"s,
                                    "POSITION 1"s,
                                    "HL7|MSH"s,
                                    "MSH|^~\\&|"s,
                                    "\nGET / HTTP/1.1\r\n\r\n"s,
                                    "GET / HTTP/x.1\r\n\r\n"s,
                                    "GET /\x01 HTTP/1.1\r\n\r\n"s,
                                    "{}"s,
                                    "GET /"s + std::string(9'000, 'x') + " HTTP/1.1\r\n\r\n"s,
                                    "ABCDEFGHIJKLM"s,
                                    "PROPFINDER"s})
        expect(text, kind::payload);
}

BOOST_AUTO_TEST_CASE(a_look_is_whole_when_its_head_is_there_and_not_before) {
    const std::string head = "GET /healthz HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";
    foreign_bytes one;
    for (std::size_t i = 0; i < head.size(); ++i) {
        BOOST_TEST(!one.is_whole(), i);
        BOOST_TEST((one.is() == (i > head.find('\n') ? kind::http_probe : kind::undecided)), i);
        feed(one, head.substr(i, 1));
    }
    BOOST_TEST(one.is_whole());
    foreign_bytes endless;
    feed(endless, "GET / HTTP/1.1\r\nX: ");
    for (int i = 0; i < 17; ++i) feed(endless, std::string(1'024, 'x'));
    BOOST_TEST(endless.is_whole());
    foreign_bytes bare;
    feed(bare, "GET / HTTP/1.0\n\n");
    BOOST_TEST(bare.is_whole());
    foreign_bytes short_lines;
    feed(short_lines, "GET / HTTP/1.0\r\nA\r\nB\r\n");
    BOOST_TEST(!short_lines.is_whole());
}

BOOST_AUTO_TEST_CASE(the_verdict_falls_at_the_first_byte_that_allows_it) {
    foreign_bytes one;
    feed(one, "{");
    BOOST_TEST((one.is() == kind::payload));
    foreign_bytes other;
    feed(other, "GO");
    BOOST_TEST((other.is() == kind::payload));
    foreign_bytes post;
    feed(post, "POST / HTTP/1.1\r\n");
    BOOST_TEST((post.is() == kind::http_request));
    foreign_bytes tls;
    feed(tls, std::string_view(hello).substr(0, 11));
    BOOST_TEST((tls.is() == kind::client_hello));
    feed(tls, "GET / HTTP/1.1\r\n\r\n"); // too late
    BOOST_TEST((tls.is() == kind::client_hello));
}

BOOST_AUTO_TEST_SUITE_END()
