#include "load_replies.hpp"

#include "support/frame_reference.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>

using namespace finpost;
using namespace finpost::test;
using namespace std::string_literals;
using found = framed_replies::found;

namespace {

const std::string refusal_line = "finpost: busy 017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n";

struct one_reply {
    explicit one_reply(std::string_view frame, std::size_t size = 100)
        : framing(spec(frame)), payloads(size), which(payloads.make(7)) {
        replies.connected(framing);
        replies.expect();
    }
    std::string echo() const {
        std::array<iovec, 2> pieces;
        const auto used = static_cast<std::size_t>(payloads.rest(which, 0, pieces));
        std::string out;
        for (const iovec& each : std::span(pieces).first(used))
            out.append(static_cast<const char*>(each.iov_base), each.iov_len);
        return out;
    }
    std::string framed(std::string_view payload) const { return frame_naively(framing, payload); }
    // In pieces of `size` bytes.
    found feed(std::string_view stream, std::size_t size = SIZE_MAX) {
        found last = found::more;
        for (; !stream.empty() && last == found::more;
             stream.remove_prefix(std::min(size, stream.size())))
            last = replies.feed(payloads, which, stream.substr(0, size), true);
        return last;
    }
    bool right() const { return replies.right(payloads); }

    const frame_spec framing;
    const load_payloads payloads;
    const load_payloads::variant which;
    framed_replies replies;
};

const std::vector<std::string> specs{"line", "delimiter:0D0A", "stx-etx,lrc",  "stx-etx,sum",
                                     "mllp", "netstring",      "length:u32be", "length:u8"};

} // namespace

BOOST_AUTO_TEST_SUITE(load_replies)

BOOST_AUTO_TEST_CASE(an_echo_is_right_in_pieces_of_any_size_and_one_after_the_other) {
    for (const std::string& frame : specs)
        for (const std::size_t size : {1u, 2u, 7u, 1000u}) {
            one_reply one(frame);
            for (int i = 0; i < 3; ++i) {
                one.replies.expect();
                BOOST_TEST(!one.replies.begun());
                BOOST_TEST((one.feed(one.framed(one.echo()), size) == found::complete), frame);
                BOOST_TEST(one.replies.begun());
                BOOST_TEST(one.right(), frame);
            }
        }
}

BOOST_AUTO_TEST_CASE(another_reply_is_not_right) {
    for (const std::string& frame : specs) {
        one_reply one(frame);
        std::string other = one.echo();
        other.back() = '-';
        for (const std::string& each : {other, one.echo().substr(1), one.echo() + "A", ""s}) {
            one.replies.expect();
            BOOST_TEST((one.feed(one.framed(each)) == found::complete), frame);
            BOOST_TEST(!one.right(), frame << ": " << each);
            BOOST_TEST(!one.replies.refusal(), frame);
        }
        one.replies.expect();
        BOOST_TEST((one.feed(one.framed(one.echo())) == found::complete), frame);
        BOOST_TEST(one.right(), frame);
    }
}

BOOST_AUTO_TEST_CASE(a_refusal_is_known_in_its_frame_and_the_next_reply_is_read) {
    for (const std::string& frame : specs) {
        one_reply one(frame);
        // Of a line its end is the frame's.
        const bool line = frame == "line";
        const std::string body =
            line ? refusal_line.substr(0, refusal_line.size() - 1) : refusal_line;
        BOOST_TEST((one.feed(one.framed(body), 5) == found::complete), frame);
        BOOST_TEST(!one.right());
        BOOST_TEST((one.replies.refusal() == reason::busy), frame);
        one.replies.expect();
        BOOST_TEST((one.feed(one.framed(one.echo())) == found::complete), frame);
        BOOST_TEST(one.right(), frame);
    }
}

BOOST_AUTO_TEST_CASE(what_only_looks_like_a_refusal_is_none) {
    for (const char* text : {"finpost: busy", "finpost: busy 017f22e2\n", "finpost: \n",
                             "finpost: lazy 017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n"}) {
        one_reply one("mllp");
        BOOST_TEST((one.feed(one.framed(text)) == found::complete));
        BOOST_TEST(!one.replies.refusal(), text);
    }
    one_reply longer("mllp");
    BOOST_TEST((longer.feed(longer.framed(refusal_line + refusal_line)) == found::complete));
    BOOST_TEST(!longer.replies.refusal());
}

BOOST_AUTO_TEST_CASE(the_plain_line_of_who_knows_no_frame_is_a_refusal) {
    for (const std::string& frame : specs) {
        if (frame == "line" || frame == "delimiter:0D0A") continue; // a frame, and a part of one
        one_reply one(frame);
        BOOST_TEST((one.feed(refusal_line) != found::complete), frame);
        BOOST_TEST((one.replies.plain_refusal() == reason::busy), frame);
    }
}

BOOST_AUTO_TEST_CASE(no_frame_and_a_second_one_are_junk) {
    BOOST_TEST((one_reply("mllp").feed("HTTP/1.1 400 Bad Request\r\n\r\n") == found::junk));
    BOOST_TEST((one_reply("netstring").feed("x") == found::junk));
    BOOST_TEST((one_reply("stx-etx,lrc").feed("\x02hello\x03?") == found::junk));
    for (const std::string& frame : specs) {
        one_reply one(frame);
        BOOST_TEST((one.feed(one.framed(one.echo()) + one.framed("more")) == found::junk), frame);
    }
}

BOOST_AUTO_TEST_CASE(heartbeats_behind_a_reply_are_no_second_one) {
    for (const auto& [frame, beats] : std::vector<std::pair<std::string, std::string>>{
             {"mllp", "\0\r\n"s}, {"line", "\n\r\n"}, {"length:u16be", "\0\0\0\0"s}}) {
        one_reply one(frame);
        for (int i = 0; i < 2; ++i) {
            one.replies.expect();
            BOOST_TEST((one.feed(one.framed(one.echo()) + beats) == found::complete), frame);
            BOOST_TEST(one.right(), frame);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
