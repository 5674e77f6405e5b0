#include "queue/crc32c.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace {

std::uint32_t crc_of(std::string_view text, std::size_t piece = std::string_view::npos) {
    finpost::detail::crc32c sum;
    while (!text.empty()) {
        sum.update(std::as_bytes(std::span(text.substr(0, piece))));
        text.remove_prefix(std::min(piece, text.size()));
    }
    return sum.value();
}

} // namespace

BOOST_AUTO_TEST_SUITE(crc32c)

BOOST_AUTO_TEST_CASE(is_that_of_the_rfc) {
    std::string up;
    for (int i = 0; i < 32; ++i) up += static_cast<char>(i);
    // RFC 3720 §B.4, as numbers.
    BOOST_TEST(crc_of(std::string(32, '\0')) == 0x8a9136aau);
    BOOST_TEST(crc_of(std::string(32, '\xff')) == 0x62a8ab43u);
    BOOST_TEST(crc_of(up) == 0x46dd794eu);
    BOOST_TEST(crc_of("123456789") == 0xe3069283u);
    BOOST_TEST(crc_of("") == 0u);
}

BOOST_AUTO_TEST_CASE(is_the_same_in_pieces_of_any_size) {
    std::string text;
    for (int i = 0; i < 1000; ++i) text += static_cast<char>(i * 31);
    for (std::size_t piece = 1; piece < 40; ++piece)
        BOOST_TEST(crc_of(text, piece) == crc_of(text));
}

BOOST_AUTO_TEST_SUITE_END()
