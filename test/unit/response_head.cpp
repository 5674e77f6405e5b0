#include "upstream/response_head.hpp"

#include "upstream/content_codings.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>

using namespace finpost;
using namespace finpost::detail;

namespace {

using reading = response_head_reader::state;

// Whole, and byte by byte: both have to say the same.
std::optional<finpost::detail::response_head> read_all(std::string_view text,
                                                       const content_codings* asked = nullptr) {
    response_head_reader whole(asked), slow(asked);
    const reading at_once = whole.read(text);
    reading now = reading::more;
    for (std::size_t n = 0; n <= text.size() && now == reading::more; ++n)
        now = slow.read(text.substr(0, n));
    BOOST_TEST((now == at_once));
    BOOST_TEST(whole.what() == slow.what());
    BOOST_TEST(whole.offset() == slow.offset());
    if (at_once == reading::failed) BOOST_TEST(!whole.what().empty());
    if (at_once != reading::done) return std::nullopt;
    BOOST_TEST(whole.size() == text.size());
    return whole.head();
}

std::optional<finpost::detail::response_head> read(std::string_view fields,
                                                   std::string_view line = "HTTP/1.1 200 OK",
                                                   const content_codings* asked = nullptr) {
    std::string head(line);
    head += "\r\n";
    head += fields;
    return read_all(head + "\r\n", asked);
}

// How many bytes it takes to know that this is no response, and what is said of it then.
struct verdict {
    std::size_t bytes, offset;
    std::string what;
};
std::optional<verdict> refused(std::string_view text) {
    response_head_reader one;
    for (std::size_t n = 0; n <= text.size(); ++n) {
        const reading now = one.read(text.substr(0, n));
        if (now == reading::failed) return verdict{n, one.offset(), std::string(one.what())};
        if (now == reading::done) break;
    }
    return std::nullopt;
}

} // namespace

BOOST_AUTO_TEST_SUITE(response_head)

BOOST_AUTO_TEST_CASE(says_how_the_body_ends) {
    BOOST_TEST(!read("")->length);
    BOOST_TEST(!read("")->chunked);
    BOOST_TEST(*read("Content-Length: 5\r\n")->length == 5u);
    BOOST_TEST(*read("content-length:5 \t\r\n")->length == 5u);
    BOOST_TEST(*read("Content-Length: 18446744073709551615\r\n")->length == UINT64_MAX);
    BOOST_TEST(read("TRANSFER-ENCODING: chunked\r\n")->chunked);
}

BOOST_AUTO_TEST_CASE(says_whether_the_connection_stays) {
    BOOST_TEST(read("")->keep_alive);
    BOOST_TEST(!read("Connection: close\r\n")->keep_alive);
    BOOST_TEST(!read("Connection: Upgrade , CLOSE\r\n")->keep_alive);
    BOOST_TEST(!read("Connection: keep-alive\r\nConnection: close\r\n")->keep_alive);
    BOOST_TEST(read("Connection: closed, , x\r\n")->keep_alive);
    BOOST_TEST(!read("", "HTTP/1.0 200 OK")->keep_alive);
    BOOST_TEST(read("Connection: Keep-Alive\r\n", "HTTP/1.0 200 OK")->keep_alive);
}

BOOST_AUTO_TEST_CASE(takes_any_status_line_that_has_a_meaning) {
    BOOST_TEST(read("", "HTTP/1.1 100 Continue")->status == 100);
    BOOST_TEST(read("", "HTTP/1.1 599 ")->status == 599);
    BOOST_TEST(read("", "HTTP/1.1 204")->status == 204);
    BOOST_TEST(read("", "HTTP/1.1 200 \xc3\xa9t\xc3\xa9\t!")->status == 200);
    for (const char* line :
         {"HTTP/1.1 099 Low", "HTTP/1.1 600 High", "HTTP/1.1 2000 OK", "HTTP/1.1 20 OK",
          "HTTP/1.1  200 OK", "HTTP/1.1 +20 OK", "HTTP/1.2 200 OK", "HTTP/2.0 200 OK",
          "http/1.1 200 OK", "HTTP/1.1 200OK", "HTTP/1.1\t200 OK", "HTTP/1.1 200 O\x01K",
          "HTTP/1.1 200 O\x7fK", "HTTP/1.1", "", " HTTP/1.1 200 OK"})
        BOOST_TEST(!read("", line), line);
}

BOOST_AUTO_TEST_CASE(refuses_fields_that_others_may_read_differently) {
    for (const char* field :
         {"Name : x", "Name\t: x", " Folded: x", "\tfolded", "Name", ": x", "Na me: x",
          "Name: a\rb", "Name: a\x01", "Name: a\x7f", "N\xc3\xa4me: x", "Name: a\r"})
        BOOST_TEST(!read(std::string(field) + "\r\n"), field);
    using namespace std::string_view_literals;
    BOOST_TEST(!read("Name: a\0b\r\n"sv));
    BOOST_TEST(read("Name:\r\nOther: \t\r\n!#$%&'*+-.^_`|~: \xff\tx\r\n").has_value());
}

BOOST_AUTO_TEST_CASE(an_end_without_an_empty_line_is_no_head) {
    const std::string whole = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    BOOST_TEST(read_all(whole).has_value());
    for (std::size_t n = 0; n < whole.size(); ++n)
        BOOST_TEST(!read_all(std::string_view(whole).substr(0, n)), n);
}

BOOST_AUTO_TEST_CASE(bytes_of_any_kind_are_read_or_refused) {
    std::mt19937 random(7);
    const std::string good = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\n";
    for (int i = 0; i < 20'000; ++i) {
        std::string head = good;
        for (int k = 0; k < 3; ++k) head[random() % head.size()] = static_cast<char>(random());
        response_head_reader whole, slow;
        const reading at_once = whole.read(head);
        reading now = reading::more;
        for (std::size_t n = 0; n <= head.size() && now == reading::more; n += 1 + random() % 9)
            now = slow.read(std::string_view(head).substr(0, n));
        if (now == reading::more) now = slow.read(head);
        BOOST_TEST((now == at_once));
        if (now == reading::done)
            BOOST_TEST((slow.head().status >= 100 && slow.head().status <= 599));
    }
}

// A service of another kind greets and waits: its first byte is enough, not a time limit.
BOOST_AUTO_TEST_CASE(what_cannot_begin_a_response_is_refused_at_its_first_wrong_byte) {
    using namespace std::string_view_literals;
    struct example {
        std::string_view text;
        std::size_t bytes;
    };
    for (const auto& [text, bytes] : {
             example{"SSH-2.0-OpenSSH_9.2p1\r\n"sv, 1},
             example{"220 mail.example ESMTP ready\r\n"sv, 1},
             example{"J\0\0\0\x0a"sv, 1},                // MySQL's greeting
             example{"\x15\x03\x01\0\x02\x02\x46"sv, 1}, // a TLS alert
             example{"\0\0\x12\x04"sv, 1},               // HTTP/2's SETTINGS
             example{"hello there\n"sv, 1},              // HTTP/0.9: a body and nothing else
             example{"HTTP/2.0 200 OK\r\n"sv, 6},
             example{"HTTP/1.2 200 OK\r\n"sv, 8},
             example{"HTTP/1.1\t200 OK\r\n"sv, 9},
             example{"\r\nHTTP/1.1 200 OK\r\n"sv, 1},
         }) {
        BOOST_TEST_CONTEXT(text) {
            const auto seen = refused(text);
            BOOST_REQUIRE(seen.has_value());
            BOOST_TEST(seen->bytes == bytes);
            BOOST_TEST(seen->offset == bytes - 1);
            BOOST_TEST(seen->what == "not HTTP/1.0 or 1.1: the first bytes are not a status line");
        }
    }
    for (const char* begun : {"", "H", "HTTP/1.", "HTTP/1.0", "HTTP/1.1 ", "HTTP/1.1 20"})
        BOOST_TEST(!refused(begun), begun);
}

BOOST_AUTO_TEST_CASE(a_line_that_is_wrong_is_refused_at_its_end_and_told) {
    const std::string line = "HTTP/1.1 200 OK\r\n";
    struct example {
        std::string text, what;
        std::size_t offset;
    };
    for (const auto& [text, what, offset] : {
             example{"HTTP/1.1 2xx OK\r\n", "a status that is not three digits", 0},
             example{"HTTP/1.1 999 OK\r\n", "a status outside 100 to 599", 0},
             example{"HTTP/1.1 200 O\x01K\r\n", "a control character in the status line", 0},
             example{line + "A: b\r\nno colon\r\n", "a field without a colon", 23},
             example{line + "A: b\r\n c\r\n", "a folded line", 23},
             example{line + "A : b\r\n", "a field whose name is not a token", 17},
             example{line + "A: b\rc\r\n", "a control character in a field", 17},
             example{line + "Content-Length: x\r\n", "a Content-Length that is not a number", 17},
             example{line + "Content-Length: 1\r\nContent-Length: 1\r\n", "a second Content-Length",
                     36},
             example{line + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
                     "both Transfer-Encoding and Content-Length", 36},
             example{line + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n",
                     "both Transfer-Encoding and Content-Length", 45},
             example{line + "Transfer-Encoding: gzip\r\n",
                     "another transfer coding than chunked, once", 17},
             example{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n",
                     "a transfer coding in HTTP/1.0", 17},
         }) {
        BOOST_TEST_CONTEXT(text) {
            const auto seen = refused(text + "More: of it\r\n");
            BOOST_REQUIRE(seen.has_value());
            BOOST_TEST(seen->bytes == text.size());
            BOOST_TEST(seen->what == what);
            BOOST_TEST(seen->offset == offset);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_bare_line_feed_ends_a_line_and_is_remembered) {
    const auto untidy = [](std::string_view text) {
        response_head_reader one;
        BOOST_TEST((one.read(text) == reading::done), text);
        BOOST_TEST(one.size() == text.size());
        return one.bare_lf();
    };
    BOOST_TEST(!untidy("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"));
    BOOST_TEST(untidy("HTTP/1.1 200 OK\nContent-Length: 5\n\n"));
    BOOST_TEST(untidy("HTTP/1.1 200 OK\r\nContent-Type: text/plain\n\n")); // BusyBox with a script
    BOOST_TEST(untidy("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\n"));
    BOOST_TEST(*read_all("HTTP/1.1 200 OK\nContent-Length: 5\n\r\n")->length == 5u);
    BOOST_TEST(!read_all("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 6\n\n"));
    BOOST_TEST(!read_all("HTTP/1.1 200 OK\rContent-Length: 5\r\r"));
}

BOOST_AUTO_TEST_CASE(empty_elements_of_a_list_mean_nothing) {
    BOOST_TEST(read("Transfer-Encoding: , chunked\r\n")->chunked);
    BOOST_TEST(read("Transfer-Encoding: chunked ,,\r\n")->chunked);
    for (const char* value :
         {"", ",", "chunked, chunked", "gzip, chunked", "chunked, gzip", "chunked;q=1"})
        BOOST_TEST(!read("Transfer-Encoding: " + std::string(value) + "\r\n"), value);
}

BOOST_AUTO_TEST_CASE(says_what_stands_in_retry_after) {
    BOOST_TEST(read("")->retry_after() == "");
    BOOST_TEST(read("Retry-After:  120 \r\n")->retry_after() == "120");
    BOOST_TEST(read("retry-after: Sun, 06 Nov 1994 08:49:37 GMT\r\n")->retry_after() ==
               "Sun, 06 Nov 1994 08:49:37 GMT");
    BOOST_TEST(read("Retry-After: " + std::string(30, '1') + "\r\n")->retry_after() == "");
}

BOOST_AUTO_TEST_CASE(says_whether_a_coding_was_asked_for) {
    const finpost::detail::content_codings none("identity"), gzip("gzip, br;q=0");
    const std::string_view line = "HTTP/1.1 200 OK";
    BOOST_TEST(!read("", line, &none)->foreign_coding);
    BOOST_TEST(!read("Content-Encoding: identity\r\n", line, &none)->foreign_coding);
    BOOST_TEST(read("Content-Encoding: gzip\r\n", line, &none)->foreign_coding);
    BOOST_TEST(!read("Content-Encoding: gzip\r\n", line, &gzip)->foreign_coding);
    BOOST_TEST(read("Content-Encoding: br\r\n", line, &gzip)->foreign_coding);
    BOOST_TEST(
        read("Content-Encoding: gzip\r\nContent-Encoding: br\r\n", line, &gzip)->foreign_coding);
    BOOST_TEST(!read("Content-Encoding: br\r\n", line)->foreign_coding);
}

BOOST_AUTO_TEST_SUITE_END()
