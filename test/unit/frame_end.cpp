#include "frame_end.hpp"

#include <boost/test/unit_test.hpp>

#include <span>
#include <string>
#include <string_view>

using finpost::frame_spec;
using finpost::parse_frame_spec;
using finpost::detail::end_mark;
using finpost::detail::frame_check;
using namespace std::string_literals;

namespace {

std::string mark_of(std::string_view spec) {
    const frame_spec parsed = parse_frame_spec(spec).value();
    return std::string(end_mark(parsed));
}

std::string check_of(frame_spec::checksum which, std::string_view body, std::size_t piece) {
    frame_check check(which);
    for (std::size_t i = 0; i < body.size(); i += piece)
        check.add(std::as_bytes(std::span(body.substr(i, piece))));
    check.add_etx();
    const auto text = check.text();
    return {text.data(), check.size()};
}

} // namespace

BOOST_AUTO_TEST_SUITE(frame_end)

BOOST_AUTO_TEST_CASE(each_frame_that_is_looked_for_has_a_mark) {
    BOOST_TEST(mark_of("line") == "\n");
    BOOST_TEST(mark_of("delimiter:0D0A00") == "\r\n\0"s);
    BOOST_TEST(mark_of("stx-etx,sum") == "\x03");
    BOOST_TEST(mark_of("mllp") == "\x1c\r");
    for (const char* counted : {"eof", "length:u8", "length:ascii:4", "netstring", "fixed:3"})
        BOOST_TEST(mark_of(counted) == "", counted);
}

BOOST_AUTO_TEST_CASE(the_etx_counts_in_the_check) {
    using checksum = frame_spec::checksum;
    for (const std::size_t piece : {1u, 2u, 3u}) {
        BOOST_TEST(check_of(checksum::none, "abc", piece) == "");
        BOOST_TEST(check_of(checksum::lrc, "abc", piece) == "\x63");   // 61 ^ 62 ^ 63 ^ 03
        BOOST_TEST(check_of(checksum::sum, "abc", piece) == "29\r\n"); // 129
        BOOST_TEST(check_of(checksum::sum, "\xff\xff", piece) == "01\r\n");
    }
    BOOST_TEST(check_of(checksum::lrc, "", 1) == "\x03");
}

BOOST_AUTO_TEST_CASE(it_begins_anew) {
    frame_check check(frame_spec::checksum::lrc);
    check.add_etx();
    check.reset();
    check.add_etx();
    BOOST_TEST(check.text()[0] == '\x03');
}

BOOST_AUTO_TEST_SUITE_END()
