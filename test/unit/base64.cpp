#include "finpost/base64.hpp"

#include <boost/test/unit_test.hpp>

#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace b64 = finpost::base64;

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::string encoded(std::string_view plain) {
    std::string out(b64::encoded_size(plain.size()), '?');
    out.resize(b64::encode(bytes_of(plain), out.data()));
    return out;
}

// What a text decodes to, or "offset: cause". The output is of exactly the promised size and on the
// heap, so that a sanitizer sees a byte too many.
std::string decoded(std::string_view text) {
    std::vector<std::byte> out(b64::decoded_size(text.size()));
    const b64::decode_result result = b64::decode(bytes_of(text), out.data());
    if (result.error)
        return std::to_string(result.error->offset) + ": " + std::string(result.error->cause);
    BOOST_REQUIRE(result.size <= out.size());
    return {reinterpret_cast<const char*>(out.data()), result.size};
}

bool decodes(std::string_view text) {
    std::vector<std::byte> out(b64::decoded_size(text.size()));
    return !b64::decode(bytes_of(text), out.data()).error;
}

// RFC 4648 §4 taken literally, bit by bit: slow, and nothing it shares with what is tested.
std::string encoded_by_the_book(std::string_view plain) {
    std::string bits;
    for (const char c : plain)
        for (unsigned bit = 8; bit-- > 0;)
            bits += (static_cast<unsigned char>(c) >> bit & 1u) != 0 ? '1' : '0';
    while (bits.size() % 6 != 0) bits += '0';
    std::string out;
    for (std::size_t i = 0; i < bits.size(); i += 6)
        out += alphabet[std::stoul(bits.substr(i, 6), nullptr, 2)];
    while (out.size() % 4 != 0) out += '=';
    return out;
}

std::string random_bytes(std::mt19937& generator, std::size_t size) {
    std::string out(size, '\0');
    for (std::size_t i = 0; i < size; i += 4) {
        const auto four = static_cast<std::uint32_t>(generator());
        std::memcpy(out.data() + i, &four, std::min<std::size_t>(4, size - i));
    }
    return out;
}

// True when `plain` survives both ways, into another buffer and in place.
bool survives(const std::string& plain) {
    const std::string text = encoded(plain);
    if (text.size() != b64::encoded_size(plain.size()) || decoded(text) != plain) return false;
    std::string in_place = text + "\r\n";
    auto* const out = reinterpret_cast<std::byte*>(in_place.data());
    const auto result = b64::decode(bytes_of(in_place), out);
    return !result.error && in_place.compare(0, result.size, plain) == 0 &&
           result.size == plain.size();
}

} // namespace

BOOST_AUTO_TEST_SUITE(base64)

BOOST_AUTO_TEST_CASE(the_vectors_of_rfc_4648) {
    const std::vector<std::pair<std::string, std::string>> vectors{
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
    };
    for (const auto& [plain, text] : vectors) {
        BOOST_TEST(encoded(plain) == text);
        BOOST_TEST(decoded(text) == plain);
    }
    // Every character of the alphabet: the first 48 bytes of §4's table, read as values 0 to 63.
    BOOST_TEST(encoded(decoded(alphabet)) == alphabet);
    BOOST_TEST(decoded("+/+/") == "\xfb\xff\xbf");
}

BOOST_AUTO_TEST_CASE(one_line_end_at_the_very_end_is_tolerated_and_no_more) {
    for (const std::string end : {"", "\n", "\r\n"}) {
        BOOST_TEST(decoded("Zm9v" + end) == "foo");
        BOOST_TEST(decoded("Zg==" + end) == "f");
        BOOST_TEST(decoded(end) == "");
    }
    constexpr auto cause = "white space other than one line end at the very end";
    BOOST_TEST(decoded("Zm9v\n\n") == std::string("4: ") + cause);
    BOOST_TEST(decoded("Zm9v\r\n\r\n") == std::string("4: ") + cause);
    BOOST_TEST(decoded("Zm9v\n\r\n") == std::string("4: ") + cause);
    BOOST_TEST(decoded("Zm9v\r") == std::string("4: ") + cause);
    BOOST_TEST(decoded("Zm9v\n\r") == std::string("4: ") + cause);
    BOOST_TEST(decoded("Zm9v ") == std::string("4: ") + cause);
    BOOST_TEST(decoded(" Zm9v") == std::string("0: ") + cause);
    BOOST_TEST(decoded("Zm9v\t\n") == std::string("4: ") + cause);
    BOOST_TEST(decoded("Zm\n9v") == std::string("2: ") + cause);
    BOOST_TEST(decoded("Zm9v\r\nYmFy") == std::string("4: ") + cause);
    BOOST_TEST(decoded("\n\n") == std::string("0: ") + cause);
    BOOST_TEST(decoded("Zg==\n\n") == "4: more text after the padding");
}

BOOST_AUTO_TEST_CASE(what_is_foreign_is_refused_where_it_stands) {
    constexpr auto url_safe = "a character of the URL-safe alphabet, which is not accepted";
    BOOST_TEST(decoded("Zm9-") == std::string("3: ") + url_safe);
    BOOST_TEST(decoded("_m9v") == std::string("0: ") + url_safe);
    constexpr auto foreign = "not a character of the Base64 alphabet";
    BOOST_TEST(decoded("Zm9vYm*y") == std::string("6: ") + foreign);
    BOOST_TEST(decoded("\xef\xbb\xbfZm9v") == std::string("0: ") + foreign);
    BOOST_TEST(decoded(std::string_view("Zm\0v", 4)) == std::string("2: ") + foreign);
    BOOST_TEST(decoded(std::string_view("Zm9v\0", 5)) == std::string("4: ") + foreign);
    BOOST_TEST(decoded("Zm9v\xff") == std::string("4: ") + foreign);
}

BOOST_AUTO_TEST_CASE(each_byte_value_at_each_place_of_a_group) {
    for (std::size_t place = 0; place < 4; ++place) {
        for (int value = 0; value < 256; ++value) {
            // With groups before and behind it, so that a look at many characters at once sees it.
            std::string text(place == 3 ? 24 : 40, 'A');
            const std::size_t at = (place == 3 ? 20 : 16) + place;
            text[at] = static_cast<char>(value);
            const bool of_the_alphabet = alphabet.find(text[at]) != alphabet.npos;
            const bool padding_at_the_end = place == 3 && text[at] == '=';
            if (decodes(text) != (of_the_alphabet || padding_at_the_end))
                BOOST_ERROR("byte " << value << " at place " << place);
        }
    }
}

BOOST_AUTO_TEST_CASE(padding_stands_only_where_it_must) {
    constexpr auto none_here = "padding where none can stand";
    BOOST_TEST(decoded("=") == std::string("0: ") + none_here);
    BOOST_TEST(decoded("====") == std::string("0: ") + none_here);
    BOOST_TEST(decoded("Z===") == std::string("1: ") + none_here);
    BOOST_TEST(decoded("Zm9v=") == std::string("4: ") + none_here);
    BOOST_TEST(decoded("Zm9v====") == std::string("4: ") + none_here);
    BOOST_TEST(decoded("Zg=v") == "3: a character other than padding after padding");
    BOOST_TEST(decoded("Zg=\n") == "3: the text ends within its padding");
    BOOST_TEST(decoded("Zg=") == "3: the text ends within its padding");
    BOOST_TEST(decoded("Zg==Zg==") == "4: more text after the padding");
    BOOST_TEST(decoded("Zm8=Zm9v") == "4: more text after the padding");
    BOOST_TEST(decoded("Zg===") == "4: more text after the padding");
    BOOST_TEST(decoded("Zm9vZg==x") == "8: more text after the padding");
}

BOOST_AUTO_TEST_CASE(a_text_that_is_no_multiple_of_four_is_refused) {
    BOOST_TEST(decoded("Z") == "1: the text ends within a group of four");
    BOOST_TEST(decoded("Zg") == "2: the text ends within a group of four");
    BOOST_TEST(decoded("Zm8") == "3: the text ends within a group of four");
    BOOST_TEST(decoded("Zm9vY") == "5: the text ends within a group of four");
    BOOST_TEST(decoded("Zm9vY\r\n") == "5: the text ends within a group of four");
}

// RFC 4648 §3.5, §12: two texts for the same bytes would be a covert channel. As many texts are
// good as there are byte strings.
BOOST_AUTO_TEST_CASE(there_is_one_text_for_each_byte_string) {
    BOOST_TEST(decoded("Zh==") == "1: bits that must be zero before the padding");
    BOOST_TEST(decoded("Zm9vZm9=") == "6: bits that must be zero before the padding");
    int of_one_byte = 0, of_two_bytes = 0;
    for (const char a : alphabet) {
        for (const char b : alphabet) {
            of_one_byte += decodes(std::string{a, b, '=', '='}) ? 1 : 0;
            for (const char c : alphabet)
                of_two_bytes += decodes(std::string{a, b, c, '='}) ? 1 : 0;
        }
    }
    BOOST_TEST(of_one_byte == 256);
    BOOST_TEST(of_two_bytes == 65'536);
}

BOOST_AUTO_TEST_CASE(an_error_far_inside_is_named_by_its_offset) {
    std::string text(10'000, 'A');
    for (const std::size_t at : {0u, 15u, 16u, 4094u, 4095u, 4096u, 4097u, 8191u, 8192u, 9999u}) {
        text[at] = '!';
        BOOST_TEST(decoded(text) ==
                   std::to_string(at) + ": not a character of the Base64 alphabet");
        text[at] = 'A';
    }
    BOOST_TEST(decoded(text) == std::string(7'500, '\0'));
}

BOOST_AUTO_TEST_CASE(sizes_small_and_random_survive_both_ways) {
    std::mt19937 generator(4648);
    for (std::size_t size = 0; size < 200; ++size) {
        const std::string plain = random_bytes(generator, size);
        BOOST_TEST(encoded(plain) == encoded_by_the_book(plain));
        BOOST_TEST(survives(plain));
    }
    for (int i = 0; i < 200; ++i)
        BOOST_TEST(survives(random_bytes(generator, generator() % 50'000)));
}

// The decoder works in slices of 4 KiB of text, the encoder in slices of 3 MiB of bytes.
BOOST_AUTO_TEST_CASE(sizes_around_the_slices_survive_both_ways) {
    std::mt19937 generator(3);
    const std::string plain = random_bytes(generator, 2 * (3u << 20) + 8);
    for (const std::size_t near : {std::size_t{3072}, std::size_t{6144}, std::size_t{3} << 20,
                                   std::size_t{6} << 20})
        for (std::size_t size = near - 4; size <= near + 4; ++size)
            BOOST_TEST(survives(plain.substr(0, size)));
    const std::string text = encoded(plain.substr(0, (3u << 20) + 5));
    BOOST_TEST((text == encoded_by_the_book(plain.substr(0, (3u << 20) + 5))));
}

BOOST_AUTO_TEST_CASE(nothing_is_written_beyond_the_size_that_was_promised) {
    for (std::size_t size = 0; size < 10; ++size) {
        std::string out(b64::encoded_size(size) + 4, '~');
        BOOST_TEST(b64::encode(bytes_of(std::string(size, 'x')), out.data()) == out.size() - 4);
        BOOST_TEST(out.substr(out.size() - 4) == "~~~~");
    }
    for (const std::string_view text : {"Zg==", "Zm8=", "Zm9v", "Zm9vZg==\n"}) {
        std::string out(b64::decoded_size(text.size()) + 4, '~');
        const auto result = b64::decode(bytes_of(text), reinterpret_cast<std::byte*>(out.data()));
        BOOST_TEST(!result.error);
        BOOST_TEST(out.substr(result.size) == std::string(out.size() - result.size, '~'));
    }
}

BOOST_AUTO_TEST_SUITE_END()
