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

std::string told(const b64::decode_result& result, std::string_view bytes) {
    if (!result.error) return std::string(bytes);
    return std::to_string(result.error->offset) + ": " + std::string(result.error->cause);
}

// What a text decodes to, or "offset: cause". The output is of exactly the promised size and on the
// heap, so that a sanitizer sees a byte too many.
std::string decoded(std::string_view text) {
    std::vector<std::byte> out(b64::decoded_size(text.size()));
    const b64::decode_result result = b64::decode(bytes_of(text), out.data());
    BOOST_REQUIRE(result.size <= out.size());
    return told(result, {reinterpret_cast<const char*>(out.data()), result.size});
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

// In pieces that end at `cuts` (ascending) and at the end, each decoded in place.
template <class Cuts>
std::string decoded_in_pieces(std::string_view text, const Cuts& cuts) {
    std::string buffer(text), bytes;
    const auto in_place = [&buffer](std::size_t from, std::size_t to) {
        return std::span(reinterpret_cast<std::byte*>(buffer.data()) + from, to - from);
    };
    b64::decoder one;
    std::size_t from = 0;
    const auto piece = [&](std::size_t to) {
        const auto here = in_place(from, to);
        const auto result = one.decode(here, here.data());
        if (!result.error) bytes.append(buffer, from, result.size);
        BOOST_REQUIRE(result.size <= to - from);
        from = to;
        return result;
    };
    for (const std::size_t cut : cuts)
        if (const auto result = piece(cut); result.error) return told(result, {});
    if (const auto result = piece(text.size()); result.error) return told(result, {});
    return told(one.finish(), bytes);
}

template <class Cuts>
std::string encoded_in_pieces(std::string_view plain, const Cuts& cuts) {
    b64::encoder one;
    std::string text;
    std::size_t from = 0;
    const auto piece = [&](std::size_t to) {
        // Of exactly the promised size, as in `decoded`.
        std::vector<char> buffer(b64::encoded_size(to - from + 2));
        text.append(buffer.data(),
                    one.encode(bytes_of(plain.substr(from, to - from)), buffer.data()));
        from = to;
    };
    for (const std::size_t cut : cuts) piece(cut);
    piece(plain.size());
    std::vector<char> end(4);
    return text.append(end.data(), one.finish(end.data()));
}

// Every way to cut `size` characters.
std::vector<std::vector<std::size_t>> all_cuts(std::size_t size) {
    std::vector<std::vector<std::size_t>> out;
    for (unsigned set = 0; set < 1u << (size > 0 ? size - 1 : 0); ++set) {
        std::vector<std::size_t>& cuts = out.emplace_back();
        for (std::size_t at = 1; at < size; ++at)
            if ((set >> (at - 1) & 1u) != 0) cuts.push_back(at);
    }
    return out;
}

std::vector<std::size_t> random_cuts(std::mt19937& generator, std::size_t size) {
    const std::size_t longest = std::size_t{1} << generator() % 14;
    std::vector<std::size_t> out;
    // Empty pieces among them.
    for (std::size_t at = generator() % longest; at < size; at += generator() % (longest + 1))
        out.push_back(at);
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
    BOOST_TEST(decoded("Zh==x") ==
               "1: bits that must be zero before the padding"); // the first fault
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

// Each text of up to six of these characters, cut in every way: good ones and ones with every
// fault, at the start, within padding, before and after a line end. The verdict also holds by the
// book: a good text is what the bytes it stands for are encoded to.
BOOST_AUTO_TEST_CASE(every_small_text_in_every_split_is_what_it_is_as_a_whole) {
    constexpr std::string_view characters = "gh=\r\n!";
    std::size_t good = 0;
    for (std::size_t size = 0; size <= 6; ++size) {
        const auto splits = all_cuts(size);
        std::size_t texts = 1;
        for (std::size_t i = 0; i < size; ++i) texts *= characters.size();
        for (std::size_t number = 0; number < texts; ++number) {
            std::string text;
            for (std::size_t n = number; text.size() < size; n /= characters.size())
                text += characters[n % characters.size()];
            const std::string whole = decoded(text);
            for (const auto& cuts : splits)
                if (const auto pieces = decoded_in_pieces(text, cuts); pieces != whole)
                    BOOST_ERROR(text << ": " << pieces << ", as a whole " << whole);
            if (!decodes(text)) continue;
            ++good;
            BOOST_TEST(text.starts_with(encoded_by_the_book(whole)));
        }
    }
    // "", 16 of three bytes, 4 of two and 2 of one: each alone, with LF and with CRLF.
    BOOST_TEST(good == (1 + 16 + 4 + 2) * 3);
}

// The same far from the start, where many groups are decoded at once before and after the cut.
BOOST_AUTO_TEST_CASE(a_fault_at_any_place_is_told_alike_in_every_split_in_two) {
    const std::string good = encoded(std::string(120, 'x'));
    for (const std::string end :
         {"", "\r\n", "Zg==\n", "Zh==", "Zg=", "Zg", "Zg==Zg==", "\r", "=\n"}) {
        for (std::size_t bad = 0; bad <= good.size(); bad += 3) {
            std::string text = good + end;
            if (bad < good.size()) text[bad] = '-'; // at the end of the loop, none
            const std::string whole = decoded(text);
            for (std::size_t cut = 0; cut <= text.size(); ++cut)
                if (decoded_in_pieces(text, std::vector{cut}) != whole)
                    BOOST_ERROR(end << " cut at " << cut << " bad at " << bad << ": " << whole);
        }
    }
}

BOOST_AUTO_TEST_CASE(every_small_payload_in_every_split_is_encoded_as_a_whole) {
    for (std::size_t size = 0; size <= 9; ++size) {
        const std::string plain = std::string("\0\xff\x10\x83Ro\x7f\x80\xfe", 9).substr(0, size);
        for (const auto& cuts : all_cuts(size))
            BOOST_TEST(encoded_in_pieces(plain, cuts) == encoded_by_the_book(plain));
    }
}

BOOST_AUTO_TEST_CASE(large_ones_in_random_splits_are_what_they_are_as_a_whole) {
    std::mt19937 generator(35);
    for (int i = 0; i < 100; ++i) {
        const std::string plain = random_bytes(generator, generator() % 50'000);
        std::string text = encoded(plain);
        if (encoded_in_pieces(plain, random_cuts(generator, plain.size())) != text)
            BOOST_ERROR("encoding " << plain.size() << " bytes");
        if (i % 4 == 1) text += "\r\n";
        if (i % 4 > 1 && !text.empty())
            text[generator() % text.size()] = static_cast<char>(generator());
        if (decoded_in_pieces(text, random_cuts(generator, text.size())) != decoded(text))
            BOOST_ERROR("decoding " << text.size() << " characters");
    }
}

// `out` elsewhere needs no more room than is asked for.
BOOST_AUTO_TEST_CASE(pieces_are_decoded_to_the_room_that_is_asked_for) {
    const std::string plain(600, 'x'), text = encoded(plain);
    for (std::size_t longest = 1; longest < 100; ++longest) {
        b64::decoder one;
        std::string bytes;
        for (std::size_t at = 0; at < text.size(); at += longest) {
            const std::string_view piece = std::string_view(text).substr(at, longest);
            std::vector<std::byte> buffer(b64::decoded_size(piece.size() + 3));
            const auto result = one.decode(bytes_of(piece), buffer.data());
            bytes.append(reinterpret_cast<const char*>(buffer.data()), result.size);
        }
        BOOST_TEST(!one.finish().error);
        BOOST_TEST(bytes == plain);
    }
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

namespace {

std::string decoded(std::string_view text, const b64::rules& by, std::size_t piece) {
    std::vector<std::byte> out;
    b64::decoder decoder(by);
    for (std::size_t at = 0; at < text.size(); at += piece) {
        const auto part = bytes_of(text.substr(at, piece));
        std::vector<std::byte> buffer(part.size());
        const auto got = decoder.decode(part, buffer.data());
        if (got.error) return told(got, {});
        out.insert(out.end(), buffer.begin(),
                   buffer.begin() + static_cast<std::ptrdiff_t>(got.size));
    }
    const auto end = decoder.finish();
    return told(end, {reinterpret_cast<const char*>(out.data()), out.size()});
}

} // namespace

BOOST_AUTO_TEST_CASE(white_space_is_passed_over_where_it_is_allowed) {
    const b64::rules by{.whitespace = true};
    for (const std::string_view text : {"aGVsbG8=", " aGVs bG8= ", "aGVs\r\nbG8=\r\n\r\n",
                                        "a\tG V\ns\nb\nG\n8\n=\n", "aGVsbG8= \n", "\n\naGVsbG8="}) {
        for (std::size_t piece = 1; piece <= text.size(); ++piece)
            BOOST_TEST(decoded(text, by, piece) == "hello", text << " in pieces of " << piece);
    }
    for (const auto& [text, at] :
         std::vector<std::pair<std::string, std::string>>{{"aGVs bG8", "8: "},
                                                          {"aGVs\nbG8= x", "10: "},
                                                          {"aGVs-G8=", "4: "},
                                                          {"aGVs\xa0"
                                                           "bG8=",
                                                           "4: "},
                                                          {"aGVs\nbG9=", "7: "},
                                                          {"aG Vs\nbG8 \n", "9: "}}) {
        for (std::size_t piece = 1; piece <= text.size(); ++piece)
            BOOST_TEST(decoded(text, by, piece).starts_with(at),
                       text << ": " << decoded(text, by, piece));
    }
    BOOST_TEST(decoded(" \r\n\t", by, 1) == "");
}

BOOST_AUTO_TEST_CASE(lines_of_76_decode_to_what_one_line_does) {
    std::string plain;
    for (int i = 0; i < 5'000; ++i) plain += static_cast<char>(i * 7 + i / 256);
    const std::string line = encoded(plain);
    std::string text;
    for (std::size_t at = 0; at < line.size(); at += 76) text += line.substr(at, 76) + "\r\n";
    for (const std::size_t piece : {1u, 3u, 77u, 1'000u, 10'000u})
        BOOST_TEST((decoded(text, {.whitespace = true}, piece) == plain), piece);
    BOOST_TEST(decoded(text, {}, 10'000).starts_with("76: white space"));
}

BOOST_AUTO_TEST_CASE(the_alphabet_of_urls_may_leave_its_padding_out) {
    const b64::rules by{.letters = b64::alphabet::url};
    const std::string hard("\xfb\xff\xfe?\x00", 5); // -__-PwA=
    for (const std::string_view text : {"-__-PwA=", "-__-PwA", "-__-PwA\n", "-__-PwA=\r\n"})
        for (std::size_t piece = 1; piece <= text.size(); ++piece)
            BOOST_TEST((decoded(text, by, piece) == hard), text << " in pieces of " << piece);
    for (const auto& [text, at] : std::vector<std::pair<std::string, std::string>>{
             {"+//+PwA=", "0: "},
             {"-__-PwB", "6: bits"},
             {"-__-P", "5: the text ends within a group"},
             {"-__-Pw=", "7: the text ends within its padding"},
             {"-__-PwA=x", "8: more text"},
             {"-__- PwA", "4: "},
             {"-__-\n+", "4: white space"},
             {"-__-\r/", "4: white space"}})
        for (std::size_t piece = 1; piece <= text.size(); ++piece)
            BOOST_TEST(decoded(text, by, piece).starts_with(at),
                       text << ": " << decoded(text, by, piece));
    BOOST_TEST(decoded("-__-\nPwA", {b64::alphabet::url, true}, 3) == hard);
}

// Whatever the pieces, and in place.
BOOST_AUTO_TEST_CASE(other_rules_decode_the_whole_as_they_do_pieces) {
    for (const bool whitespace : {false, true}) {
        for (const auto letters : {b64::alphabet::standard, b64::alphabet::url}) {
            const b64::rules by{letters, whitespace};
            for (const std::string_view text :
                 {"aGVs", "aGVsbG8=", "aGVsbG8", "aGVs bG8=", "YQ", "Y", "=", "", "-_-_", "+/+/",
                  "aGVsbG8=\n", "YQ==x", "YR"}) {
                std::string buffer(text);
                auto* const at = reinterpret_cast<std::byte*>(buffer.data());
                const auto got = b64::decode(std::as_bytes(std::span(buffer)), at, by);
                BOOST_TEST(told(got, std::string_view(buffer).substr(0, got.size)) ==
                               decoded(text, by, 1),
                           text);
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
