// Against a reference that reads the words of the interface with the whole stream at hand.
#include "frame_reader.hpp"

#include "support/frame_reference.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace finpost::test;
using finpost::frame_spec;
using namespace std::string_literals;
using reader_type = finpost::detail::frame_reader;
using fault = reader_type::fault;
using fin = reader_type::fin;

namespace {

constexpr std::uint64_t plenty = 1 << 20;

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string text(std::span<const std::byte> of) {
    return {reinterpret_cast<const char*>(of.data()), of.size()};
}

void broken(std::string_view what) { BOOST_ERROR(what); }

frames_read in_pieces(std::string_view of, std::string_view stream, std::size_t size,
                      std::uint64_t most = plenty, bool heartbeats = true) {
    return read_in_pieces(
        spec(of), stream, most, heartbeats, [&](auto, auto) { return size; }, broken);
}

// By one byte, by seven, whole, as the hint says, and by what is drawn.
void check(std::string_view of, std::string_view stream, std::uint64_t most = plenty,
           bool heartbeats = true) {
    const frames_read expected = read_naively(spec(of), stream, most, heartbeats);
    std::minstd_rand drawn(static_cast<unsigned>(stream.size()) + 1);
    for (int how = 0; how < 5; ++how) {
        const auto next = [&](std::size_t left, std::size_t hint) -> std::size_t {
            if (how == 0) return 1;
            if (how == 1) return 7;
            return how == 2 ? left : how == 3 ? hint : 1 + drawn() % 5;
        };
        const frames_read got = read_in_pieces(spec(of), stream, most, heartbeats, next, broken);
        if (!(got == expected)) // a BOOST_TEST for each would take most of the time
            BOOST_ERROR(of << " of \"" << stream << "\", way " << how << ": " << describe(got)
                           << ", not " << describe(expected));
    }
}

// All texts of up to `size` letters of an alphabet.
template <class Use>
void each_text(std::string_view letters, std::size_t size, Use use) {
    std::string text;
    use(text);
    for (;;) {
        std::size_t i = 0;
        while (i < text.size() && text[i] == letters.back()) text[i++] = letters.front();
        if (i == text.size()) {
            if (size == text.size()) return;
            text.assign(text.size() + 1, letters.front());
        } else {
            text[i] = letters[letters.find(text[i]) + 1];
        }
        use(text);
    }
}

std::string letters_of(const frame_spec& of) {
    switch (of.type) {
    case frame_spec::kind::line:
        return "a\r\n";
    case frame_spec::kind::delimiter:
        return of.delimiter == "\r\n" ? "a\r\n" : "ab";
    case frame_spec::kind::stx_etx:
        return "\x02\x03\n"s + (of.check == frame_spec::checksum::sum ? "05\r" : "\x01");
    case frame_spec::kind::mllp:
        return "\x0b\x1c\ra";
    case frame_spec::kind::length:
        return "\0\x01\x03\x06"s;
    case frame_spec::kind::length_ascii:
        return "012\nx";
    case frame_spec::kind::netstring:
        return "01:,\r";
    default:
        return "ab";
    }
}

// Payloads that are framed, one behind the other.
std::string framed(const frame_spec& of, const std::vector<std::string>& payloads) {
    std::string out;
    for (const std::string& each : payloads) out += frame_naively(of, each);
    return out;
}

reader_type reader(std::string_view of, std::uint64_t most = plenty) {
    return reader_type(spec(of), most);
}

std::string told(std::string_view of, std::string_view stream) {
    reader_type one = reader(of);
    while (!stream.empty()) {
        const auto step = one.feed(bytes(stream));
        if (step.fault != fault::none)
            return std::string(one.fault_text()) + " at " + std::to_string(one.fault_offset());
        stream.remove_prefix(step.consumed);
    }
    return "nothing";
}

} // namespace

BOOST_AUTO_TEST_SUITE(frame_reader)

BOOST_AUTO_TEST_CASE(every_short_stream_of_the_bytes_that_matter) {
    for (const std::string& of : each_spec) {
        const std::string letters = letters_of(spec(of));
        const std::size_t size = letters.size() == 2   ? 8
                                 : letters.size() == 3 ? 6
                                 : letters.size() == 4 ? 5
                                                       : 4;
        each_text(letters, size, [&](const std::string& stream) {
            check(of, stream);
            check(of, stream, 2);
        });
    }
}

BOOST_AUTO_TEST_CASE(every_short_stream_where_an_empty_frame_is_a_payload) {
    for (const std::string& of : each_spec)
        each_text(letters_of(spec(of)), 4, [&](const std::string& stream) {
            check(of, stream, 3, false);
            check(of, stream, 0, false);
        });
}

BOOST_AUTO_TEST_CASE(frames_behind_each_other) {
    std::mt19937 drawn(7);
    for (const std::string& of : each_spec) {
        const frame_spec what = spec(of);
        const bool of_any_size = what.type != frame_spec::kind::fixed;
        std::vector<std::string> payloads;
        std::size_t longest = 300;
        if (of.find("u8") != of.npos) longest = 250;
        if (of == "length:ascii:1") longest = 9;
        for (int i = 0; i < 100; ++i) {
            const std::size_t size = of_any_size ? 1 + drawn() % longest : what.size;
            std::string payload;
            // None of these is in a mark.
            while (payload.size() < size) payload += static_cast<char>('k' + drawn() % 16);
            payloads.push_back(std::move(payload));
        }
        const std::string stream = framed(what, payloads);
        check(of, stream);
        const frames_read got = in_pieces(of, stream, 11);
        if (of == "eof" || of == "idle:200ms")
            BOOST_TEST(got.rest == stream);
        else
            BOOST_TEST((got.payloads == payloads), of);
        // Cut at each place within the first frames.
        for (std::size_t n = 0; n < std::min<std::size_t>(stream.size(), 400); ++n)
            check(of, std::string_view(stream).substr(0, n));
    }
}

BOOST_AUTO_TEST_CASE(payloads_of_any_byte) {
    std::mt19937 drawn(8);
    for (const std::string& of : each_spec)
        for (int i = 0; i < 200; ++i) {
            std::string payload(drawn() % 40, '\0');
            for (char& c : payload) c = static_cast<char>(drawn());
            check(of, frame_naively(spec(of), payload) + frame_naively(spec(of), "k"));
        }
}

BOOST_AUTO_TEST_CASE(a_line_loses_one_cr_and_no_other) {
    const frames_read got = in_pieces("line", "a\nb\r\nc\r\r\nd\re\n\r\n\nlast\r", 1);
    BOOST_TEST((got.payloads == std::vector<std::string>{"a", "b", "c\r", "d\re"}));
    BOOST_TEST(got.heartbeats == 2u);
    BOOST_TEST((got.end == fin::tail));
    BOOST_TEST(got.rest == "last\r"); // perhaps half of a line's end, perhaps not
}

// As GE Millbrook sends them between messages; many senders add a line end to each.
BOOST_AUTO_TEST_CASE(nul_cr_and_lf_between_frames_are_heartbeats) {
    const std::string nul(1, '\0');
    const std::string mllp = nul +
                             "\x0b"
                             "one\x1c\r" +
                             nul + nul +
                             "\r\n\x0b"
                             "two\x1c\r\n";
    const frames_read got = in_pieces("mllp", mllp, 3);
    BOOST_TEST((got.payloads == std::vector<std::string>{"one", "two"}));
    BOOST_TEST(got.heartbeats == 6u);
    BOOST_TEST((got.end == fin::between_frames));
    BOOST_TEST((in_pieces("netstring", "\n1:a,\n", 3).heartbeats == 2u));
    BOOST_TEST((in_pieces("length:ascii:2", "\r\n01a", 3).heartbeats == 2u));
    BOOST_TEST((in_pieces("stx-etx",
                          "\x02"
                          "a\x03\r\n",
                          3)
                    .heartbeats == 2u));
    // Not where they may be the payload, or its length.
    BOOST_TEST(
        (in_pieces("length:u16be", nul + "\n" + "0123456789", 3).payloads.front() == "0123456789"));
    BOOST_TEST((in_pieces("fixed:2", "\r\n", 1).payloads.front() == "\r\n"));
}

BOOST_AUTO_TEST_CASE(an_empty_frame_is_a_heartbeat_where_there_is_no_other) {
    for (const auto& [of, stream] : std::vector<std::pair<std::string, std::string>>{
             {"line", "\n\r\n"},
             {"delimiter:0D0A", "\r\n\r\n"},
             {"length:u8", "\0\0"s},
             {"length:u16be", "\0\0\0\0"s},
             {"length:u16be,inclusive", "\0\x02\0\x02"s},
             {"length:ascii:2", "0000"}}) {
        const frames_read got = in_pieces(of, stream, 1);
        BOOST_TEST(got.payloads.empty(), of);
        BOOST_TEST(got.heartbeats == 2u, of);
        BOOST_TEST(
            (in_pieces(of, stream, 1, plenty, false).payloads == std::vector<std::string>{"", ""}),
            of);
    }
    for (const auto& [of, stream] :
         std::vector<std::pair<std::string, std::string>>{{"stx-etx", "\x02\x03"},
                                                          {"stx-etx,lrc", "\x02\x03\x03"},
                                                          {"stx-etx,sum", "\x02\x03"
                                                                          "03\r\n"},
                                                          {"mllp", "\x0b\x1c\r"},
                                                          {"netstring", "0:,"}}) {
        const frames_read got = in_pieces(of, stream, 1);
        BOOST_TEST((got.payloads == std::vector<std::string>{""}), of);
        BOOST_TEST(got.heartbeats == 0u, of);
    }
}

BOOST_AUTO_TEST_CASE(what_is_wrong_is_told_with_its_place) {
    BOOST_TEST(told("mllp", "GET / HTTP/1.1\r\n") ==
               "no start byte (0B) where a frame must begin at 0");
    BOOST_TEST(told("mllp", "\x0b"
                            "a\x1c\rMSH") == "no start byte (0B) where a frame must begin at 0");
    BOOST_TEST(told("stx-etx", "a") == "no STX (02) where a frame must begin at 0");
    BOOST_TEST(told("stx-etx,lrc", "\x02"
                                   "ab\x03"
                                   "x") == "the LRC does not match at 4");
    BOOST_TEST(told("stx-etx,sum", "\x02"
                                   "a\x03"
                                   "65\r\n") == "the checksum does not match at 4");
    BOOST_TEST(told("stx-etx,sum", "\x02"
                                   "a\x03"
                                   "64\n") == "no CR LF behind the checksum at 5");
    BOOST_TEST(told("length:u16be,inclusive", "\0\x01"s) ==
               "the length is less than its own bytes at 0");
    BOOST_TEST(told("length:ascii:4", "00x1") == "the length is not of decimal digits at 2");
    BOOST_TEST(told("netstring", "1a") == "the length is not decimal digits and a colon at 1");
    BOOST_TEST(told("netstring", ":") == "the length is not decimal digits and a colon at 0");
    BOOST_TEST(told("netstring", "01:a,") == "the length begins with a zero at 1");
    BOOST_TEST(told("netstring", "1:ab") == "no comma behind the payload at 3");
}

// By the examples of those who define them: ASTM E1381 has the sum, ISO 1155 the XOR.
BOOST_AUTO_TEST_CASE(checks_are_counted_up_to_and_with_the_etx) {
    // 1 + 2 = 0x31 ^ 0x32 ^ 0x03 = 0; and 0x31 + 0x32 + 0x03 = 0x66.
    BOOST_TEST((in_pieces("stx-etx,lrc",
                          "\x02"
                          "12\x03\0"s,
                          1)
                    .payloads == std::vector<std::string>{"12"}));
    BOOST_TEST((in_pieces("stx-etx,sum",
                          "\x02"
                          "12\x03"
                          "66\r\n",
                          1)
                    .payloads == std::vector<std::string>{"12"}));
    // 0x6a + 0x3d + 0x03 = 0xaa, in either case.
    for (const char* digits : {"AA", "aa", "Aa"})
        BOOST_TEST((in_pieces("stx-etx,sum", "\x02j=\x03"s + digits + "\r\n", 1).payloads ==
                    std::vector<std::string>{"j="}));
    // An LRC may be any byte, also one that means something else.
    BOOST_TEST((in_pieces("stx-etx,lrc", "\x02\x01\x03\x02\x02\x05\x03\x06", 1).payloads ==
                std::vector<std::string>{"\x01", "\x05"}));
}

BOOST_AUTO_TEST_CASE(a_length_of_4_gib_is_too_large_at_once) {
    for (const auto& [of, stream] : std::vector<std::pair<std::string, std::string>>{
             {"length:u32be", "\xff\xff\xff\xff"},
             {"length:u32le,inclusive", "\xff\xff\xff\xff"},
             {"length:ascii:18", "999999999999999999"},
             {"netstring", "99999999999999999999999"}}) {
        reader_type one = reader(of);
        const auto step = one.feed(bytes(stream));
        BOOST_TEST((step.fault == fault::too_large), of);
        BOOST_TEST(one.fault_offset() == 0u);
    }
    // And where all of 64 bits are allowed, it is the number that it is.
    reader_type one(spec("netstring"), UINT64_MAX);
    BOOST_TEST((one.feed(bytes("18446744073709551615:")).fault == fault::none));
    BOOST_TEST(*one.expected_size() == UINT64_MAX);
    BOOST_TEST(one.read_size_hint() > 0u);
    reader_type other(spec("netstring"), UINT64_MAX);
    BOOST_TEST((other.feed(bytes("18446744073709551616")).fault == fault::too_large));
}

BOOST_AUTO_TEST_CASE(the_limit_counts_the_payload_alone) {
    for (const std::string& of : each_spec) {
        if (of.starts_with("fixed")) continue;
        const frame_spec what = spec(of);
        BOOST_TEST((read_naively(what, frame_naively(what, "kkkk"), 4).fault == fault::none), of);
        check(of, frame_naively(what, "kkkk"), 4);
        check(of, frame_naively(what, "kkkkk"), 4);
        BOOST_TEST((in_pieces(of, frame_naively(what, "kkkkk"), 1, 4).fault == fault::too_large),
                   of);
    }
    BOOST_TEST((in_pieces("fixed:4", "k", 1, 4).fault == fault::none));
    BOOST_TEST((in_pieces("fixed:5", "k", 1, 4).fault == fault::too_large));
    // Known with the first byte too many, not with the end.
    BOOST_TEST((in_pieces("line", "kkkkk", 1, 4).fault == fault::too_large));
    // What was held back may be what is too much.
    BOOST_TEST((in_pieces("line", "kkkk\r", 1, 4).end == fin::failed));
}

BOOST_AUTO_TEST_CASE(a_fin_ends_cuts_or_stands_between) {
    const auto end_of = [](std::string_view of, std::string_view stream) {
        return in_pieces(of, stream, 1).end;
    };
    for (const std::string& of : each_spec) BOOST_TEST((end_of(of, "") == fin::between_frames), of);
    BOOST_TEST((end_of("eof", "a") == fin::complete));
    BOOST_TEST((end_of("idle:1s", "a") == fin::complete));
    BOOST_TEST((end_of("line", "a") == fin::tail));
    BOOST_TEST((end_of("line", "a\n") == fin::between_frames));
    BOOST_TEST((end_of("mllp", "\x0b") == fin::tail));
    BOOST_TEST((end_of("mllp", "\r") == fin::between_frames));
    BOOST_TEST((end_of("length:u16be", "\x01") == fin::tail));
    BOOST_TEST((end_of("netstring", "1:a") == fin::tail));
    BOOST_TEST((end_of("stx-etx,lrc", "\x02"
                                      "a\x03") == fin::tail));
    BOOST_TEST((end_of("fixed:3", "ab") == fin::tail));
}

BOOST_AUTO_TEST_CASE(a_pause_ends_what_is_framed_by_pauses) {
    reader_type one = reader("idle:200ms");
    BOOST_TEST(!one.on_pause());
    BOOST_TEST(text(one.feed(bytes("ab")).payload) == "ab");
    BOOST_TEST(text(one.feed(bytes("c")).payload) == "c");
    BOOST_TEST(one.payload_size() == 3u);
    BOOST_TEST(one.on_pause());
    BOOST_TEST(!one.in_frame());
    BOOST_TEST(!one.on_pause());
    one.feed(bytes("d"));
    BOOST_TEST(one.payload_size() == 1u);
    for (const std::string& of : each_spec) {
        reader_type other = reader(of);
        other.feed(bytes("a"));
        BOOST_TEST(other.on_pause() == of.starts_with("idle"), of);
    }
}

BOOST_AUTO_TEST_CASE(bytes_of_the_next_frame_are_left) {
    for (const std::string& of : each_spec) {
        if (of == "eof" || of == "idle:200ms" || of == "fixed:1") continue;
        const frame_spec what = spec(of);
        const std::string first = frame_naively(what, "kkk");
        reader_type one = reader(of);
        const std::string both = first + frame_naively(what, "mmm");
        const auto step = one.feed(bytes(both));
        BOOST_TEST(step.complete, of);
        BOOST_TEST(step.consumed == first.size(), of);
        BOOST_TEST(text(step.payload) == "kkk", of);
        BOOST_TEST(step.held.empty(), of);
    }
}

BOOST_AUTO_TEST_CASE(the_hint_is_exact_where_the_length_is_known) {
    reader_type length = reader("length:u16be");
    BOOST_TEST(length.read_size_hint() == 2u);
    length.feed(bytes("\x01"));
    BOOST_TEST(length.read_size_hint() == 1u);
    length.feed(bytes("\x02"));
    BOOST_TEST(length.read_size_hint() == 0x102u);
    BOOST_TEST(*length.expected_size() == 0x102u);
    BOOST_TEST(!length.scans());
    reader_type netstring = reader("netstring");
    BOOST_TEST(netstring.read_size_hint() == 3u);
    netstring.feed(bytes("12"));
    BOOST_TEST(netstring.read_size_hint() == 14u); // colon, at least twelve, comma
    netstring.feed(bytes(":"));
    BOOST_TEST(netstring.read_size_hint() == 13u);
    reader_type eof = reader("eof", 10);
    eof.feed(bytes("abc"));
    BOOST_TEST(eof.read_size_hint() == 8u); // one more is enough to know
    BOOST_TEST(reader_type(spec("eof"), UINT64_MAX).read_size_hint() > 0u);
    BOOST_TEST(reader("stx-etx,sum").read_size_hint() == 6u);
    for (const char* of : {"line", "delimiter:0D0A", "stx-etx", "mllp"})
        BOOST_TEST(reader(of).scans(), of);
}

BOOST_AUTO_TEST_CASE(held_bytes_come_before_what_shows_that_they_are_payload) {
    reader_type one = reader("delimiter:61616261"); // "aaba"
    BOOST_TEST(text(one.feed(bytes("xaa")).payload) == "x");
    BOOST_TEST(text(one.held()) == "aa");
    // "aaa": the first of them is payload, the other two may still be the delimiter's.
    const auto step = one.feed(bytes("a"));
    BOOST_TEST(text(step.held) == "a");
    BOOST_TEST(step.payload.empty());
    BOOST_TEST(one.payload_size() == 2u);
    const auto other = one.feed(bytes("bc"));
    BOOST_TEST(text(other.held) == "aa");
    BOOST_TEST(text(other.payload) == "bc");
}

BOOST_AUTO_TEST_SUITE_END()
