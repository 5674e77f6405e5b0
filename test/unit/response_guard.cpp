#include "upstream/response_guard.hpp"

#include "policy/spill_policy.hpp"
#include "support/temporary_folder.hpp"
#include "upstream/content_codings.hpp"

#include "finpost/config.hpp"
#include "finpost/metrics.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

using namespace finpost;
using namespace finpost::detail;
using state = response_guard::state;

namespace {

struct limited : byte_budget {
    bool try_take(std::size_t n) noexcept override { return left >= n && (left -= n, true); }
    void give_back(std::size_t n) noexcept override { left += n; }
    std::size_t left = SIZE_MAX;
};

// Feeds a response in pieces, as a forwarder would read it, and tells what became of it.
struct transcript {
    explicit transcript(std::uint64_t max_body = 1 << 20,
                        const finpost::detail::spill_policy* files = nullptr,
                        byte_budget* memory = nullptr)
        : guard(max_body, memory, response_guard::body::kept, files) {}

    transcript& feed(std::string_view bytes, std::size_t piece = SIZE_MAX) {
        while (!bytes.empty() && now == state::more) {
            payload& into = guard.buffer();
            if (into.writable().empty()) BOOST_REQUIRE(guard.make_room());
            const std::size_t n = std::min({bytes.size(), piece, into.writable().size()});
            std::memcpy(into.writable().data(), bytes.data(), n);
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
    is_complete("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello", 200,
                "hello", false);
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
    is_complete(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n",
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
    // A service that reports progress may do so often: what is limited is how much of it there is.
    std::string many;
    for (int i = 0; i < 2'000; ++i) many += "HTTP/1.1 102 Processing\r\n\r\n";
    is_complete(many + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true);
    is_refused(many + many, reason::upstream_invalid);
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
    is_refused("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", reason::upstream_incomplete,
               true);
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
             "HTTP/1.1 200 OK\r\nBare: a\rb\r\nContent-Length: 0\r\n\r\n",
             "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
         })
        is_refused(head, reason::upstream_invalid);
    using namespace std::string_view_literals;
    is_refused("HTTP/1.1 200 OK\r\nNul: a\0b\r\nContent-Length: 0\r\n\r\n"sv,
               reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(chunk_garbage_is_refused) {
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (const char* chunks :
         {"0x5\r\nhello\r\n", "\r\n", ";a\r\n", "5 5\r\n", "5\r\nhelloXX0\r\n\r\n", "zz\r\n",
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
    BOOST_TEST(outcome("HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n", false) ==
               "reply_too_large");
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
    const std::string one =
        std::string(chunked) + "5;a=b\r\nhello\r\n3\r\nyou\r\n0\r\nA: b\r\n\r\n";
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
        {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "", state::failed,
         reason::reply_too_large},
        {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", "hel", state::failed,
         reason::upstream_incomplete, true},
        {bad, "hello", state::failed, reason::upstream_invalid},
        {large, "hello", state::failed, reason::reply_too_large},
        {cut, "hel", state::failed, reason::upstream_incomplete, true},
    };
    for (const example& each : examples) {
        for (const std::size_t piece : {std::size_t{1}, std::size_t{7}}) {
            BOOST_TEST_CONTEXT("in pieces of " << piece << ": " << each.response) {
                finpost::detail::response_guard guard(
                    8, nullptr, finpost::detail::response_guard::body::streamed);
                std::string body;
                state now = state::more;
                for (std::string_view left = each.response; !left.empty() && now == state::more;) {
                    const std::size_t n = std::min(piece, left.size());
                    BOOST_REQUIRE(guard.buffer().reserve(n));
                    std::memcpy(guard.buffer().writable().data(), left.data(), n);
                    left.remove_prefix(n);
                    now = guard.received(n);
                    while (now == state::more && !guard.data().empty()) {
                        body += static_cast<char>(guard.data()[0]);
                        now = guard.consume(1);
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
    const finpost::detail::spill_policy files(config.spill_above, config.spill_dir, disk, logger());
    const std::string body(100'000, 'b');
    std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 10; ++i) chunked += "2710\r\n" + body.substr(0, 10'000) + "\r\n";
    for (const std::string& whole :
         {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body + "more",
          chunked + "0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n" + body}) {
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
    const finpost::detail::spill_policy files(config.spill_above, config.spill_dir, disk, logger());
    const std::string body(100'000, 'b');
    std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (int i = 0; i < 10; ++i) chunked += "2710\r\n" + body.substr(0, 10'000) + "\r\n";
    for (const std::string& whole : {"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + body,
                                     chunked + "0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n" + body}) {
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

// Bytes that real services send, each named after the file or service they are from.
BOOST_AUTO_TEST_CASE(what_small_services_send_is_a_response) {
    const auto until_close = [](std::string_view response, std::string_view body) {
        for (const std::size_t piece : {SIZE_MAX, std::size_t{1}}) {
            transcript t;
            t.feed(response, piece).close();
            BOOST_TEST((t.now == state::complete), response);
            BOOST_TEST(!t.guard.reusable());
            BOOST_TEST(t.guard.take_body().text() == body);
        }
    };
    until_close("HTTP/1.1 200 OK\r\nContent-type: text/plain\n\n5\n",
                "5\n"); // BusyBox httpd, a script
    until_close("HTTP/1.0 200 Script output follows\r\nServer: SimpleHTTP/0.6\r\n"
                "Content-Type: text/plain\n\nhello\n",
                "hello\n"); // Python's CGI server
    is_complete("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 200, "hello", false); // a mock by nc
    is_complete("HTTP/1.1 102 Wait\n\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok",
                false);
    const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    is_complete(chunked + "5 \r\nhello\r\n0\r\n\r\n", 200, "hello", true);
    is_complete(chunked + "5;\r\nhello\r\n0\r\n\r\n", 200, "hello", true);
    is_complete("HTTP/1.1 200 OK\r\nTransfer-Encoding: , chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
                200, "hello", true);
}

BOOST_AUTO_TEST_CASE(every_refusal_has_a_cause_and_a_place) {
    const std::string line = "HTTP/1.1 200 OK\r\n";
    const std::string chunked = line + "Transfer-Encoding: chunked\r\n\r\n"; // 47 bytes
    struct example {
        std::string response;
        reason why;
        std::string what;
        std::uint64_t offset;
        bool closed = false;
    };
    using namespace std::string_view_literals;
    const reason invalid = reason::upstream_invalid, cut = reason::upstream_incomplete;
    const std::string no_http = "not HTTP/1.0 or 1.1: the first bytes are not a status line";
    for (const example& each : {
             example{"SSH-2.0-OpenSSH_9.2p1\r\n", invalid, no_http, 0},
             example{"\x15\x03\x01", invalid, no_http, 0},
             example{"HTTP/1.2 200 OK\r\nContent-Length: 5\r\n\r\nhello", invalid, no_http, 7},
             example{"HTTP/1.1 100 Continue\r\n\r\nhello", invalid, no_http, 25},
             example{line + "A: b\r\nA : b\r\n", invalid, "a field whose name is not a token", 23},
             example{line + "A: " + std::string(17'000, 'x'), invalid, "a head of more than 16 KiB",
                     16'384},
             example{line + "A: " + std::string(17'000, 'x') + "\r\n\r\n", invalid,
                     "a head of more than 16 KiB", 16'384},
             example{"HTTP/1.1 101 Switching Protocols\r\n\r\n", invalid,
                     "another protocol that nobody asked for", 0},
             example{chunked + "5;a\x7f\r\nhello\r\n0\r\n\r\n", invalid,
                     "a control character in a chunk's extension", 47},
             example{chunked + "5\r\nhello\r\n" + std::string(300, '0'), invalid,
                     "a chunk's line of more than 256 bytes", 57},
             example{chunked + "5\r\nhelloworld", invalid,
                     "a chunk's data that does not end in CRLF", 55},
             example{chunked + "5\r\nhello\r\n0\r\na b: c\r\n\r\n", invalid,
                     "a field whose name is not a token", 60},
             example{"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n\r\nhello", invalid,
                     "a part of a response (206) that nobody asked for", 51},
             example{"", cut, "the end before a byte of a response", 0, true},
             example{line + "Content-Le", cut, "the end before the response was complete", 27,
                     true},
             example{line + "Content-Length: 5\r\n\r\nhel", cut,
                     "the end before the response was complete", 41, true},
             example{chunked + "5\r\nhel", cut, "the end before the response was complete", 53,
                     true},
             example{line + "Content-Length: 9999999\r\n\r\n", reason::reply_too_large,
                     "a Content-Length larger than max_reply", 44},
             example{chunked + "ffffff\r\n", reason::reply_too_large,
                     "a chunk that makes the body larger than max_reply", 55},
         }) {
        for (const std::size_t piece : {SIZE_MAX, std::size_t{1}}) {
            BOOST_TEST_CONTEXT("in pieces of " << piece << ": " << each.response.substr(0, 100)) {
                transcript t;
                t.feed(each.response, piece);
                if (each.closed) t.close();
                BOOST_TEST((t.now == state::failed));
                BOOST_TEST(to_string(t.guard.why()) == to_string(each.why));
                BOOST_TEST(t.guard.what() == each.what);
                BOOST_TEST(t.guard.offset() == each.offset);
            }
        }
    }
}

// However it comes, and whatever becomes of it: the place is that of the first byte too many.
BOOST_AUTO_TEST_CASE(the_place_of_a_body_that_is_too_large_is_its_first_byte_too_many) {
    using body = finpost::detail::response_guard::body;
    const std::string head = "HTTP/1.1 200 OK\r\n\r\n";
    const finpost::test::temporary_folder folder;
    gateway_config config;
    config.spill_above = 2;
    config.spill_dir = folder.path().string();
    limited disk;
    const finpost::detail::spill_policy files(config.spill_above, config.spill_dir, disk, logger());
    for (const std::size_t piece : {std::size_t{1}, std::size_t{3}, std::size_t{100}}) {
        for (const bool streamed : {false, true}) {
            for (const finpost::detail::spill_policy* spills :
                 {static_cast<const finpost::detail::spill_policy*>(nullptr), &files}) {
                finpost::detail::response_guard guard(8, nullptr,
                                                      streamed ? body::streamed : body::kept,
                                                      streamed ? nullptr : spills);
                state now = state::more;
                const std::string text = head + "0123456789";
                for (std::string_view left = text; !left.empty() && now == state::more;) {
                    if (streamed)
                        BOOST_REQUIRE(guard.buffer().reserve(100));
                    else
                        BOOST_REQUIRE(guard.make_room());
                    const std::size_t n =
                        std::min({piece, left.size(), guard.buffer().writable().size()});
                    std::memcpy(guard.buffer().writable().data(), left.data(), n);
                    left.remove_prefix(n);
                    now = guard.received(n);
                    while (now == state::more && !guard.data().empty() && streamed)
                        now = guard.consume(1);
                }
                BOOST_TEST((now == state::failed));
                BOOST_TEST(to_string(guard.why()) == "reply_too_large");
                BOOST_TEST(guard.offset() == head.size() + 8);
            }
        }
    }
}

BOOST_AUTO_TEST_CASE(a_connection_is_not_kept_for_a_body_that_was_announced_and_is_none) {
    is_complete("HTTP/1.1 204 No Content\r\nContent-Length: 41\r\n\r\n", 204, "", false);
    is_complete("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 204, "", false);
    is_complete("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", false);
    is_complete("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304, "", false);
    is_complete("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", 204, "", true);
    is_complete("HTTP/1.1 304 Not Modified\r\n\r\n", 304, "", true);
}

BOOST_AUTO_TEST_CASE(line_ends_that_the_response_before_left_behind_are_passed_over) {
    const std::string response = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    for (const char* left : {"\r\n", "\n", "\r\n\r\n"}) {
        for (const std::size_t piece : {SIZE_MAX, std::size_t{1}}) {
            transcript t;
            t.guard.follows_another();
            t.feed(left, piece);
            BOOST_TEST((t.now == state::more));
            BOOST_TEST(
                !t.guard.started()); // so that the request may be sent again should nothing follow
            t.feed(response, piece);
            BOOST_TEST((t.now == state::complete));
            BOOST_TEST(t.guard.take_body().text() == "ok");
            BOOST_TEST(!t.guard.reusable());
        }
    }
    is_refused("\r\n" + response, reason::upstream_invalid); // nothing was before
    transcript many;
    many.guard.follows_another();
    many.feed("\r\n\r\n\r\n\r\n\r\n");
    BOOST_TEST((many.now == state::failed));
    transcript other;
    other.guard.follows_another();
    other.feed("\r\nevil");
    BOOST_TEST((other.now == state::failed));
    BOOST_TEST(other.guard.offset() == 2u);
}

BOOST_AUTO_TEST_CASE(a_content_coding_that_was_not_asked_for_is_refused_where_a_body_is_handed_on) {
    const content_codings none("identity"), gzip("gzip");
    const std::string coded = "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b";
    const auto outcome = [](const std::string& response, const content_codings& accepted,
                            bool relays_all) {
        transcript t;
        t.guard.asked_for(accepted, relays_all);
        t.feed(response);
        if (t.now == state::complete) return std::to_string(t.guard.status());
        BOOST_TEST(t.guard.what() == "a Content-Encoding that was not asked for");
        return std::string(to_string(t.guard.why()));
    };
    BOOST_TEST(outcome("HTTP/1.1 200 OK\r\n" + coded, none, false) == "upstream_invalid");
    BOOST_TEST(outcome("HTTP/1.1 200 OK\r\n" + coded, gzip, false) == "200");
    BOOST_TEST(outcome("HTTP/1.1 500 No\r\n" + coded, none, false) ==
               "500"); // its body is nobody's
    BOOST_TEST(outcome("HTTP/1.1 500 No\r\n" + coded, none, true) == "upstream_invalid");
    BOOST_TEST(outcome("HTTP/1.1 204 No\r\nContent-Encoding: gzip\r\n\r\n", none, false) == "204");
}

// The request to a response that is passed on was in chunks, of which HTTP/1.0 knows nothing.
BOOST_AUTO_TEST_CASE(a_success_in_http_1_0_is_none_for_a_request_in_chunks) {
    const auto outcome = [](std::string_view head, finpost::detail::response_guard::body becomes) {
        finpost::detail::response_guard guard(100, nullptr, becomes);
        BOOST_REQUIRE(guard.buffer().reserve(200));
        std::memcpy(guard.buffer().writable().data(), head.data(), head.size());
        const state now = guard.received(head.size());
        BOOST_TEST(guard.http_1_0() == head.starts_with("HTTP/1.0"));
        return now == state::failed ? std::string(to_string(guard.why())) : "goes on";
    };
    const auto streamed = finpost::detail::response_guard::body::streamed,
               kept = finpost::detail::response_guard::body::kept;
    const char* const stored = "HTTP/1.0 200 OK\r\nContent-Length: 15\r\n\r\nstored";
    BOOST_TEST(outcome(stored, streamed) == "upstream_incomplete");
    BOOST_TEST(outcome("HTTP/1.0 204 OK\r\n\r\n", streamed) == "upstream_incomplete");
    BOOST_TEST(outcome("HTTP/1.0 411 No\r\nContent-Length: 9\r\n\r\n", streamed) == "goes on");
    BOOST_TEST(outcome("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", streamed) == "goes on");
    BOOST_TEST(outcome(stored, kept) == "goes on");
}

BOOST_AUTO_TEST_CASE(says_how_much_lies_behind_and_whether_there_is_a_body) {
    const auto seen = [](std::string_view response) {
        transcript t;
        t.feed(response);
        BOOST_TEST((t.now == state::complete));
        return std::make_pair(t.guard.behind(), t.guard.without_body());
    };
    const std::string line = "HTTP/1.1 200 OK\r\n",
                      chunked = line + "Transfer-Encoding: chunked\r\n\r\n";
    BOOST_TEST(
        (seen(line + "Content-Length: 2\r\n\r\nok") == std::make_pair(std::size_t{0}, false)));
    BOOST_TEST(
        (seen(line + "Content-Length: 2\r\n\r\nokay") == std::make_pair(std::size_t{2}, false)));
    BOOST_TEST((seen(line + "Content-Length: 0\r\n\r\n") == std::make_pair(std::size_t{0}, true)));
    BOOST_TEST((seen(chunked + "0\r\n\r\nx") == std::make_pair(std::size_t{1}, true)));
    BOOST_TEST((seen(chunked + "1\r\nx\r\n0\r\n\r\n") == std::make_pair(std::size_t{0}, false)));
}

BOOST_AUTO_TEST_CASE(a_head_and_what_goes_to_a_file_wait_for_no_memory) {
    finpost::test::temporary_folder folder;
    gateway_config config;
    config.spill_dir = folder.path();
    limited disk;
    const finpost::detail::spill_policy files(config.spill_above, config.spill_dir, disk, logger());
    gauge used;
    buffer_budget none(100'000, used);
    BOOST_TEST(none.try_take(100'000));
    const std::string body(50'000, 'b');
    const std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n";
    {
        transcript seen(1 << 20, &files, &none);
        seen.feed(head).feed(body, 1000);
        BOOST_TEST((seen.now == state::complete));
        const payload got = seen.guard.take_body();
        BOOST_TEST(got.spilled());
        BOOST_TEST((got.text() == body));
    }
    BOOST_TEST(used.value() == 100'000);
    none.give_back(100'000);
}

BOOST_AUTO_TEST_CASE(replies_that_stay_in_memory_grow_in_the_line) {
    gauge used;
    buffer_budget all(4 << 20, used); // one of the largest, and an eighth for what is small
    const std::string head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    const std::string chunk =
        "f00\r\n" + std::string(0xf00, 'c') + "\r\n"; // less than is read at once
    const std::uint64_t largest = 2 << 20;
    {
        transcript first(largest, nullptr, &all), second(largest, nullptr, &all);
        for (transcript* one : {&first, &second}) {
            one->feed(head);
            while (one->guard.bytes_received() < 80'000) one->feed(chunk);
        }
        const auto grow = [&](transcript& one) {
            if (!one.guard.buffer().writable().empty() || one.guard.make_room())
                return one.feed(chunk), true;
            return false;
        };
        std::size_t chunks = 0;
        while (chunks < 400 && second.guard.make_room()) {
            second.feed(chunk);
            ++chunks;
        }
        BOOST_TEST(chunks < 400u); // what the first may still need is kept free
        for (int i = 0; i < 450; ++i) BOOST_TEST_REQUIRE(grow(first));
        first.feed("0\r\n\r\n");
        BOOST_TEST((first.now == state::complete));
        first.guard.take_body();
        for (int i = 0; i < 100; ++i) BOOST_TEST_REQUIRE(grow(second));
        second.feed("0\r\n\r\n");
        BOOST_TEST((second.now == state::complete));
        BOOST_TEST(second.guard.take_body().budget() == &all);
    }
    BOOST_TEST(used.value() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
