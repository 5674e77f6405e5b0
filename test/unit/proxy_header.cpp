// Against the byte layouts of the PROXY protocol's specification, sections 2.1 and 2.2.
#include "finpost/proxy_header.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;

namespace {

socket_address at(std::string_view text) { return parse_socket_address(text).value(); }

std::string bytes(std::initializer_list<int> all) {
    std::string out;
    for (const int one : all) out += static_cast<char>(one);
    return out;
}

const std::string signature =
    bytes({0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a});

} // namespace

BOOST_AUTO_TEST_SUITE(proxy_header)

BOOST_AUTO_TEST_CASE(version_1_is_a_line) {
    BOOST_TEST(
        finpost::proxy_header(proxy_version::v1, at("192.0.2.44:56324"), at("192.0.2.10:443")) ==
        "PROXY TCP4 192.0.2.44 192.0.2.10 56324 443\r\n");
    BOOST_TEST(finpost::proxy_header(proxy_version::v1, at("[2001:db8::1]:1"), at("[::1]:65535")) ==
               "PROXY TCP6 2001:db8::1 ::1 1 65535\r\n");
}

BOOST_AUTO_TEST_CASE(version_2_is_binary) {
    const std::string v4 =
        finpost::proxy_header(proxy_version::v2, at("192.0.2.44:56324"), at("192.0.2.10:443"));
    BOOST_TEST((v4 == signature + bytes({0x21, 0x11, 0, 12, 192, 0, 2, 44, 192, 0, 2, 10, 0xdc,
                                         0x04, 0x01, 0xbb})));
    const std::string v6 =
        finpost::proxy_header(proxy_version::v2, at("[2001:db8::1]:1"), at("[::1]:65535"));
    BOOST_TEST(
        (v6 == signature + bytes({0x21, 0x21, 0, 36, 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0,    0,   0, 0,
                                  0,    0,    0, 0,  0,    1,    0,    0,    0, 0, 0,    0,   0, 0,
                                  0,    0,    0, 0,  0,    0,    0,    1,    0, 1, 0xff, 0xff})));
}

BOOST_AUTO_TEST_CASE(a_mixed_pair_becomes_ipv6) {
    const socket_address v4 = at("192.0.2.44:5"), v6 = at("[2001:db8::1]:6");
    BOOST_TEST(finpost::proxy_header(proxy_version::v1, v4, v6) ==
               "PROXY TCP6 ::ffff:192.0.2.44 2001:db8::1 5 6\r\n");
    BOOST_TEST((finpost::proxy_header(proxy_version::v2, v6, v4) ==
                signature + bytes({0x21, 0x21, 0,    36,   0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0,
                                   0,    0,    0,    0,    0,    1,    0,    0,    0, 0, 0, 0, 0, 0,
                                   0,    0,    0xff, 0xff, 192,  0,    2,    44,   0, 6, 0, 5})));
}

BOOST_AUTO_TEST_CASE(the_longest_line_has_the_107_bytes_of_the_specification_at_most) {
    const socket_address longest = at("[1111:2222:3333:4444:5555:6666:7777:8888]:65535");
    BOOST_TEST(finpost::proxy_header(proxy_version::v1, longest, longest).size() <= 107u);
}

BOOST_AUTO_TEST_CASE(versions_have_names) {
    for (const std::string_view word : {"v1", "v2"})
        BOOST_TEST(to_string(parse_proxy_version(word).value()) == word);
    BOOST_TEST(parse_proxy_version("2").error().message ==
               "\"2\": expected v1 or v2: did you mean v2?");
}

BOOST_AUTO_TEST_SUITE_END()
