// Where payloads end: specs, streams of frames in any segmentation, and bodies that are framed.

#include "frame_reader.hpp"
#include "frame_writer.hpp"
#include "fuzz.hpp"
#include "support/frame_reference.hpp"

#include <array>
#include <optional>
#include <string>

using namespace finpost;
using namespace finpost::detail;
using namespace finpost::fuzz;
using namespace finpost::test;

namespace {

constexpr std::array<std::string_view, 16> specs{"line",
                                                 "delimiter:0D0A",
                                                 "delimiter:61616261",
                                                 "stx-etx",
                                                 "stx-etx,lrc",
                                                 "stx-etx,sum",
                                                 "mllp",
                                                 "length:u8",
                                                 "length:u16be",
                                                 "length:u32le",
                                                 "netstring",
                                                 "length:ascii:2",
                                                 "fixed:3",
                                                 "idle:1s",
                                                 "eof",
                                                 "length:u8,inclusive"};

void check_spec(std::string_view text) {
    const auto read = parse_frame_spec(text);
    if (!read) {
        must(is_printable(read.error().message) && !read.error().message.empty(),
             "what is wrong is told in one line of plain text");
        must(read.error().message.size() < 600, "and in a short one");
        return;
    }
    const std::string written = to_string(*read);
    const auto again = parse_frame_spec(written);
    must(again && *again == *read && to_string(*again) == written,
         "a spec that is written is read again");
    must(read->delimiter.size() <= frame_spec::longest_delimiter && read->width <= 18,
         "a spec has its bounds");
}

void check_stream(const frame_spec& spec, std::string_view stream, std::uint64_t most, bool polls,
                  splits where) {
    const frames_read expected = read_naively(spec, stream, most, polls);
    const auto pieces = [&](std::size_t left, std::size_t) { return where.next(left); };
    const auto exact = [&](std::size_t, std::size_t hint) { return hint; };
    const auto broken = [](std::string_view what) { must(false, what); };
    must(read_in_pieces(spec, stream, most, polls, pieces, broken) == expected,
         "a stream in pieces is the frames that it is");
    must(read_in_pieces(spec, stream, most, polls, exact, broken) == expected,
         "and as it is wanted as well");
}

// What was written of `body` when the writer has no objection; empty otherwise.
std::optional<std::string> write(frame_writer& writer, std::string_view body, splits where) {
    if (!writer.begin(body.size())) return std::nullopt;
    std::string out(writer.header());
    bool good = true;
    each_piece(body, where, [&](std::string_view piece) {
        const auto n = good ? writer.add(bytes_of(piece)) : std::nullopt;
        good = good && n;
        if (good) out += piece.substr(0, *n);
    });
    if (!good || !writer.end()) return std::nullopt;
    return out + std::string(writer.trailer());
}

void check_body(const frame_spec& spec, std::string_view body, splits where) {
    frame_writer writer(spec);
    const auto whole = write(writer, body, {}), pieces = write(writer, body, where);
    must(whole == pieces, "a body in pieces is framed as the whole");
    must(writer.fault().empty() == whole.has_value(), "what cannot be carried is told in words");
    const std::string plain = frame_naively(spec, body);
    const frames_read read = read_naively(spec, plain, body.size() + 1, false);
    std::string expected(body);
    if (spec.type == frame_spec::kind::line && expected.ends_with('\n')) {
        expected.pop_back();
        if (expected.ends_with('\r')) expected.pop_back();
    }
    const bool by_fin = read.end == frame_reader::fin::complete && read.rest == body;
    const bool back = by_fin || (spec.type == frame_spec::kind::eof && body.empty()) ||
                      (read.payloads.size() == 1 && read.payloads[0] == expected &&
                       read.end == frame_reader::fin::between_frames);
    must(whole.has_value() == back, "a body is carried when it is read back");
    if (whole) must(*whole == plain, "and as its frame is defined");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input from(data, size);
    const unsigned which = from.byte();
    const unsigned most = from.byte();
    const splits where(from);
    const std::string_view text = from.text();
    check_spec(text);
    const frame_spec spec = parse_frame_spec(specs[which % specs.size()]).value();
    check_stream(spec, text, most == 255 ? UINT64_MAX : most, (which & 16) != 0, where);
    check_body(spec, text, where);
    return 0;
}
