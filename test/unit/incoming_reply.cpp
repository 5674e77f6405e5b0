#include "incoming_reply.hpp"

#include "support/frame_reference.hpp"

#include <boost/asio/error.hpp>
#include <boost/system/errc.hpp>
#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::detail;
using namespace finpost::test;
namespace asio = boost::asio;
namespace errc = boost::system::errc;
using reply_type = detail::incoming_reply;

namespace {

const std::string id = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
const std::string refusal_line = "finpost: busy " + id + "\n";

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

std::string text(std::span<const std::byte> of) {
    return {reinterpret_cast<const char*>(of.data()), of.size()};
}

struct outcome {
    std::string payload, detail;
    bool complete = false, refused = false;
    error_code error;
};

// In pieces of `size` bytes; then the FIN, or an error, unless something else ended it.
outcome read(std::string_view frame, std::string_view stream, std::size_t size,
             std::uint64_t max_reply = 0, error_code end = asio::error::eof) {
    reply_type reply(spec(frame), max_reply);
    outcome out;
    const auto settled = [&](const reply_type::step& step) {
        out.payload += text(step.held) + text(step.payload);
        out.complete = step.complete;
        out.refused = step.refused.has_value();
        out.error = step.error;
        out.detail = reply.detail();
        return out.complete || out.refused || out.error;
    };
    for (; !stream.empty(); stream.remove_prefix(std::min(size, stream.size())))
        if (settled(reply.feed(bytes(stream.substr(0, size))))) return out;
    settled(reply.cut(end));
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(incoming_reply)

BOOST_AUTO_TEST_CASE(a_whole_frame_is_a_reply_and_nothing_less) {
    for (const auto& [frame, stream] :
         std::vector<std::pair<std::string, std::string>>{{"line", "hello\r\n"},
                                                          {"mllp", "\x0bhello\x1c\r"},
                                                          {"stx-etx,lrc", "\x02hello\x03\x61"},
                                                          {"length:u8", "\x05hello"},
                                                          {"netstring", "5:hello,"}}) {
        for (const std::size_t size : {1u, 3u, 100u}) {
            const outcome whole = read(frame, stream, size);
            BOOST_TEST(whole.complete, frame);
            BOOST_TEST(whole.payload == "hello", frame);
            BOOST_TEST(!whole.error, frame);
        }
        for (std::size_t n = 0; n < stream.size(); ++n) {
            const outcome cut = read(frame, std::string_view(stream).substr(0, n), 100);
            BOOST_TEST(!cut.complete, frame);
            BOOST_TEST((cut.error == asio::error::eof), frame);
            BOOST_TEST(cut.detail == (n == 0 ? "the connection was closed without a reply"
                                             : "the connection was closed within the reply"));
        }
    }
}

BOOST_AUTO_TEST_CASE(an_empty_frame_is_an_empty_reply) {
    for (const auto& [frame, stream] : std::vector<std::pair<std::string, std::string>>{
             {"line", "\n"}, {"mllp", "\x0b\x1c\r"}, {"length:u8", std::string(1, '\0')}}) {
        const outcome got = read(frame, stream, 1);
        BOOST_TEST(got.complete, frame);
        BOOST_TEST(got.payload == "", frame);
    }
}

BOOST_AUTO_TEST_CASE(two_are_none) {
    for (const char* stream : {"one\ntwo\n", "one\ntwo", "one\n\x01"}) {
        const outcome got = read("line", stream, 100);
        BOOST_TEST(!got.complete);
        BOOST_TEST((got.error == errc::bad_message));
        BOOST_TEST(got.payload == "");
        BOOST_TEST(got.detail == "more came behind the reply");
    }
    // A line end more, or what else stands between frames, is no reply.
    BOOST_TEST(read("line", "one\n\r\n", 100).complete);
    BOOST_TEST(read("mllp",
                    "\x0b"
                    "a\x1c\r\r\n",
                    100)
                   .complete);
}

BOOST_AUTO_TEST_CASE(what_is_not_framed_is_told) {
    const outcome got = read("mllp", "HTTP/1.1 400 Bad Request\r\n", 4);
    BOOST_TEST((got.error == errc::bad_message));
    BOOST_TEST(got.detail == "the reply is not framed as mllp: no start byte (0B) where a frame "
                             "must begin at byte 0");
    BOOST_TEST((read("netstring", "5;", 1).error == errc::bad_message));
}

BOOST_AUTO_TEST_CASE(the_limit_counts_the_payload) {
    BOOST_TEST(read("mllp", "\x0bhello\x1c\r", 1, 5).complete);
    BOOST_TEST((read("mllp", "\x0bhello!", 1, 5).error == asio::error::message_size));
    BOOST_TEST((read("length:u32be", "\xff\xff\xff\xff", 4, 5).error == asio::error::message_size));
}

BOOST_AUTO_TEST_CASE(a_refusal_is_one_in_its_frame_and_as_a_plain_line) {
    for (const char* frame : {"mllp", "stx-etx", "netstring", "length:u16be", "length:ascii:4"})
        for (const std::size_t size : {1u, 10u, 100u}) {
            const outcome got = read(frame, refusal_line, size);
            BOOST_TEST(got.refused, frame);
            BOOST_TEST(!got.complete, frame);
            // By a reset, which follows where the peer does not read what is still sent.
            BOOST_TEST(read(frame, refusal_line, size, 0, asio::error::connection_reset).refused);
        }
    const reply_type line(spec("line"), 0), mllp(spec("mllp"), 0);
    const std::string without_end = refusal_line.substr(0, refusal_line.size() - 1);
    BOOST_TEST(line.refusal_in(without_end).has_value());
    BOOST_TEST(mllp.refusal_in(refusal_line).has_value());
    BOOST_TEST(!mllp.refusal_in(without_end).has_value());
    // What begins like one, and is none.
    for (const std::string& other : std::vector<std::string>{
             "finpost: nothing " + id + "\n", "finpost: busy\n",
             "finpost: ", "finpost: " + std::string(200, 'x'), "finpost; busy " + id + "\n"}) {
        const outcome got = read("mllp", other, 1);
        BOOST_TEST(!got.refused, other);
        BOOST_TEST((got.error == errc::bad_message), other);
    }
}

BOOST_AUTO_TEST_CASE(a_reset_is_told_as_one) {
    const outcome got = read("mllp", "\x0bhel", 1, 0, asio::error::connection_reset);
    BOOST_TEST((got.error == asio::error::connection_reset));
    BOOST_TEST(got.detail == "");
}

BOOST_AUTO_TEST_CASE(which_replies_a_fin_ends) {
    for (const char* frame : {"eof", "fixed:3", "idle:1s"})
        BOOST_TEST(detail::reply_ends_with_fin(spec(frame)), frame);
    for (const char* frame : {"line", "delimiter:00", "stx-etx", "mllp", "length:u8", "netstring"})
        BOOST_TEST(!detail::reply_ends_with_fin(spec(frame)), frame);
}

BOOST_AUTO_TEST_SUITE_END()
