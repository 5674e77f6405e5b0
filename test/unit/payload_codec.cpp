#include "session/payload_codec.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

using namespace finpost;
using namespace finpost::detail;
using namespace std::string_literals;

namespace {

constexpr std::array codecs{codec::none, codec::base64};

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string told(const payload_fault& fault) {
    return std::to_string(fault.offset) + ": " + std::string(fault.cause);
}

gateway_config decodes(codec by, trimming end = trimming::none, base64::rules rules = {}) {
    gateway_config config;
    config.decode = by;
    config.trim = end;
    config.base64 = rules;
    return config;
}

// What a text is decoded to, or "offset: cause": as a payload in memory.
std::string at_once(std::string_view text, const gateway_config& config) {
    payload whole(text);
    const auto fault = decode_whole(whole, config);
    return fault ? told(*fault) : std::string(whole.text());
}

// The same in pieces of that size, as a file and a stream decode it.
std::string in_pieces(std::string_view text, const gateway_config& config, std::size_t piece) {
    payload_decoder decoder(config);
    std::string out;
    error_code failed;
    for (std::size_t at = 0; at < text.size() && !failed; at += piece) {
        std::string buffer(text.substr(at, piece));
        const auto got = decoder.decode(std::as_writable_bytes(std::span(buffer)));
        failed = got.has_error() ? got.error() : error_code();
        if (!failed) out += buffer.substr(0, *got);
    }
    if (!failed) failed = decoder.finish();
    BOOST_TEST(failed.failed() == decoder.fault().has_value());
    if (failed) BOOST_TEST((failed == reason::bad_encoding));
    if (decoder.fault()) return told(*decoder.fault());
    out.resize(trimmed_size(std::as_bytes(std::span(out)), decoder.left_to_trim()));
    return out;
}

std::string encoded(codec by, std::string_view bytes) {
    std::string text(encoded_size(by, bytes.size()), '?');
    const auto into = std::as_writable_bytes(std::span(text));
    BOOST_TEST(encode_whole(by, std::as_bytes(std::span(bytes)), into) == text.size());
    return text;
}

// As a stream of unknown size, from pieces of that size through `room` bytes.
std::string streamed(codec by, std::string_view bytes, std::size_t piece, std::size_t room) {
    payload_encoder encoder(by);
    std::vector<std::byte> text(room);
    std::string out;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
        std::span<const std::byte> data = std::as_bytes(std::span(bytes.substr(at, piece)));
        while (!data.empty()) {
            const std::size_t before = data.size();
            const std::size_t n = encoder.encode(data, text);
            BOOST_REQUIRE(n <= text.size());
            BOOST_REQUIRE(data.size() < before);
            out += text_of(std::span(text).first(n));
        }
    }
    std::array<std::byte, payload_encoder::max_end> end{};
    return out + text_of(std::span(end).first(encoder.finish(end)));
}

const std::string all_bytes = [] {
    std::string all;
    for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
    return all;
}();

} // namespace

BOOST_AUTO_TEST_SUITE(payload_codec)

BOOST_AUTO_TEST_CASE(what_is_neither_decoded_nor_trimmed_arrives_plain) {
    BOOST_TEST(arrives_plain(decodes(codec::none)));
    BOOST_TEST(!arrives_plain(decodes(codec::base64)));
    BOOST_TEST(!arrives_plain(decodes(codec::none, trimming::nul)));
    BOOST_TEST(is_plain(codec::none));
    BOOST_TEST(!is_plain(codec::base64));
}

BOOST_AUTO_TEST_CASE(pieces_split_anywhere_give_what_the_whole_gives) {
    const std::vector<std::string> texts{"",
                                         "aGVsbG8=",
                                         "aGVsbG8=\n",
                                         "aGVsbG8h",
                                         "aGVsbA==",
                                         "aGVsbA== \r\n \n",
                                         "aGVs bG8=",
                                         "aGVsbG8=x",
                                         "aGV*bG8=",
                                         "aGVsbG8",
                                         "a===",
                                         "aGVsb-8=",
                                         "aGVs\0bG8="s,
                                         "aGVsbG8=\0\0"s,
                                         "\0\0"s,
                                         " \n"};
    for (const codec by : codecs)
        for (const auto end : {trimming::none, trimming::nul, trimming::space})
            for (const bool whitespace : {false, true})
                for (const std::string& text : texts) {
                    const base64::rules rules{base64::alphabet::standard, whitespace};
                    const gateway_config config = decodes(by, end, rules);
                    const std::string whole = at_once(text, config);
                    for (std::size_t piece = 1; piece <= text.size() + 1; ++piece)
                        BOOST_TEST(in_pieces(text, config, piece) == whole,
                                   text << " in pieces of " << piece);
                }
}

BOOST_AUTO_TEST_CASE(a_fault_keeps_its_offset_however_the_text_is_split) {
    const gateway_config config = decodes(codec::base64);
    for (std::size_t piece = 1; piece < 12; ++piece) {
        BOOST_TEST(in_pieces("aGVsbG8*aGVs", config, piece) ==
                   "7: not a character of the Base64 alphabet");
        BOOST_TEST(in_pieces("aGVs=G8haGVs", config, piece) == "4: padding where none can stand");
    }
}

BOOST_AUTO_TEST_CASE(what_a_codec_has_trimmed_is_not_trimmed_again) {
    // "aGk " ends with the space of the payload itself: "hi ".
    BOOST_TEST(at_once("aGkg \n", decodes(codec::base64, trimming::space)) == "hi ");
    BOOST_TEST(in_pieces("aGkg \n", decodes(codec::base64, trimming::space), 2) == "hi ");
    BOOST_TEST(at_once("hi \n", decodes(codec::none, trimming::space)) == "hi");
    BOOST_TEST(in_pieces("hi \n", decodes(codec::none, trimming::space), 2) == "hi");
}

BOOST_AUTO_TEST_CASE(a_payload_that_was_trimmed_to_nothing_is_empty_and_no_fault) {
    for (const codec by : codecs)
        BOOST_TEST(at_once("\r\n \n", decodes(by, trimming::space)) == "");
}

BOOST_AUTO_TEST_CASE(the_encoding_is_what_its_name_says) {
    BOOST_TEST(encoded(codec::none, "hello") == "hello");
    BOOST_TEST(encoded(codec::base64, "hello") == "aGVsbG8=");
    BOOST_TEST(encoded(codec::base64, "hell") == "aGVsbA==");
    BOOST_TEST(encoded(codec::base64, "hel") == "aGVs");
    for (const codec by : codecs) BOOST_TEST(encoded(by, "") == "");
}

BOOST_AUTO_TEST_CASE(what_was_encoded_is_decoded_to_the_same_bytes) {
    for (const codec by : codecs)
        for (std::size_t n = 0; n <= all_bytes.size(); ++n) {
            const std::string bytes = all_bytes.substr(0, n);
            BOOST_TEST(at_once(encoded(by, bytes), decodes(by)) == bytes);
        }
}

BOOST_AUTO_TEST_CASE(a_reply_of_known_size_may_go_on_at_any_byte_of_its_text) {
    for (const codec by : codecs)
        for (const std::size_t size : {0u, 1u, 2u, 3u, 100u, 256u}) {
            const std::string bytes = all_bytes.substr(0, size);
            const std::string text = encoded(by, bytes);
            const payload reply{std::string_view(bytes)};
            for (const std::size_t room : {7u, 8u, 20u, 64u, 4096u}) {
                std::vector<std::byte> buffer(room);
                for (std::size_t from = 0; from < text.size(); ++from) {
                    const auto piece = encode_piece(by, reply, from, buffer);
                    BOOST_REQUIRE(piece.has_value());
                    BOOST_REQUIRE(!piece->empty());
                    BOOST_TEST(text_of(*piece) == text.substr(from, piece->size()));
                }
            }
        }
}

BOOST_AUTO_TEST_CASE(a_reply_of_unknown_size_is_encoded_as_the_whole_is) {
    for (const codec by : codecs)
        for (const std::size_t size : {0u, 1u, 2u, 3u, 4u, 5u, 256u}) {
            const std::string bytes = all_bytes.substr(0, size);
            const std::string whole = encoded(by, bytes);
            for (std::size_t piece = 1; piece <= size + 1; ++piece)
                for (const std::size_t room : {16u, 17u, 1024u})
                    BOOST_TEST(streamed(by, bytes, piece, room) == whole,
                               size << " in pieces of " << piece << " through " << room);
        }
}

BOOST_AUTO_TEST_SUITE_END()
