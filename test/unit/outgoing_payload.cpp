#include "outgoing_payload.hpp"

#include "support/frame_reference.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::detail;
using namespace finpost::test;
using payload_type = detail::outgoing_payload;

namespace {

std::string text(std::span<const std::byte> of) {
    return {reinterpret_cast<const char*>(of.data()), of.size()};
}

struct sent {
    std::vector<std::string> blocks;
    bool whole = false;
    std::string all() const {
        std::string out;
        for (const std::string& each : blocks) out += each;
        return out;
    }
};

// As an exchange does it, with a source that gives `size` bytes at a time.
sent send(std::string_view frame, std::string_view body, std::size_t size,
          bool allow_empty = false) {
    payload_type out(spec(frame), allow_empty);
    sent done;
    while (!out.ended()) {
        out.consume();
        do {
            const auto space = out.prepare();
            if (space.size() < 4096) BOOST_ERROR("a source gets at least 4 KiB of space");
            const std::size_t n = std::min({size, body.size(), space.size()});
            std::memcpy(space.data(), body.data(), n);
            body.remove_prefix(n);
            if (!out.commit(n)) {
                BOOST_TEST(!out.fault().empty());
                return done;
            }
        } while (!out.ready());
        if (!out.data().empty()) done.blocks.push_back(text(out.data()));
    }
    done.whole = true;
    return done;
}

} // namespace

BOOST_AUTO_TEST_SUITE(outgoing_payload)

BOOST_AUTO_TEST_CASE(without_a_frame_each_read_goes_out_at_once) {
    BOOST_TEST((send("eof", "abcdefg", 3).blocks == std::vector<std::string>{"abc", "def", "g"}));
    BOOST_TEST(send("eof", "", 3).blocks.empty());
}

BOOST_AUTO_TEST_CASE(a_small_frame_goes_out_in_one_piece) {
    for (const char* frame :
         {"line", "delimiter:0D0A", "stx-etx,lrc", "stx-etx,sum", "mllp", "length:u8",
          "length:u32be,inclusive", "length:ascii:4", "netstring", "fixed:5", "idle:1s"})
        for (const std::size_t size : {1u, 2u, 5u}) {
            const sent out = send(frame, "hello", size);
            BOOST_TEST(out.whole, frame);
            BOOST_TEST((out.blocks == std::vector{frame_naively(spec(frame), "hello")}), frame);
        }
    BOOST_TEST(send("line", "hello\n", 1).all() == "hello\n");
}

BOOST_AUTO_TEST_CASE(a_large_one_is_the_same_in_blocks_or_as_a_whole) {
    const std::string body(1'000'000, 'k');
    for (const char* frame : {"line", "mllp", "stx-etx,sum", "length:u32be", "netstring"})
        for (const std::size_t size : {1'000u, 65'536u, 10'000'000u}) {
            const sent out = send(frame, body, size);
            BOOST_TEST(out.whole, frame);
            BOOST_TEST((out.all() == frame_naively(spec(frame), body)), frame);
            BOOST_TEST((out.blocks.size() == 1) == (frame[0] == 'n' || frame[1] == 'e'), frame);
        }
}

BOOST_AUTO_TEST_CASE(what_a_frame_cannot_carry_is_found_before_anything_is_out) {
    const std::string large(60'000, 'k');
    for (const auto& [frame, body] :
         std::vector<std::pair<std::string, std::string>>{{"line", "a\nb"},
                                                          {"line", large + "\n\n"},
                                                          {"mllp", large + "\x1c\r" + large},
                                                          {"stx-etx", "\x03"},
                                                          {"length:u8", std::string(256, 'k')},
                                                          {"length:u16be", large + large},
                                                          {"fixed:3", "ab"},
                                                          {"fixed:3", "abcd"}}) {
        const sent out = send(frame, body, 1'000);
        BOOST_TEST(!out.whole, frame);
        BOOST_TEST(out.blocks.empty(), frame);
    }
    // A length that cannot hold it is known without the end.
    payload_type out(spec("length:u8"), false);
    out.prepare();
    BOOST_TEST(out.commit(255));
    BOOST_TEST(!out.commit(1));
}

BOOST_AUTO_TEST_CASE(nothing_stays_nothing_unless_it_is_allowed) {
    for (const char* frame : {"line", "mllp", "length:u8", "netstring"}) {
        const sent none = send(frame, "", 1);
        BOOST_TEST(none.whole, frame);
        BOOST_TEST(none.blocks.empty(), frame);
        BOOST_TEST((send(frame, "", 1, true).all() == frame_naively(spec(frame), "")), frame);
    }
    payload_type out(spec("mllp"), false);
    out.prepare();
    BOOST_TEST(!out.empty());
    BOOST_TEST(out.commit(0));
    BOOST_TEST(out.empty());
    BOOST_TEST(out.ready());
}

BOOST_AUTO_TEST_SUITE_END()
