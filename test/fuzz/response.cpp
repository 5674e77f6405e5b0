// A service's response: head, length, chunks and trailers, split anywhere, kept or passed on, in
// memory or in a file. It is judged again by a reader of the whole text that shares nothing with
// the product.

#include "fuzz.hpp"
#include "policy/buffer_budget.hpp"
#include "policy/spill_policy.hpp"
#include "upstream/content_codings.hpp"
#include "upstream/response_guard.hpp"

#include "finpost/config.hpp"
#include "finpost/metrics.hpp"

#include <optional>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::detail;
using namespace finpost::fuzz;

namespace {

using state = response_guard::state;

struct how {
    bool streamed = false, follows_another = false, relays_all = false, spills = false,
         counted = false;
    bool closed = false, cut = false; // the connection, behind the text
    unsigned asked = 0;               // of `codings`
    std::uint64_t max_body = 0;
};

constexpr std::array<std::string_view, 4> codings{"*", "identity", "gzip, br;q=0",
                                                  "x-Compress;q=0.5, deflate"};

struct verdict {
    state is = state::more;
    reason why = reason::internal; // when failed
    int status = 0;
    bool http_1_0 = false, reusable = false;
    std::size_t size = 0; // of the response, when complete
    std::string body;
};

struct driven : verdict {
    std::string_view what;
    std::uint64_t offset = 0;
    std::size_t bytes_received = 0; // read until it was complete
    bool without_body = false;
};

// As the forwarder and the streamed exchange do it.
driven drive(std::string_view text, const how& by, splits where) {
    static gauge disk_used;
    static buffer_budget disk(1 << 30, disk_used);
    static const spill_policy spills(40, default_spill_directory(), disk, {});
    static const std::array<content_codings, 4> asked{
        content_codings(codings[0]), content_codings(codings[1]), content_codings(codings[2]),
        content_codings(codings[3])};
    gauge used;
    driven out;
    {
        buffer_budget memory(1 << 20, used);
        response_guard guard(by.max_body, by.counted ? &memory : nullptr,
                             by.streamed ? response_guard::body::streamed
                                         : response_guard::body::kept,
                             by.spills ? &spills : nullptr);
        if (by.asked > 0 || by.relays_all) guard.asked_for(asked[by.asked], by.relays_all);
        if (by.follows_another) guard.follows_another();
        std::size_t at = 0;
        while (out.is == state::more && at < text.size()) {
            payload& into = guard.buffer();
            if (by.streamed)
                must(into.reserve(1 << 10), "a window fits");
            else if (!guard.started() || guard.spills())
                into.release_writable();
            if (into.writable().empty())
                must(guard.read_size_hint() > 0 && guard.make_room(), "there is room");
            const std::size_t n = std::min(where.next(text.size() - at), into.writable().size());
            std::memcpy(into.writable().data(), text.data() + at, n);
            at += n;
            out.is = guard.received(n);
            while (out.is == state::more && !guard.data().empty() && by.streamed) {
                const auto here = guard.data();
                const std::size_t some = where.next(here.size());
                out.body.append(reinterpret_cast<const char*>(here.data()), some);
                out.is = guard.consume(some);
            }
        }
        must(guard.bytes_received() == at, "every byte is counted");
        if (out.is == state::more && by.closed)
            out.is = guard.closed();
        else if (out.is == state::more && by.cut)
            out.is = guard.cut();
        out.status = guard.status();
        out.http_1_0 = guard.http_1_0();
        if (out.is == state::failed) {
            out.why = guard.why();
            out.what = guard.what();
            out.offset = guard.offset();
            must(is_printable(out.what) && !out.what.empty(), "a failure is in words");
            must(out.offset <= guard.bytes_received(), "and its place has been read");
        } else if (out.is == state::complete) {
            out.reusable = guard.reusable();
            out.bytes_received = at;
            out.size = at - guard.behind();
            out.without_body = guard.without_body();
            if (!by.streamed) out.body = guard.take_body().text();
            must(out.without_body == out.body.empty(), "it is known whether there is a body");
        }
    }
    must(used.value() == 0 && disk_used.value() == 0, "all memory is given back");
    return out;
}

// The reader of the whole text. Each function returns false when the text is no response, with the
// reason, or ends too early.
class reader {
public:
    reader(std::string_view text, const how& by) : text_(text), by_(by) {}

    verdict judge() {
        if (!read() && out_.is == state::more && (by_.closed || by_.cut))
            fail(reason::upstream_incomplete);
        return out_;
    }

private:
    static constexpr std::size_t most = 16 << 10;

    bool fail(reason why) {
        out_.is = state::failed;
        out_.why = why;
        return false;
    }
    bool invalid() { return fail(reason::upstream_invalid); }
    std::string_view rest() const { return text_.substr(at_); }

    static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
    static std::string lower(std::string_view text) {
        std::string out(text);
        for (char& c : out) c = lower(c);
        return out;
    }
    static std::string_view trim(std::string_view text) {
        const std::size_t first = text.find_first_not_of(" \t");
        return first == text.npos ? ""
                                  : text.substr(first, text.find_last_not_of(" \t") - first + 1);
    }
    static std::vector<std::string> list(std::string_view text) {
        std::vector<std::string> out;
        std::size_t begin = 0;
        for (std::size_t i = 0; i <= text.size(); ++i) {
            if (i < text.size() && text[i] != ',') continue;
            if (const auto one = trim(text.substr(begin, i - begin)); !one.empty())
                out.push_back(lower(one));
            begin = i + 1;
        }
        return out;
    }
    static bool has_controls(std::string_view text) {
        for (const char c : text)
            if (c != '\t' && (static_cast<unsigned char>(c) < 32 || c == 127)) return true;
        return false;
    }

    bool read() {
        if (by_.follows_another)
            while (at_ < text_.size() && at_ < 8 && (text_[at_] == '\r' || text_[at_] == '\n'))
                ++at_;
        tidy_ = at_ == 0;
        for (;;) {
            if (!head()) return false;
            if (status_ == 101) return invalid();
            if (status_ >= 200) break;
            if ((interim_ += head_size_) > (64 << 10)) return invalid();
        }
        out_.status = status_;
        out_.http_1_0 = old_;
        out_.reusable = tidy_ && !close_ && (!old_ || stay_);
        const bool success = status_ < 300;
        if (by_.streamed && old_ && success) return fail(reason::upstream_incomplete);
        if (status_ == 206) return invalid();
        if (status_ == 204 || status_ == 304) {
            out_.reusable = out_.reusable && !chunked_ && length_.value_or(0) == 0;
            return complete();
        }
        if (foreign_ && (success || by_.relays_all)) return invalid();
        if (chunked_) return chunks();
        if (!length_) {
            out_.reusable = false;
            out_.body = rest();
            at_ = text_.size();
            if (out_.body.size() > by_.max_body) return fail(reason::reply_too_large);
            return by_.closed && complete();
        }
        if (*length_ > by_.max_body) return fail(reason::reply_too_large);
        out_.body = rest().substr(0, *length_);
        if (rest().size() < *length_) return false;
        at_ += *length_;
        return complete();
    }

    bool complete() {
        out_.is = state::complete;
        out_.size = at_;
        return true;
    }

    bool head() {
        const std::size_t begin = at_;
        close_ = stay_ = chunked_ = foreign_ = false;
        codings_ = 0;
        length_.reset();
        for (bool first = true;; first = false) {
            const std::size_t end = text_.find('\n', at_);
            if (end == text_.npos) {
                const bool good = !first || begins(rest());
                return good && text_.size() - begin <= most ? false : invalid();
            }
            std::string_view line = text_.substr(at_, end - at_);
            if (line.ends_with('\r'))
                line.remove_suffix(1);
            else
                tidy_ = false;
            if (first ? !status_line(line) : !line.empty() && !field(line)) return invalid();
            at_ = end + 1;
            if (!line.empty()) continue;
            head_size_ = at_ - begin;
            return head_size_ <= most || invalid();
        }
    }

    static bool begins(std::string_view text) {
        for (const std::string_view all : {"HTTP/1.0 ", "HTTP/1.1 "}) {
            const std::size_t n = std::min(text.size(), all.size());
            if (text.substr(0, n) == all.substr(0, n)) return true;
        }
        return false;
    }

    bool status_line(std::string_view line) {
        if (line.size() < 12 || !begins(line)) return false;
        if (line.size() > 12 && line[12] != ' ') return false;
        status_ = 0;
        for (const char c : line.substr(9, 3)) {
            if (c < '0' || c > '9') return false;
            status_ = 10 * status_ + (c - '0');
        }
        old_ = line[7] == '0';
        return status_ >= 100 && status_ <= 599 && !has_controls(line);
    }

    static bool is_field(std::string_view line) {
        const std::size_t colon = line.find(':');
        if (colon == line.npos || colon == 0 || has_controls(line.substr(colon))) return false;
        for (const char c : line.substr(0, colon)) {
            const bool letter = (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9');
            if (!letter && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos)
                return false;
        }
        return true;
    }

    bool field(std::string_view line) {
        if (!is_field(line)) return false;
        const std::string name = lower(line.substr(0, line.find(':')));
        const std::string_view value = trim(line.substr(line.find(':') + 1));
        if (name == "content-length") {
            if (value.empty() || value.find_first_not_of("0123456789") != value.npos || length_)
                return false;
            std::uint64_t size = 0;
            for (const char c : value)
                if (__builtin_mul_overflow(size, 10, &size) ||
                    __builtin_add_overflow(size, c - '0', &size))
                    return false;
            length_ = size;
        } else if (name == "transfer-encoding") {
            if (++codings_ > 1 || old_ || list(value) != std::vector<std::string>{"chunked"})
                return false;
            chunked_ = true;
        } else if (name == "connection") {
            for (const std::string& one : list(value)) {
                close_ = close_ || one == "close";
                stay_ = stay_ || one == "keep-alive";
            }
        } else if (name == "content-encoding") {
            for (const std::string& one : list(value)) foreign_ = foreign_ || !was_asked(one);
        }
        return !(length_ && chunked_);
    }

    bool was_asked(const std::string& coding) const {
        if (coding == "identity" || by_.asked == 0) return true;
        if (by_.asked == 2) return coding == "gzip" || coding == "x-gzip";
        return by_.asked == 3 &&
               (coding == "compress" || coding == "x-compress" || coding == "deflate");
    }

    bool chunks() {
        for (;;) {
            const std::string_view window = rest().substr(0, 256);
            const std::size_t end = window.find('\n');
            const auto is_hex = [](char c) {
                return std::string_view("0123456789abcdefABCDEF").find(c) != std::string_view::npos;
            };
            if (!window.empty() && !is_hex(window[0])) return invalid();
            if (end == window.npos) return window.size() < 256 ? false : invalid();
            if (window[end - 1] != '\r') return invalid();
            std::string_view line = window.substr(0, end - 1);
            std::uint64_t size = 0;
            std::size_t digits = 0;
            while (digits < line.size() && is_hex(line[digits])) {
                if (digits == 16) return invalid();
                const char c = lower(line[digits++]);
                size = size * 16 + static_cast<std::uint64_t>(c <= '9' ? c - '0' : c - 'a' + 10);
            }
            line.remove_prefix(digits);
            if (has_controls(line) || (!trim(line).empty() && trim(line)[0] != ';'))
                return invalid();
            at_ += end + 1;
            if (size == 0) return trailers();
            if (size > by_.max_body - out_.body.size()) return fail(reason::reply_too_large);
            out_.body += rest().substr(0, size);
            if (rest().size() < size) return false;
            at_ += size;
            const std::string_view behind = rest().substr(0, 2);
            if (behind != std::string_view("\r\n").substr(0, behind.size())) return invalid();
            if (behind.size() < 2) return false;
            at_ += 2;
        }
    }

    bool trailers() {
        for (const std::size_t begin = at_;;) {
            const std::size_t left = most - (at_ - begin);
            const std::string_view window = rest().substr(0, left);
            const std::size_t end = window.find('\n');
            if (end == window.npos) return window.size() < left ? false : invalid();
            if (end == 0 || window[end - 1] != '\r') return invalid();
            const std::string_view line = window.substr(0, end - 1);
            if (!line.empty() && !is_field(line)) return invalid();
            at_ += end + 1;
            if (line.empty()) return complete();
        }
    }

    const std::string_view text_;
    const how by_;
    std::size_t at_ = 0, head_size_ = 0, interim_ = 0;
    bool tidy_ = true, close_ = false, stay_ = false, chunked_ = false, foreign_ = false,
         old_ = false;
    int status_ = 0;
    unsigned codings_ = 0;
    std::optional<std::uint64_t> length_;
    verdict out_;
};

// A part of the text many times over, for the limits that are far beyond an input's size: that of a
// head, or, seldom since it takes four times as long, that of all interim heads.
std::string stretched(std::string_view text, std::size_t begin, std::size_t size,
                      std::size_t times) {
    begin = std::min(begin, text.size());
    const std::string_view part = text.substr(begin, size);
    const std::size_t most = times % 8 == 0 ? 80 << 10 : 20 << 10;
    std::string out(text.substr(0, begin));
    for (std::size_t i = 0; i < times && out.size() < most; ++i) out += part;
    return out += text.substr(begin);
}

void compare(const verdict& a, const verdict& b, const how& by, std::string_view who) {
    const auto same = [who](bool holds, std::string_view what) {
        if (!holds) std::fprintf(stderr, "%.*s: ", static_cast<int>(who.size()), who.data());
        must(holds, what);
    };
    same(a.is == b.is, "the same state");
    same(a.status == b.status && a.http_1_0 == b.http_1_0, "the same status line");
    if (a.is == state::failed) same(a.why == b.why, "the same reason");
    if (a.is == state::complete) same(a.size == b.size, "the same end");
    if (a.is == state::complete || (by.streamed && a.is == state::more))
        same(a.body == b.body, "the same body");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input from(data, size);
    how by;
    const unsigned flags = from.byte(), more = from.byte();
    by.streamed = (flags & 1) != 0;
    by.follows_another = (flags & 2) != 0;
    by.relays_all = (flags & 4) != 0;
    by.counted = (flags & 8) != 0;
    by.asked = flags >> 4 & 3;
    by.closed = (flags & 64) != 0;
    by.cut = (flags & 128) != 0;
    by.spills = (more & 7) == 7 && !by.streamed;
    constexpr std::array<std::uint64_t, 4> sizes{1 << 16, 0, 8, 100};
    by.max_body = sizes[more >> 3 & 3];
    const splits where(from);
    std::string text;
    if ((more & 0xe0) == 0xe0) {
        const std::size_t begin = from.two_bytes(), part = from.byte(), times = from.two_bytes();
        text = stretched(from.text(), begin, part, times);
    } else {
        text = from.text();
    }
    const driven whole = drive(text, by, {}), pieces = drive(text, by, where);
    compare(whole, pieces, by, "in pieces");
    // A line that is wrong, and too long for a head besides, may be told for either.
    constexpr std::string_view too_long = "a head of more than 16 KiB";
    if (whole.is == state::failed && whole.what != too_long && pieces.what != too_long) {
        must(whole.what == pieces.what, "pieces fail in the same words");
        must(whole.offset == pieces.offset, "pieces fail at the same place");
    }
    const verdict judged = reader(text, by).judge();
    compare(whole, judged, by, "judged again");
    for (const driven& one : {whole, pieces}) {
        if (one.is != state::complete) continue;
        // Bytes behind a response are no answer to a request of ours.
        must(one.reusable == (judged.reusable && one.bytes_received == one.size),
             "it is known whether the connection is of use");
    }
    return 0;
}
