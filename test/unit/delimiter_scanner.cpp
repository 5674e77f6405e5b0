#include "delimiter_scanner.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// Where each delimiter in `text` ends, in pieces of `size` bytes.
std::string ends(std::string_view delimiter, std::string_view text, std::size_t size) {
    finpost::detail::delimiter_scanner scanner(delimiter);
    std::string out;
    std::size_t at = 0;
    while (at < text.size()) {
        const auto [n, match] = scanner.feed(bytes(text.substr(at, size)));
        at += n;
        if (match) out += std::to_string(at) + ' ';
    }
    return out + '+' + std::to_string(scanner.matched());
}

// The same by looking the whole text through.
std::string ends_naively(std::string_view delimiter, std::string_view text) {
    std::string out;
    std::size_t from = 0;
    for (std::size_t at = text.find(delimiter); at != text.npos; at = text.find(delimiter, from)) {
        from = at + delimiter.size();
        out += std::to_string(from) + ' ';
    }
    std::size_t open = 0;
    for (std::size_t n = 1; n < delimiter.size(); ++n)
        if (text.substr(from).ends_with(delimiter.substr(0, n))) open = n;
    return out + '+' + std::to_string(open);
}

// The `number`-th text of `size` letters out of the first `letters`.
std::string text_of(unsigned number, std::size_t size, unsigned letters) {
    std::string out;
    for (; out.size() < size; number /= letters) out += static_cast<char>('a' + number % letters);
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(delimiter_scanner)

// Every delimiter of up to four bytes out of two letters, in every text of up to nine.
BOOST_AUTO_TEST_CASE(each_delimiter_is_found_where_it_is) {
    for (std::size_t of = 1; of <= 4; ++of)
        for (unsigned d = 0; d < 1u << of; ++d)
            for (std::size_t size = 0; size <= 9; ++size)
                for (unsigned t = 0; t < 1u << size; ++t) {
                    const std::string delimiter = text_of(d, of, 2), text = text_of(t, size, 2);
                    const std::string expected = ends_naively(delimiter, text);
                    for (const std::size_t piece : {1u, 2u, 3u, 100u})
                        if (ends(delimiter, text, piece) != expected)
                            BOOST_TEST(ends(delimiter, text, piece) == expected,
                                       delimiter << " in " << text);
                }
}

BOOST_AUTO_TEST_CASE(the_longest_delimiter_and_any_byte) {
    std::string delimiter(32, '\xff');
    delimiter.back() = '\0';
    BOOST_TEST(ends(delimiter, std::string(40, '\xff') + '\0', 7) == "41 +0");
    BOOST_TEST(ends(delimiter, std::string(40, '\xff'), 7) == "+31");
}

BOOST_AUTO_TEST_CASE(no_text_costs_more_than_its_length) {
    const std::string text(8 << 20, 'a'), delimiter = std::string(31, 'a') + 'b';
    finpost::detail::delimiter_scanner scanner(delimiter);
    const auto [n, match] = scanner.feed(bytes(text));
    BOOST_TEST(n == text.size());
    BOOST_TEST(!match);
    BOOST_TEST(scanner.matched() == 31u);
}

BOOST_AUTO_TEST_SUITE_END()
