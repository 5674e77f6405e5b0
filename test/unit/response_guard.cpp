#include "upstream/response_guard.hpp"

#include "policy/spilling.hpp"
#include "support/temporary_folder.hpp"

#include "finpost/config.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

using namespace finpost;
using state = response_guard::state;

namespace {

struct limited : byte_budget {
    bool try_take(std::size_t n) noexcept override { return left >= n && (left -= n, true); }
    void give_back(std::size_t n) noexcept override { left += n; }
    std::size_t left = SIZE_MAX;
};

// Feeds a response in pieces, as a forwarder would read it, and tells what became of it.
struct transcript {
    explicit transcript(std::uint64_t max_body = 1 << 20, const finpost::spilling* files = nullptr,
                        byte_budget* memory = nullptr)
        : guard(max_body, memory, response_guard::body::kept, files) {}

    transcript& feed(std::string_view bytes, std::size_t piece = SIZE_MAX) {
        while (!bytes.empty() && now == state::more) {
            payload& into = guard.buffer();
            if (into.room().empty()) BOOST_REQUIRE(guard.make_room());
            const std::size_t n = std::min({bytes.size(), piece, into.room().size()});
            std::memcpy(into.room().data(), bytes.data(), n);
            now = guard.received(n);
            bytes.remove_prefix(n);
            unread = bytes.size();
        }
        return *this;
    }
    transcript& close() {
        now = guard.closed();
        return *this;
    }

    response_guard guard;
    state now = state::more;
    std::size_t unread = 0;
};

void is_complete(std::string_view response, int status, std::string_view body, bool reusable) {
    for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{7}}) {
        BOOST_TEST_CONTEXT("in pieces of " << piece << ": " << response) {
            transcript t;
            t.feed(response, piece);
            BOOST_TEST((t.now == state::complete));
            BOOST_TEST(t.guard.status() == status);
            BOOST_TEST(t.guard.reusable() == reusable);
            BOOST_TEST(t.guard.take_body().text() == body);
        }
    }
}

void is_refused(std::string_view response, reason why, bool then_closed = false) {
    for (const std::size_t piece : {SIZE_MAX, std::size_t{1}}) {
        BOOST_TEST_CONTEXT("in pieces of " << piece << ": " << response.substr(0, 200)) {
            transcript t;
            t.feed(response, piece);
            if (then_closed) t.close();
            BOOST_TEST((t.now == state::failed));
            BOOST_TEST(to_string(t.guard.why()) == to_string(why));
        }
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(response_guard)

BOOST_AUTO_TEST_CASE(a_sized_body_is_complete_at_its_last_byte) {
    is_complete("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true);
    is_complete("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 200, "", true);
    is_complete("HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", 503, "no", true);
    is_complete("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 200, "hello",
                false);
    is_complete("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", false);
}

BOOST_AUTO_TEST_CASE(a_large_body_is_asked_for_to_the_byte) {
    const std::string body(300'000, 'x');
    transcript t;
    t.feed("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + body);
    BOOST_TEST((t.now == state::complete));
    BOOST_TEST(t.guard.take_body().text() == body);
}

BOOST_AUTO_TEST_CASE(chunks_are_decoded) {
    is_complete("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\n\r\n",
                200, "hello world", true);
    is_complete("HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n0\r\n\r\n", 200, "", true);
    is_complete("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
                200, "abc", true);
}

BOOST_AUTO_TEST_CASE(a_trailer_does_not_change_the_connection) {
    is_complete("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"
                "Connection: close\r\n\r\n",
                200, "a", true);
}

BOOST_AUTO_TEST_CASE(a_body_without_a_length_ends_with_the_connection) {
    transcript t;
    t.feed("HTTP/1.1 200 OK\r\n\r\nall of it", 4);
    BOOST_TEST((t.now == state::more));
    t.close();
    BOOST_TEST((t.now == state::complete));
    BOOST_TEST(!t.guard.reusable());
    BOOST_TEST(t.guard.take_body().text() == "all of it");
}

BOOST_AUTO_TEST_CASE(interim_responses_are_passed_over) {
    is_complete("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
                "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
                200, "ok", true);
    std::string many;
    for (int i = 0; i < 11; ++i) many += "HTTP/1.1 100 Continue\r\n\r\n";
    is_refused(many, reason::upstream_invalid);
    is_refused("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(a_status_that_has_no_body_has_none) {
    is_complete("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true);
    transcript t;
    t.feed("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello");
    BOOST_TEST((t.now == state::complete));
    BOOST_TEST(t.guard.take_body().text() == "");
    BOOST_TEST(!t.guard.reusable());
}

BOOST_AUTO_TEST_CASE(bytes_behind_the_response_spoil_the_connection) {
    transcript t;
    t.feed("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n");
    BOOST_TEST((t.now == state::complete));
    BOOST_TEST(t.guard.take_body().text() == "ok");
    BOOST_TEST(!t.guard.reusable());
    transcript chunked;
    chunked.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nstray");
    BOOST_TEST((chunked.now == state::complete));
    BOOST_TEST(!chunked.guard.reusable());
}

BOOST_AUTO_TEST_CASE(a_cut_is_never_complete) {
    is_refused("", reason::upstream_incomplete, true);
    is_refused("HTTP/1.1 200 OK\r\nContent-Len", reason::upstream_incomplete, true);
    is_refused("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", reason::upstream_incomplete, true);
    is_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
               reason::upstream_incomplete, true);
    is_refused("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
               reason::upstream_incomplete, true);
    is_refused("HTTP/1.1 100 Continue\r\n\r\n", reason::upstream_incomplete, true);
}

BOOST_AUTO_TEST_CASE(ambiguous_lengths_are_refused) {
    for (const char* fields : {
             "Transfer-Encoding: gzip\r\nContent-Length: 5",
             "Transfer-Encoding: chunked\r\nContent-Length: 5",
             "Content-Length: 5\r\nTransfer-Encoding: chunked",
             "Transfer-Encoding: gzip, chunked",
             "Transfer-Encoding: gzip",
             "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
             "Content-Length: 5\r\nContent-Length: 5",
             "Content-Length: 5\r\nContent-Length: 6",
             "Content-Length: 5, 5",
             "Content-Length: +5",
             "Content-Length: -5",
             "Content-Length: 0x5",
             "Content-Length: 99999999999999999999",
             "Content-Length:",
         })
        is_refused("HTTP/1.1 200 OK\r\n" + std::string(fields) + "\r\n\r\nhello",
                   reason::upstream_invalid);
    is_refused("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
               reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(what_is_no_http_is_refused) {
    for (const char* head : {
             "garbage\r\n\r\n",
             "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
             "HTTP/1.1 600 High\r\nContent-Length: 0\r\n\r\n",
             "HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n",
             "HTTP/1.1 20 Short\r\nContent-Length: 0\r\n\r\n",
             "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
             "HTTP/1.1 200 OK\r\nName : x\r\nContent-Length: 0\r\n\r\n",
             "HTTP/1.1 200 OK\r\nFolded: a\r\n b\r\nContent-Length: 0\r\n\r\n",
             "HTTP/1.1 200 OK\r\nFolded: a\r\n\tb\r\nContent-Length: 0\r\n\r\n",
             "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
             "HTTP/1.1 200 OK\r\nBare: a\rb\r\nContent-Length: 0\r\n\r\n",
             "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
         })
        is_refused(head, reason::upstream_invalid);
    using namespace std::string_view_literals;
    is_refused("HTTP/1.1 200 OK\r\nNul: a\0b\r\nContent-Length: 0\r\n\r\n"sv, reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(chunk_garbage_is_refused) {
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const char* chunks : {"0x5\r\nhello\r\n", "\r\n", ";a\r\n", "5 5\r\n", "5\r\nhelloXX0\r\n\r\n", "zz\r\n",
                               "fffffffffffffffff\r\n", "-1\r\n", "5\nhello\r\n0\r\n\r\n"})
        is_refused(head + chunks, reason::upstream_invalid);
    is_refused(head + "1;" + std::string(1 << 20, 'e') + "\r\na\r\n0\r\n\r\n",
               reason::upstream_invalid);
    std::string trailers = head + "1\r\na\r\n0\r\n";
    for (int i = 0; i < 20'000; ++i) trailers += "T: " + std::string(100, 't') + "\r\n";
    is_refused(trailers + "\r\n", reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(sizes_are_limited) {
    const auto outcome = [](std::string_view response, bool closed) {
        transcript t(10);
        t.feed(response);
        if (closed && t.now == state::more) t.close();
        return t.now == state::failed ? std::string(to_string(t.guard.why()))
                                      : std::string(t.guard.take_body().text());
    };
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    BOOST_TEST(outcome("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n0123456789", false) ==
               "0123456789");
    BOOST_TEST(outcome("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", false) == "reply_too_large");
    BOOST_TEST(outcome(chunked + "a\r\n0123456789\r\n0\r\n\r\n", false) == "0123456789");
    BOOST_TEST(outcome(chunked + "b\r\n0123456789a\r\n0\r\n\r\n", false) == "reply_too_large");
    BOOST_TEST(outcome("HTTP/1.1 200 OK\r\n\r\n0123456789", true) == "0123456789");
    BOOST_TEST(outcome("HTTP/1.1 200 OK\r\n\r\n0123456789a", true) == "reply_too_large");
    BOOST_TEST(outcome("HTTP/1.1 200 OK\r\nLong: " + std::string(20'000, 'x'), false) ==
               "upstream_invalid");
}

// The same responses, whose bodies are passed on as they come: no more is held than what was read.
BOOST_AUTO_TEST_CASE(a_body_is_passed_on_piece_by_piece) {
    struct example {
        std::string_view response, body;
        state ends;
        reason why = reason::internal;
        bool closed = false;
    };
    constexpr std::string_view chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string one = std::string(chunked) + "5;a=b\r\nhello\r\n3\r\nyou\r\n0\r\nA: b\r\n\r\n";
    const std::string bad = std::string(chunked) + "5\r\nhello\r\n0x3\r\nyou\r\n";
    const std::string large = std::string(chunked) + "5\r\nhello\r\n4\r\nyou!\r\n";
    const std::string cut = std::string(chunked) + "5\r\nhel";
    const example examples[]{
        {one, "helloyou", state::complete},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "hello", state::complete},
        {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "", state::complete},
        {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No\r\n\r\n", "", state::complete},
        {"HTTP/1.1 200 OK\r\n\r\nhello", "hello", state::complete, reason::internal, true},
        {"HTTP/1.1 200 OK\r\n\r\nhelloyou!", "helloyou", state::failed, reason::reply_too_large},
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "", state::failed, reason::reply_too_large},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "hel", state::failed,
         reason::upstream_incomplete, true},
        {bad, "hello", state::failed, reason::upstream_invalid},
        {large, "hello", state::failed, reason::reply_too_large},
        {cut, "hel", state::failed, reason::upstream_incomplete, true},
    };
    for (const example& each : examples) {
        for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
            BOOST_TEST_CONTEXT("in pieces of " << piece << ": " << each.response) {
                finpost::response_guard guard(8, nullptr, finpost::response_guard::body::passed_on);
                std::string body;
                state now = state::more;
                for (std::string_view left = each.response; !left.empty() && now == state::more;) {
                    const std::size_t n = std::min(piece, left.size());
                    BOOST_REQUIRE(guard.buffer().reserve(n));
                    std::memcpy(guard.buffer().room().data(), left.data(), n);
                    left.remove_prefix(n);
                    now = guard.received(n);
                    while (now == state::more && !guard.at_hand().empty()) {
                        body += static_cast<char>(guard.at_hand()[0]);
                        now = guard.passed_on(1);
                    }
                }
                if (each.closed) now = guard.closed();
                BOOST_TEST((now == each.ends));
                if (now == state::failed) BOOST_TEST((guard.why() == each.why));
                BOOST_TEST(each.body.starts_with(body)); // a piece too many may come with the fault
                if (now == state::complete) BOOST_TEST(body == each.body);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_large_body_goes_to_a_file_whatever_its_framing) {
    const test::temporary_folder folder;
    gateway_config config;
    config.spill_above = 10'000;
    config.spill_dir = folder.path().string();
    limited disk;
    const finpost::spilling files(config, disk, logger());
    const std::string body(100'000, 'b');
    std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 10; ++i) chunked += "2710\r\n" + body.substr(0, 10'000) + "\r\n";
    for (const std::string& whole : {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body + "more",
                                     chunked + "0\r\n\r\n",
                                     "HTTP/1.1 200 OK\r\n\r\n" + body}) {
        BOOST_TEST_CONTEXT(whole.substr(0, 60)) {
            transcript t(1 << 20, &files);
            t.feed(whole, 1000);
            if (whole.ends_with("b")) t.close();
            BOOST_TEST((t.now == state::complete));
            BOOST_TEST(t.guard.spills());
            const payload got = t.guard.take_body();
            BOOST_TEST(got.spilled());
            BOOST_TEST((got.text() == body));
            transcript full(1 << 20, &files);
            disk.left = 50'000;
            full.feed(whole, 1000);
            BOOST_TEST((full.now == state::failed));
            BOOST_TEST((full.guard.why() == reason::spill_failed));
            transcript small(99'999, &files);
            disk.left = SIZE_MAX;
            small.feed(whole, 1000);
            BOOST_TEST((small.guard.why() == reason::reply_too_large));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_body_goes_to_a_file_when_memory_is_used_up_whatever_its_framing) {
    const test::temporary_folder folder;
    gateway_config config;
    config.spill_above = 1 << 20;
    config.spill_dir = folder.path().string();
    limited disk, memory;
    const finpost::spilling files(config, disk, logger());
    const std::string body(100'000, 'b');
    std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 10; ++i) chunked += "2710\r\n" + body.substr(0, 10'000) + "\r\n";
    for (const std::string& whole : {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body,
                                     chunked + "0\r\n\r\n",
                                     "HTTP/1.1 200 OK\r\n\r\n" + body}) {
        BOOST_TEST_CONTEXT(whole.substr(0, 60)) {
            memory.left = 90'000; // enough for what is on its way
            transcript t(1 << 20, &files, &memory);
            t.feed(whole, 1000);
            if (t.now == state::more) t.close();
            BOOST_TEST((t.now == state::complete));
            const payload got = t.guard.take_body();
            BOOST_TEST(got.spilled());
            BOOST_TEST((got.text() == body));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
