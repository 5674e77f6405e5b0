#include "policy/proxy_protocol.hpp"

#include "finpost/proxy_header.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <string_view>
#include <vector>

using namespace finpost;
using namespace finpost::detail;
using state = proxy_parser::state;
using subject = proxy_parser::subject;
using namespace std::string_literals;

namespace {

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

struct outcome {
    state how;
    std::size_t taken;
    proxy_parser parser;
};

outcome read(std::string_view text, std::size_t piece = std::string_view::npos) {
    outcome out{state::more, 0, {}};
    while (out.taken < text.size() && out.parser.reading() == state::more) {
        const std::string_view part = text.substr(out.taken, piece);
        out.taken += out.parser.feed(std::as_bytes(std::span(part)));
    }
    out.how = out.parser.reading();
    return out;
}

void expect_bad(std::string_view text, std::string_view fault) {
    const outcome got = read(text);
    BOOST_TEST((got.how == state::bad), text);
    BOOST_TEST(got.parser.fault() == fault, text << ": " << got.parser.fault());
}

std::string line(const std::string& rest) { return "PROXY " + rest + "\r\n"; }

std::string number(std::size_t value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}

std::string binary(int command, int family, const std::string& block) {
    return signature + static_cast<char>(command) + static_cast<char>(family) +
           number(block.size()) + block;
}

std::string value(int type, const std::string& content) {
    return static_cast<char>(type) + number(content.size()) + content;
}

const std::string v4_block("\xc0\x00\x02\x01\xc0\x00\x02\x02\x30\x39\x13\x88", 12);

} // namespace

BOOST_AUTO_TEST_SUITE(proxy_protocol)

BOOST_AUTO_TEST_CASE(what_our_own_client_writes_is_read_back_at_every_split) {
    const auto address = [](const char* text) { return parse_socket_address(text).value(); };
    const std::pair<const char*, const char*> pairs[]{{"192.0.2.1:12345", "192.0.2.2:5000"},
                                                      {"[2001:db8::1]:1", "[2001:db8::2]:65535"},
                                                      {"192.0.2.1:0", "[2001:db8::2]:80"}};
    for (const auto version : {proxy_version::v1, proxy_version::v2}) {
        for (const auto& [from, to] : pairs) {
            const std::string header = proxy_header(version, address(from), address(to));
            for (std::size_t piece = 1; piece <= header.size(); ++piece) {
                const outcome got = read(header + "\r\nPROXY payload", piece);
                BOOST_TEST((got.how == state::complete));
                BOOST_TEST(got.taken == header.size());
                BOOST_TEST((got.parser.whose() == subject::client));
                BOOST_TEST(to_string(got.parser.source()) == from);
                BOOST_TEST(to_string(got.parser.destination()) == to);
            }
            for (std::size_t cut = 0; cut < header.size(); ++cut)
                BOOST_TEST((read(header.substr(0, cut)).how == state::more));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_line_of_unknown_origin_names_nobody) {
    for (const std::string& text :
         {line("UNKNOWN"), line("UNKNOWN ffff:f...f:ffff 65535 whatever")}) {
        const outcome got = read(text);
        BOOST_TEST((got.how == state::complete));
        BOOST_TEST((got.parser.whose() == subject::unknown));
        BOOST_TEST(got.taken == text.size());
    }
}

BOOST_AUTO_TEST_CASE(a_line_that_is_not_exactly_one_is_bad) {
    const auto begin = "it does not begin with one";
    for (const std::string text :
         {"x", "GET / HTTP/1.1", "PROXYTCP4", "proxy TCP4 ", "\n", "\r\n\r\n\r"})
        expect_bad(text, begin);
    expect_bad("\0"s, begin);
    const auto family = "the family is not TCP4, TCP6 or UNKNOWN";
    for (const char* rest : {"TCP5 1.2.3.4 1.2.3.4 1 2", "", " TCP4 1.2.3.4 1.2.3.4 1 2",
                             "tcp4 1.2.3.4", "UNKNOWNX", "UDP4 1.2.3.4 1.2.3.4 1 2"})
        expect_bad(line(rest), family);
    const auto malformed = "an address or a port is malformed";
    for (const char* rest :
         {"TCP4", "TCP4 1.2.3.4", "TCP4 1.2.3.4 1.2.3.4", "TCP4 1.2.3.4 1.2.3.4 1",
          "TCP4 1.2.3.4 1.2.3.4 1 ", "TCP4 1.2.3.4 1.2.3.4 1 2 ", "TCP4 1.2.3.4 1.2.3.4 1 2 3",
          "TCP4 1.2.3.4  1.2.3.4 1 2", "TCP4 1.2.3.4 1.2.3.4 01 2", "TCP4 1.2.3.4 1.2.3.4 1 65536",
          "TCP4 1.2.3.4 1.2.3.4 -1 2", "TCP4 1.2.3.4 1.2.3.4 +1 2", "TCP4 1.2.3.256 1.2.3.4 1 2",
          "TCP4 01.2.3.4 1.2.3.4 1 2", "TCP4 ::1 ::1 1 2", "TCP6 1.2.3.4 1.2.3.4 1 2",
          "TCP6 fe80::1%eth0 ::1 1 2", "TCP6 [::1] ::1 1 2", "TCP4 host 1.2.3.4 1 2"})
        expect_bad(line(rest), malformed);
    const auto control = "a control character in the line";
    for (const std::string& text :
         {"PROXY TCP4\n"s, "PROXY TCP4\r "s, "PROXY TCP4\r\r"s, "PROXY TCP4\t"s, "PROXY \0"s,
          "PROXY UNKNOWN \x80"s, "PROXY UNKNOWN \x7f"s})
        expect_bad(text, control);
    expect_bad("PROXY UNKNOWN " + std::string(200, 'x'), "the line is longer than 107 bytes");
    BOOST_TEST(
        (read("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n").how == state::complete)); // 107
    expect_bad("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n",
               "the line is longer than 107 bytes");
}

BOOST_AUTO_TEST_CASE(local_and_unspecified_headers_are_passed_over) {
    for (const std::string& block : {""s, v4_block, std::string(300, '\xff')}) {
        for (const int family : {0x00, 0x11, 0x21, 0x31}) {
            const outcome got = read(binary(0x20, family, block) + "payload");
            BOOST_TEST((got.how == state::complete));
            BOOST_TEST((got.parser.whose() == subject::proxy));
            BOOST_TEST(got.taken == 16 + block.size());
        }
        const outcome got = read(binary(0x21, 0x00, block) + "payload");
        BOOST_TEST((got.how == state::complete));
        BOOST_TEST((got.parser.whose() == subject::unknown));
        BOOST_TEST(got.taken == 16 + block.size());
    }
    // Families that are valid and of no use on TCP.
    for (const auto& [family, size] :
         {std::pair{0x12, 12}, {0x22, 36}, {0x31, 216}, {0x32, 216}, {0x10, 12}}) {
        const outcome got =
            read(binary(0x21, family, std::string(static_cast<std::size_t>(size), '\1')));
        BOOST_TEST((got.how == state::complete));
        BOOST_TEST((got.parser.whose() == subject::unknown));
    }
}

BOOST_AUTO_TEST_CASE(a_binary_header_that_is_not_exactly_one_is_bad) {
    for (const int command : {0x10, 0x11, 0x22, 0x2f, 0x31, 0x00})
        expect_bad(binary(command, 0x11, v4_block),
                   "the version is not 2, or the command is unknown");
    for (const int family : {0x13, 0x1f, 0x41, 0xf1, 0x03})
        expect_bad(binary(0x21, family, v4_block), "the family or the protocol is unknown");
    const auto short_one = "it is too short for its addresses";
    expect_bad(binary(0x21, 0x11, v4_block.substr(1)), short_one);
    expect_bad(binary(0x21, 0x21, std::string(35, 'x')), short_one);
    expect_bad(binary(0x21, 0x31, std::string(215, 'x')), short_one);
    expect_bad(binary(0x21, 0x11, ""), short_one);
    expect_bad(signature + "\x21\x11\xff\xff", "it is longer than 16 KiB");
    const outcome none = read(signature + "\x21\x11\xff\xff" + std::string(100, 'x'));
    BOOST_TEST(none.taken == 16u); // not a byte of what it announces
}

BOOST_AUTO_TEST_CASE(values_end_exactly_where_the_header_ends) {
    const std::string good =
        value(0x04, "") + value(0x20, std::string(1000, 's')) + value(0xe0, "x");
    const outcome got = read(binary(0x21, 0x11, v4_block + good));
    BOOST_TEST((got.how == state::complete));
    BOOST_TEST(to_string(got.parser.source()) == "192.0.2.1:12345");
    const auto beyond = "a value reaches beyond the header";
    for (const std::string& bad :
         {"\x04"s, "\x04\0"s, "\x04\0\1"s, "\x20\xff\xffxx"s, value(4, "ok") + "\5"s})
        expect_bad(binary(0x21, 0x11, v4_block + bad) + std::string(100, 'x'), beyond);
}

BOOST_AUTO_TEST_CASE(a_checksum_is_that_of_the_header_or_it_is_bad) {
    // Made with an independent CRC-32C of the same bytes, zeros in the sum's place.
    const std::string sum("\x03\x00\x04\xf4\x40\x24\x5b", 7);
    std::string header = binary(0x21, 0x11, v4_block + sum);
    const auto wrong = "the checksum is not that of the header";
    BOOST_TEST((read(header).how == state::complete), read(header).parser.fault());
    for (std::size_t i = 16; i < header.size(); ++i) {
        if (i >= 28 && i < 31) continue; // the value's type and length
        std::string damaged = header;
        damaged[i] = static_cast<char>(damaged[i] ^ 1);
        expect_bad(damaged, wrong);
    }
    expect_bad(binary(0x21, 0x11, v4_block + value(3, "abc")), wrong);
}

BOOST_AUTO_TEST_CASE(whatever_comes_it_takes_no_more_than_a_header_and_never_hangs) {
    std::mt19937 random(20261124);
    std::vector<std::string> seeds{line("TCP4 192.0.2.1 192.0.2.2 1 2"), line("UNKNOWN x"),
                                   binary(0x21, 0x11, v4_block + value(4, "abc")),
                                   binary(0x21, 0x21, std::string(36, '\2')), binary(0x20, 0, "")};
    std::size_t complete = 0, bad = 0;
    for (int i = 0; i < 100'000; ++i) {
        std::string text = seeds[random() % seeds.size()];
        for (unsigned n = random() % 4; n > 0; --n) {
            const std::size_t at = random() % text.size();
            if (random() % 2 == 0)
                text[at] = static_cast<char>(random());
            else
                text.insert(at, 1, static_cast<char>(random()));
        }
        const outcome whole = read(text);
        const outcome bytewise = read(text, 1);
        BOOST_REQUIRE((whole.how == bytewise.how));
        BOOST_REQUIRE(whole.taken == bytewise.taken);
        BOOST_REQUIRE(whole.taken <= text.size());
        complete += whole.how == state::complete;
        bad += whole.how == state::bad;
    }
    BOOST_TEST(complete > 1'000u);
    BOOST_TEST(bad > 1'000u);
}

BOOST_AUTO_TEST_SUITE_END()
