#include "support/frame_reference.hpp"

#include <algorithm>
#include <optional>
#include <span>

namespace finpost::test {

using namespace detail;

const std::vector<std::string> each_spec{"eof",
                                         "line",
                                         "delimiter:61",
                                         "delimiter:0D0A",
                                         "delimiter:61616261",
                                         "delimiter:61626162",
                                         "stx-etx",
                                         "stx-etx,lrc",
                                         "stx-etx,sum",
                                         "mllp",
                                         "length:u8",
                                         "length:u8,inclusive",
                                         "length:u16be",
                                         "length:u16le",
                                         "length:u16be,inclusive",
                                         "length:u32be",
                                         "length:u32le,inclusive",
                                         "length:ascii:1",
                                         "length:ascii:3",
                                         "netstring",
                                         "fixed:1",
                                         "fixed:3",
                                         "idle:200ms"};

const std::vector<std::string> framed_both_ways{
    "line",           "delimiter:0D0A", "delimiter:FF00FF",
    "stx-etx",        "stx-etx,lrc",    "stx-etx,sum",
    "mllp",           "length:u8",      "length:u16be",
    "length:u16le",   "length:u32be",   "length:u32le,inclusive",
    "length:ascii:4", "netstring"};

frame_spec spec(std::string_view text) { return parse_frame_spec(text).value(); }

namespace {

using kind = frame_spec::kind;
using checksum = frame_spec::checksum;
using fault = frame_reader::fault;
using fin = frame_reader::fin;

bool passes(kind type) {
    return type == kind::stx_etx || type == kind::mllp || type == kind::netstring ||
           type == kind::length_ascii;
}

std::string mark_of(const frame_spec& spec) {
    if (spec.type == kind::line) return "\n";
    if (spec.type == kind::delimiter) return spec.delimiter;
    return spec.type == kind::mllp ? "\x1c\r" : "\x03";
}

unsigned sum_of(const frame_spec& spec, std::string_view payload) {
    unsigned sum = 0;
    for (const char c : std::string(payload) + '\x03') {
        const auto byte = static_cast<unsigned char>(c);
        sum = spec.check == checksum::lrc ? sum ^ byte : (sum + byte) % 256;
    }
    return sum;
}

std::string check_of(const frame_spec& spec, std::string_view payload) {
    const unsigned sum = sum_of(spec, payload);
    if (spec.check == checksum::none) return {};
    if (spec.check == checksum::lrc) return {static_cast<char>(sum)};
    const std::string digits = "0123456789ABCDEF";
    return {digits[sum / 16], digits[sum % 16], '\r', '\n'};
}

// One frame at the beginning of what is left of a stream.
struct one {
    enum class how { complete, cut, bad, too_large } what = how::cut;
    std::size_t size = 0; // of the frame, when complete
    std::string payload;  // as far as it is there
    std::uint64_t offset = 0;
};

one cut(std::string payload = {}) { return {one::how::cut, 0, std::move(payload), 0}; }
one bad(std::uint64_t offset) { return {one::how::bad, 0, {}, offset}; }
one too_large(std::uint64_t offset) { return {one::how::too_large, 0, {}, offset}; }

one read_marked(const frame_spec& spec, std::string_view left, std::uint64_t most) {
    const bool started = spec.type == kind::stx_etx || spec.type == kind::mllp;
    if (started && left[0] != (spec.type == kind::mllp ? '\x0b' : '\x02')) return bad(0);
    const std::size_t from = started ? 1 : 0;
    const std::string mark = mark_of(spec);
    const std::size_t at = left.find(mark, from);
    std::string payload(left.substr(from, at == left.npos ? at : at - from));
    if (at == left.npos) {
        // What may still become the mark is not payload yet.
        std::size_t open = 0;
        for (std::size_t n = 1; n < mark.size(); ++n)
            if (payload.ends_with(mark.substr(0, n))) open = n;
        if (spec.type == kind::line && payload.ends_with('\r')) open = 1;
        if (payload.size() - open > most) return too_large(from + most);
        return cut(payload);
    }
    if (spec.type == kind::line && payload.ends_with('\r')) payload.pop_back();
    if (payload.size() > most) return too_large(from + most);
    std::size_t end = at + mark.size();
    if (spec.type == kind::stx_etx) {
        for (const char expected : check_of(spec, payload)) {
            if (end == left.size()) return cut(payload);
            const char c = left[end];
            const bool digit = spec.check == checksum::sum && c >= 'a' && c <= 'f';
            if ((digit ? static_cast<char>(c - 32) : c) != expected) return bad(end);
            ++end;
        }
    }
    return {one::how::complete, end, payload, 0};
}

one read_counted(std::string_view left, std::size_t header, std::uint64_t size, std::uint64_t most,
                 std::string_view behind) {
    if (size > most) return too_large(0);
    const std::string_view rest = left.substr(header);
    if (rest.size() < size) return cut(std::string(rest));
    const auto n = static_cast<std::size_t>(size);
    const std::string payload(rest.substr(0, n));
    if (behind.empty()) return {one::how::complete, header + n, payload, 0};
    if (rest.size() == n) return cut(payload);
    if (rest[n] != behind[0]) return bad(header + n);
    return {one::how::complete, header + n + 1, payload, 0};
}

one read_binary(const frame_spec& spec, std::string_view left, std::uint64_t most) {
    if (left.size() < spec.width) return cut();
    std::string digits(left.substr(0, spec.width));
    if (spec.little_endian) std::reverse(digits.begin(), digits.end());
    std::uint64_t size = 0;
    for (const char c : digits) size = size * 256 + static_cast<unsigned char>(c);
    if (spec.inclusive && size < spec.width) return bad(0);
    return read_counted(left, spec.width, size - (spec.inclusive ? spec.width : 0), most, {});
}

one read_ascii(const frame_spec& spec, std::string_view left, std::uint64_t most) {
    const std::string_view digits = left.substr(0, spec.width);
    const std::size_t other = digits.find_first_not_of("0123456789");
    if (other != digits.npos) return bad(other);
    if (digits.size() < spec.width) return cut();
    return read_counted(left, spec.width, std::stoull(std::string(digits)), most, {});
}

one read_netstring(std::string_view left, std::uint64_t most) {
    __extension__ using wide = unsigned __int128;
    wide size = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
        if (left[i] == ':' && i > 0)
            return read_counted(left, i + 1, static_cast<std::uint64_t>(size), most, ",");
        if (left[i] < '0' || left[i] > '9' || (i > 0 && left[0] == '0')) return bad(i);
        size = size * 10 + static_cast<unsigned>(left[i] - '0');
        if (size > most) return too_large(0);
    }
    return cut();
}

one read_one(const frame_spec& spec, std::string_view left, std::uint64_t most) {
    switch (spec.type) {
    case kind::length:
        return read_binary(spec, left, most);
    case kind::length_ascii:
        return read_ascii(spec, left, most);
    case kind::netstring:
        return read_netstring(left, most);
    case kind::fixed:
        return read_counted(left, 0, spec.size, most, {});
    case kind::eof:
    case kind::idle:
        if (left.size() > most) return too_large(most);
        return cut(std::string(left));
    default:
        return read_marked(spec, left, most);
    }
}

std::span<const std::byte> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

std::string text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

bool is_within(std::span<const std::byte> part, std::span<const std::byte> of) {
    return part.empty() ||
           (part.data() >= of.data() && part.data() + part.size() <= of.data() + of.size());
}

} // namespace

frames_read read_naively(const frame_spec& spec, std::string_view stream, std::uint64_t max_payload,
                         bool empty_is_heartbeat) {
    frames_read out;
    const bool polls = spec.type == kind::line || spec.type == kind::delimiter ||
                       spec.type == kind::length || spec.type == kind::length_ascii;
    while (!stream.empty()) {
        if (passes(spec.type) && std::string_view("\0\r\n", 3).find(stream[0]) != stream.npos) {
            ++out.heartbeats;
            stream.remove_prefix(1);
            continue;
        }
        const one next = read_one(spec, stream, max_payload);
        if (next.what == one::how::bad || next.what == one::how::too_large) {
            out.fault = next.what == one::how::bad ? fault::bad_frame : fault::too_large;
            out.fault_offset = next.offset;
            out.end = fin::failed;
            return out;
        }
        if (next.what == one::how::cut) {
            const bool whole = spec.type == kind::eof || spec.type == kind::idle;
            out.end = whole ? fin::complete : fin::tail;
            out.rest = next.payload;
            if (next.payload.size() > max_payload) {
                out.fault = fault::too_large;
                out.fault_offset = max_payload + (spec.type == kind::mllp ? 1 : 0);
                out.end = fin::failed;
                out.rest.clear();
            }
            return out;
        }
        if (next.payload.empty() && empty_is_heartbeat && polls)
            ++out.heartbeats;
        else
            out.payloads.push_back(next.payload);
        stream.remove_prefix(next.size);
    }
    return out;
}

frames_read read_in_pieces(const frame_spec& spec, std::string_view stream,
                           std::uint64_t max_payload, bool empty_is_heartbeat,
                           const std::function<std::size_t(std::size_t, std::size_t)>& next,
                           const std::function<void(std::string_view)>& broken) {
    frames_read out;
    frame_reader reader(spec, max_payload,
                        empty_is_heartbeat ? frame_reader::empty_frame::heartbeat
                                           : frame_reader::empty_frame::payload);
    std::string payload;
    while (!stream.empty()) {
        const std::size_t hint = reader.read_size_hint();
        if (hint == 0) broken("a reader that has not failed wants more");
        const std::size_t n = std::min(stream.size(), next(stream.size(), hint));
        const auto piece = bytes_of(stream.substr(0, n));
        const frame_reader::step step = reader.feed(piece);
        out.heartbeats += step.heartbeats;
        if (step.fault != fault::none) {
            if (reader.read_size_hint() != 0 || reader.feed(piece).consumed != 0)
                broken("after a fault nothing more is taken");
            if (!step.payload.empty() || !step.held.empty() || step.complete)
                broken("a fault brings no payload");
            if (reader.fault_text().empty()) broken("a fault is told in words");
            out.fault = step.fault;
            out.fault_offset = reader.fault_offset();
            out.end = reader.on_fin();
            return out;
        }
        if (step.consumed > n || (step.consumed < n && !step.complete))
            broken("all is taken unless a payload has ended");
        if (n <= hint && step.consumed < n) broken("the hint reaches into the next frame");
        if (!is_within(step.payload, piece)) broken("payload is a part of the input");
        payload += text_of(step.held) + text_of(step.payload);
        if (step.complete) {
            if (reader.in_frame() || reader.payload_size() != 0) broken("the next frame is new");
            out.payloads.push_back(payload);
            payload.clear();
        } else if (reader.payload_size() != payload.size()) {
            broken("the size is what was handed over");
        }
        if (const auto size = reader.expected_size(); size && *size < payload.size())
            broken("more came than was expected");
        stream.remove_prefix(step.consumed);
    }
    out.end = reader.on_fin();
    if (out.end == fin::failed) {
        out.fault = fault::too_large;
        out.fault_offset = reader.fault_offset();
    } else if (out.end != fin::between_frames) {
        out.rest = payload + text_of(reader.held());
    }
    return out;
}

std::string frame_naively(const frame_spec& spec, std::string_view body) {
    const std::string text(body);
    std::string length;
    switch (spec.type) {
    case kind::line:
        return text.ends_with('\n') ? text : text + '\n';
    case kind::delimiter:
        return text + spec.delimiter;
    case kind::stx_etx:
        return '\x02' + text + '\x03' + check_of(spec, body);
    case kind::mllp:
        return '\x0b' + text + "\x1c\r";
    case kind::length:
        for (std::size_t n = body.size() + (spec.inclusive ? spec.width : 0), i = 0; i < spec.width;
             ++i, n /= 256)
            length.insert(spec.little_endian ? length.end() : length.begin(),
                          static_cast<char>(n % 256));
        return length + text;
    case kind::length_ascii:
        length = std::to_string(body.size());
        if (length.size() < spec.width) length.insert(0, spec.width - length.size(), '0');
        return length + text;
    case kind::netstring:
        return std::to_string(body.size()) + ':' + text + ',';
    default:
        return text;
    }
}

std::string describe(const frames_read& read) {
    std::string out;
    for (const std::string& each : read.payloads) out += '"' + each + "\" ";
    return out + "heartbeats=" + std::to_string(read.heartbeats) +
           " fault=" + std::to_string(static_cast<int>(read.fault)) + '@' +
           std::to_string(read.fault_offset) +
           " end=" + std::to_string(static_cast<int>(read.end)) + " rest=\"" + read.rest + '"';
}

} // namespace finpost::test
