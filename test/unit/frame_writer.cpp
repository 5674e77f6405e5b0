#include "frame_writer.hpp"

#include "support/frame_reference.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <vector>

using namespace finpost::test;
using finpost::frame_spec;
using namespace std::string_literals;
using writer_type = finpost::detail::frame_writer;

namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// All that goes out; nothing when the frame cannot carry it.
std::optional<std::string> wrapped(std::string_view of, std::string_view body) {
    writer_type writer(spec(of));
    const auto n = writer.wrap(bytes(body));
    if (!n) {
        BOOST_TEST(!writer.fault().empty());
        return std::nullopt;
    }
    return std::string(writer.header()) + std::string(body.substr(0, *n)) +
           std::string(writer.trailer());
}

struct written {
    std::string out; // as far as it was written
    bool whole = false;
};

written in_pieces(std::string_view of, std::string_view body, std::size_t size) {
    writer_type writer(spec(of));
    written done;
    if (!writer.begin(body.size())) return done;
    done.out = writer.header();
    for (; !body.empty(); body.remove_prefix(std::min(size, body.size()))) {
        const auto n = writer.add(bytes(body.substr(0, size)));
        if (!n) return done;
        done.out += body.substr(0, *n);
    }
    done.whole = writer.end();
    if (done.whole) done.out += writer.trailer();
    return done;
}

// What a reader makes of a body that is framed, with the rule that a line's end is the frame's own.
std::string as_read(std::string_view of, std::string body) {
    if (of == "line" && body.ends_with('\n')) {
        body.pop_back();
        if (body.ends_with('\r')) body.pop_back();
    }
    return body;
}

std::string why(std::string_view of, std::string_view body) {
    writer_type writer(spec(of));
    return writer.wrap(bytes(body)) ? "none" : std::string(writer.fault());
}

template <class Use>
void each_text(std::string_view letters, std::size_t size, Use use) {
    std::vector<std::string> all{""};
    for (std::size_t i = 0; i < all.size(); ++i) {
        use(all[i]);
        if (all[i].size() == size) continue;
        for (const char c : letters) all.push_back(all[i] + c);
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(frame_writer)

// A body is carried when, and only when, a frame made without a second thought is read back as it.
BOOST_AUTO_TEST_CASE(what_goes_out_is_read_back_and_nothing_else_is_refused) {
    for (const std::string& of : each_spec) {
        const frame_spec what = spec(of);
        each_text("ab\r\n\x03\x1c", 4, [&](const std::string& body) {
            const auto out = wrapped(of, body);
            const std::string plain = frame_naively(what, body);
            const frames_read read = read_naively(what, plain, 1 << 20, false);
            const bool by_fin = what.type == frame_spec::kind::eof ||
                                (what.type == frame_spec::kind::idle && !body.empty());
            const bool back =
                by_fin ? read.rest == body
                       : read.payloads == std::vector<std::string>{as_read(of, body)} &&
                             read.end == finpost::detail::frame_reader::fin::between_frames;
            if (out.has_value() != back) BOOST_ERROR(of << " of \"" << body << '"');
            if (out && *out != plain) BOOST_ERROR(of << " writes \"" << *out << '"');
        });
    }
}

// And where it cannot, what is already out by then is not a frame: a client is never told a part as
// the whole, nor a reply as two.
BOOST_AUTO_TEST_CASE(in_pieces_it_is_the_same_and_a_part_is_never_a_frame) {
    for (const std::string& of : each_spec)
        each_text("ab\r\n\x03\x1c", 4, [&](const std::string& body) {
            const auto out = wrapped(of, body);
            for (const std::size_t size : {1u, 2u, 3u, 5u}) {
                const written got = in_pieces(of, body, size);
                const auto read = read_naively(spec(of), got.out, 1 << 20, false);
                if (got.whole != out.has_value() || (out && got.out != *out) ||
                    (!got.whole && !read.payloads.empty()))
                    BOOST_ERROR(of << " of \"" << body << "\" by " << size << ": " << got.out);
            }
        });
}

BOOST_AUTO_TEST_CASE(each_frame_is_the_one_of_its_definition) {
    BOOST_TEST(*wrapped("eof", "ab") == "ab");
    BOOST_TEST(*wrapped("line", "ab") == "ab\n");
    BOOST_TEST(*wrapped("line", "") == "\n");
    BOOST_TEST(*wrapped("delimiter:0D0A", "ab") == "ab\r\n");
    BOOST_TEST(*wrapped("stx-etx", "ab") == "\x02"
                                            "ab\x03");
    BOOST_TEST((*wrapped("stx-etx,lrc", "12") == "\x02"
                                                 "12\x03\0"s));
    BOOST_TEST(*wrapped("stx-etx,sum", "j=") == "\x02"
                                                "j=\x03"
                                                "AA\r\n");
    BOOST_TEST(*wrapped("mllp", "MSH|") == "\x0b"
                                           "MSH|\x1c\r");
    BOOST_TEST(*wrapped("length:u8", "ab") == "\x02"
                                              "ab");
    BOOST_TEST(*wrapped("length:u8,inclusive", "ab") == "\x03"
                                                        "ab");
    BOOST_TEST((*wrapped("length:u16be", "ab") == "\0\x02"
                                                  "ab"s));
    BOOST_TEST((*wrapped("length:u16le", "ab") == "\x02\0ab"s));
    BOOST_TEST((*wrapped("length:u32be,inclusive", "ab") == "\0\0\0\x06"
                                                            "ab"s));
    BOOST_TEST((*wrapped("length:u32le", "ab") == "\x02\0\0\0ab"s));
    BOOST_TEST(*wrapped("length:ascii:4", "ab") == "0002ab");
    BOOST_TEST(*wrapped("netstring", "hello world!") == "12:hello world!,");
    BOOST_TEST(*wrapped("netstring", "") == "0:,");
    BOOST_TEST(*wrapped("fixed:2", "ab") == "ab");
    BOOST_TEST(*wrapped("idle:1s", "ab") == "ab");
}

BOOST_AUTO_TEST_CASE(a_line_end_at_the_end_of_a_body_is_the_frames_own) {
    BOOST_TEST(*wrapped("line", "ab\n") == "ab\n");
    BOOST_TEST(*wrapped("line", "ab\r\n") == "ab\r\n");
    BOOST_TEST(*wrapped("line", "\n") == "\n");
    BOOST_TEST(why("line", "ab\n\n") == "the body holds the end of its frame");
    BOOST_TEST(why("line", "a\nb") == "the body holds the end of its frame");
    BOOST_TEST(why("line", "ab\r") == "the body ends with a CR, which the line's end would take");
    // Only a line's: the bytes of another delimiter are its own.
    BOOST_TEST(why("delimiter:0A", "ab\n") == "the body holds the end of its frame");
}

BOOST_AUTO_TEST_CASE(the_longest_body_of_each_length) {
    const auto of_size = [](std::string_view of, std::size_t size) {
        return why(of, std::string(size, 'k'));
    };
    const std::string too_long = "the body is too long for its frame";
    BOOST_TEST(of_size("length:u8", 255) == "none");
    BOOST_TEST(of_size("length:u8", 256) == too_long);
    BOOST_TEST(of_size("length:u8,inclusive", 254) == "none");
    BOOST_TEST(of_size("length:u8,inclusive", 255) == too_long);
    BOOST_TEST(of_size("length:u16be", 65'535) == "none");
    BOOST_TEST(of_size("length:u16be", 65'536) == too_long);
    BOOST_TEST(of_size("length:u16le,inclusive", 65'533) == "none");
    BOOST_TEST(of_size("length:u16le,inclusive", 65'534) == too_long);
    BOOST_TEST(of_size("length:ascii:2", 99) == "none");
    BOOST_TEST(of_size("length:ascii:2", 100) == too_long);
    BOOST_TEST(of_size("fixed:2", 1) == "the body has not the size that its frame has");
    BOOST_TEST(of_size("fixed:2", 3) == "the body has not the size that its frame has");
    BOOST_TEST(of_size("idle:1s", 0) == "an empty body is no frame");
    writer_type writer(spec("length:u32be"));
    BOOST_TEST(writer.begin(0xffffffff));
    BOOST_TEST((writer.header() == "\xff\xff\xff\xff"));
    BOOST_TEST(!writer.begin(0x100000000));
    writer_type digits(spec("length:ascii:18"));
    BOOST_TEST(digits.begin(999'999'999'999'999'999));
    BOOST_TEST(!digits.begin(1'000'000'000'000'000'000));
    writer_type netstring(spec("netstring"));
    BOOST_TEST(netstring.begin(UINT64_MAX));
    BOOST_TEST(netstring.header() == "18446744073709551615:");
}

BOOST_AUTO_TEST_CASE(a_size_that_is_not_kept_is_a_fault) {
    writer_type writer(spec("length:u8"));
    BOOST_TEST(writer.needs_size());
    BOOST_TEST(!writer.begin(std::nullopt));
    BOOST_TEST(writer.begin(2));
    BOOST_TEST(!writer.add(bytes("abc")));
    BOOST_TEST(writer.begin(2));
    BOOST_TEST(*writer.add(bytes("a")) == 1u);
    BOOST_TEST(!writer.end());
    // A fault lasts until the next frame begins.
    BOOST_TEST(!writer.add(bytes("b")));
    BOOST_TEST(writer.begin(1));
    BOOST_TEST(*writer.add(bytes("b")) == 1u);
    BOOST_TEST(writer.end());
    BOOST_TEST(writer.header() == "\x01");
    // Without a size where none is needed.
    writer_type mllp(spec("mllp"));
    BOOST_TEST(!mllp.needs_size());
    BOOST_TEST(mllp.begin(std::nullopt));
    BOOST_TEST(*mllp.add(bytes("\x1c")) == 1u);
    BOOST_TEST(!mllp.add(bytes("\r")));
    // A body that was given up has no part in the next.
    BOOST_TEST(mllp.begin(std::nullopt));
    BOOST_TEST(*mllp.add(bytes("\x1c")) == 1u);
    BOOST_TEST(mllp.begin(std::nullopt));
    BOOST_TEST(*mllp.add(bytes("\r")) == 1u);
    BOOST_TEST(mllp.end());
}

BOOST_AUTO_TEST_SUITE_END()
