#include "session/payload_text.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

using namespace finpost;
using namespace finpost::detail;

namespace {

// What pieces of that size decode to, or "offset: cause".
std::string in_pieces(std::string_view text, const gateway_config& config, std::size_t piece) {
    base64_text decoder(config);
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        std::string buffer(text.substr(at, piece));
        const auto got = decoder.decode(std::as_writable_bytes(std::span(buffer)));
        if (got.has_error()) break;
        out += buffer.substr(0, *got);
    }
    if (!decoder.fault()) static_cast<void>(decoder.finish());
    if (!decoder.fault()) return out;
    return std::to_string(decoder.fault()->offset) + ": " + std::string(decoder.fault()->cause);
}

// The same of the whole, trimmed first.
std::string at_once(std::string_view text, const gateway_config& config) {
    std::string buffer(text.substr(0, trimmed_size(std::as_bytes(std::span(text)), config.trim)));
    auto* const to = reinterpret_cast<std::byte*>(buffer.data());
    const auto got = base64::decode(std::as_bytes(std::span(buffer)), to, config.base64);
    if (!got.error) return buffer.substr(0, got.size);
    return std::to_string(got.error->offset) + ": " + std::string(got.error->cause);
}

} // namespace

BOOST_AUTO_TEST_SUITE(payload_text)

BOOST_AUTO_TEST_CASE(only_the_end_is_trimmed_and_only_of_what_was_named) {
    const auto size = [](std::string_view text, trimming which) {
        return trimmed_size(std::as_bytes(std::span(text)), which);
    };
    const std::string_view nuls("\0a\0b\0\0", 6);
    BOOST_TEST(size(nuls, trimming::nul) == 4u);
    BOOST_TEST(size(nuls, trimming::space) == 6u);
    BOOST_TEST(size(nuls, trimming::none) == 6u);
    BOOST_TEST(size(" a b \t\r\n", trimming::space) == 4u);
    BOOST_TEST(size(" a b \t\r\n", trimming::nul) == 8u);
    BOOST_TEST(size(" \n", trimming::space) == 0u);
    BOOST_TEST(size("", trimming::space) == 0u);
}

// A payload in memory is trimmed and then decoded, one on its way to a file or a service as it
// comes.
BOOST_AUTO_TEST_CASE(pieces_give_what_the_whole_gives) {
    using namespace std::string_literals;
    const std::vector<std::string> texts{"aGVsbG8="s,
                                         "aGVsbG8=\0\0\0"s,
                                         "aGVsbG8= \r\n \n"s,
                                         "aGVsbG8=\n\0\0"s,
                                         "aGVsbG8=\0\n"s,
                                         "aGVs\0bG8="s,
                                         "aGVs bG8="s,
                                         "aGVs\n\0bG8="s,
                                         "aGVs\n\n\n\nbG8="s,
                                         "aGVsbG8\0\0"s,
                                         "aGVsbG8 "s,
                                         "aGVsbG8=\r\0"s,
                                         "aGVs\r"s,
                                         "aGVsbG8=\r \n"s,
                                         "\0\0"s,
                                         " \n"s,
                                         ""s,
                                         "-_-_\0"s,
                                         "YQ\0"s,
                                         "YQ \n"s,
                                         "aG Vs bG8= \0\0"s,
                                         "aG Vs bG8 = \n \n"s};
    for (const auto which : {trimming::none, trimming::nul, trimming::space}) {
        for (const bool whitespace : {false, true}) {
            for (const auto letters : {base64::alphabet::standard, base64::alphabet::url}) {
                gateway_config config;
                config.trim = which;
                config.base64 = {letters, whitespace};
                for (const std::string& text : texts) {
                    std::string shown = text;
                    std::replace(shown.begin(), shown.end(), '\0', '0');
                    const std::string whole = at_once(text, config);
                    for (std::size_t piece = 1; piece <= text.size(); ++piece)
                        BOOST_TEST(in_pieces(text, config, piece) == whole,
                                   shown << " in pieces of " << piece << ": "
                                         << in_pieces(text, config, piece) << " and not " << whole);
                }
            }
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
