#include "finpost/frame_spec.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace finpost;
using namespace std::chrono_literals;

namespace {

using kind = frame_spec::kind;

frame_spec read(std::string_view text) {
    const auto spec = parse_frame_spec(text);
    BOOST_REQUIRE_MESSAGE(spec, text);
    return *spec;
}

std::string fault(std::string_view text) {
    const auto spec = parse_frame_spec(text);
    return spec ? "none" : spec.error().message;
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != text.npos;
}

// Each as it is written by `to_string`.
const std::vector<std::string> each_form{"eof",
                                         "line",
                                         "delimiter:0A",
                                         "delimiter:0D0A",
                                         "delimiter:" + std::string(64, 'F'),
                                         "stx-etx",
                                         "stx-etx,lrc",
                                         "stx-etx,sum",
                                         "mllp",
                                         "length:u8",
                                         "length:u16be",
                                         "length:u16le",
                                         "length:u32be",
                                         "length:u32le",
                                         "length:u8,inclusive",
                                         "length:u16be,inclusive",
                                         "length:u16le,inclusive",
                                         "length:u32be,inclusive",
                                         "length:u32le,inclusive",
                                         "length:ascii:1",
                                         "length:ascii:4",
                                         "length:ascii:18",
                                         "netstring",
                                         "fixed:1",
                                         "fixed:4KiB",
                                         "idle:1ms",
                                         "idle:200ms",
                                         "idle:5s"};

} // namespace

BOOST_AUTO_TEST_SUITE(frame_spec)

BOOST_AUTO_TEST_CASE(each_form_is_written_as_it_was_read) {
    for (const std::string& text : each_form) {
        const finpost::frame_spec spec = read(text);
        BOOST_TEST(to_string(spec) == text);
        BOOST_TEST((read(to_string(spec)) == spec));
    }
    BOOST_TEST((finpost::frame_spec{} == read("eof")));
}

BOOST_AUTO_TEST_CASE(no_two_forms_are_the_same) {
    for (std::size_t i = 0; i < each_form.size(); ++i)
        for (std::size_t k = 0; k < i; ++k)
            BOOST_TEST((read(each_form[i]) != read(each_form[k])), each_form[i]);
}

BOOST_AUTO_TEST_CASE(the_fields_say_what_was_written) {
    const finpost::frame_spec delimiter = read("delimiter:00fF0d");
    BOOST_TEST((delimiter.type == kind::delimiter));
    BOOST_TEST((delimiter.delimiter == std::string("\0\xff\r", 3)));
    BOOST_TEST(to_string(delimiter) == "delimiter:00FF0D");
    const finpost::frame_spec length = read("length:u32le,inclusive");
    BOOST_TEST((length.type == kind::length));
    BOOST_TEST(int{length.width} == 4);
    BOOST_TEST(length.little_endian);
    BOOST_TEST(length.inclusive);
    BOOST_TEST(!read("length:u16be").little_endian);
    BOOST_TEST(!read("length:u16be").inclusive);
    BOOST_TEST(int{read("length:u8").width} == 1);
    BOOST_TEST((read("length:ascii:4").type == kind::length_ascii));
    BOOST_TEST(int{read("length:ascii:4").width} == 4);
    BOOST_TEST(read("fixed:512").size == 512u);
    BOOST_TEST(read("fixed:4KiB").size == 4096u);
    BOOST_TEST((read("idle:200ms").pause == 200ms));
    BOOST_TEST((read("stx-etx").check == finpost::frame_spec::checksum::none));
    BOOST_TEST((read("stx-etx,lrc").check == finpost::frame_spec::checksum::lrc));
    BOOST_TEST((read("stx-etx,sum").check == finpost::frame_spec::checksum::sum));
}

BOOST_AUTO_TEST_CASE(what_is_not_a_spec_is_quoted_and_told_what_was_expected) {
    for (const std::string_view text : {"",
                                        "EOF",
                                        " line",
                                        "line ",
                                        "line,crlf",
                                        "lines:1",
                                        "eof:",
                                        "mllp:1",
                                        "delimiter",
                                        "delimiter:",
                                        "delimiter:0",
                                        "delimiter:0G",
                                        "delimiter:0D0",
                                        "stx-etx,",
                                        "stx-etx,lrc,sum",
                                        "stx-etx:lrc",
                                        "length",
                                        "length:",
                                        "length:u16",
                                        "length:u64be",
                                        "length:U8",
                                        "length:u8,",
                                        "length:u8,exclusive",
                                        "length:u8,inclusive,inclusive",
                                        "length:ascii",
                                        "length:ascii:",
                                        "length:ascii:0",
                                        "length:ascii:04",
                                        "length:ascii:19",
                                        "length:ascii:999",
                                        "length:ascii:-4",
                                        "length:ascii:+4",
                                        "length:ascii:4x",
                                        "length:ascii:4,inclusive",
                                        "netstring:",
                                        "fixed",
                                        "fixed:",
                                        "fixed:0",
                                        "fixed:0KiB",
                                        "fixed:-1",
                                        "fixed:18446744073709551616",
                                        "idle",
                                        "idle:",
                                        "idle:200",
                                        "idle:0ms",
                                        "idle:-1s",
                                        "idle:2y",
                                        "none",
                                        "same"}) {
        const std::string message = fault(text);
        BOOST_TEST(contains(message, '"' + std::string(text) + '"'), message);
        BOOST_TEST((contains(message, "expected") || contains(message, "such as") ||
                    contains(message, "is above") || contains(message, "takes none")),
                   message);
    }
    BOOST_TEST(contains(fault("delimiter:" + std::string(66, '0')), "1 to 32 bytes"));
    // A message stays one printable line whatever was written.
    BOOST_TEST(contains(fault("line\n"), "\"line\\x0a\""));
    BOOST_TEST(fault(std::string(10'000, 'x')).size() < 400u);
    BOOST_TEST(fault("delimiter:" + std::string(10'000, '0')).size() < 400u);
    BOOST_TEST(fault("fixed:" + std::string(10'000, '9')).size() < 400u);
}

BOOST_AUTO_TEST_CASE(what_was_most_likely_meant_is_suggested) {
    for (const auto& [text, meant] : std::vector<std::pair<std::string_view, std::string_view>>{
             {"lines", "line"},
             {"netstrings", "netstring"},
             {"MLLP", "mllp"},
             {"stx-etx,lcr", "stx-etx,lrc"},
             {"stxetx", "stx-etx"},
             {"delimeter:0A", "delimiter"},
             {"fixd:8", "fixed"},
             {"length:u16", "length:u16be"},
             {"length:u32,inclusive", "length:u32be,inclusive"},
             {"length:U32LE", "length:u32le"},
             {"length:u8,inclusiv", "length:u8,inclusive"},
             {"delimiter:0x0D0A", "delimiter:0D0A"},
             {"delimiter:0D 0A", "delimiter:0D0A"},
             {"delimiter:\\x0d\\x0a", "delimiter:0D0A"},
             {"delimiter:\\r\\n", "delimiter:0D0A"},
             {"idle:200msec", "200ms"},
             {"fixed:4k", "4KiB"}})
        BOOST_TEST(contains(fault(text), "did you mean " + std::string(meant) + '?'), fault(text));
    for (const std::string_view text : {"", "xyzzy", "delimiter:zz", "delimiter:\\q"})
        BOOST_TEST(!contains(fault(text), "did you mean"), fault(text));
}

BOOST_AUTO_TEST_CASE(what_is_drawn_is_written_and_read_back) {
    std::mt19937_64 generator(1);
    for (int i = 0; i < 2000; ++i) {
        finpost::frame_spec spec;
        switch (i % 4) {
        case 0:
            spec.type = kind::delimiter;
            spec.delimiter.resize(1 + generator() % finpost::frame_spec::longest_delimiter);
            for (char& c : spec.delimiter) c = static_cast<char>(generator());
            break;
        case 1:
            spec.type = kind::fixed;
            spec.size = (generator() >> (generator() % 64)) | 1;
            break;
        case 2:
            spec.type = kind::idle;
            spec.pause = duration(1 + generator() % 100'000'000);
            break;
        default:
            spec.type = kind::length_ascii;
            spec.width =
                static_cast<std::uint8_t>(1 + generator() % finpost::frame_spec::most_digits);
        }
        BOOST_TEST((read(to_string(spec)) == spec), to_string(spec));
    }
}

BOOST_AUTO_TEST_SUITE_END()
