#include "upstream/chunk_decoder.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <string_view>

using namespace std::string_view_literals;
using decoding = finpost::detail::chunk_decoder::state;

namespace {

struct outcome {
    decoding now = decoding::more;
    std::string body, what;
    std::size_t consumed = 0, rest = 0;
};

outcome decode(std::string_view chunks, std::size_t piece = SIZE_MAX,
               std::uint64_t max_body = 1 << 20) {
    finpost::detail::chunk_decoder one(max_body);
    finpost::payload raw, body;
    outcome seen;
    std::size_t fed = 0;
    while (seen.now == decoding::more && fed < chunks.size()) {
        const std::string_view next = chunks.substr(fed, piece);
        raw.append(std::as_bytes(std::span(next)));
        fed += next.size();
        seen.now = one.decode(raw, body);
    }
    seen.body = body.text();
    seen.what = one.what();
    seen.consumed = fed - raw.size();
    seen.rest = raw.size();
    return seen;
}

void is_body(std::string_view chunks, std::string_view body) {
    for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{3}}) {
        BOOST_TEST_CONTEXT("in pieces of " << piece << ": " << chunks.substr(0, 80)) {
            const outcome seen = decode(chunks, piece);
            BOOST_TEST((seen.now == decoding::done));
            BOOST_TEST(seen.body == body);
            BOOST_TEST(seen.rest == 0u);
        }
    }
}

// At `offset`, whatever comes behind and however it comes.
void is_refused(std::string_view chunks, std::string_view what, std::size_t offset) {
    for (const std::size_t piece : {SIZE_MAX, std::size_t{1}, std::size_t{7}}) {
        BOOST_TEST_CONTEXT("in pieces of " << piece << ": " << chunks.substr(0, 80)) {
            const outcome seen = decode(chunks, piece);
            BOOST_TEST((seen.now == decoding::failed));
            BOOST_TEST(seen.what == what);
            BOOST_TEST(seen.consumed == offset);
        }
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(chunk_decoder)

BOOST_AUTO_TEST_CASE(sizes_may_be_padded_in_every_chunk) {
    is_body("5 \r\nhello\r\n0\r\n\r\n", "hello");
    is_body("0000000000000005\r\nhello\r\n0\r\n\r\n", "hello");
    std::string padded, body;
    for (int i = 0; i < 5'000; ++i) {
        padded += "64    \r\n" + std::string(100, 'x') + "\r\n";
        body.append(100, 'x');
    }
    const outcome seen = decode(padded + "0     \r\n\r\n", 4096);
    BOOST_TEST((seen.now == decoding::done));
    BOOST_TEST((seen.body == body));
}

BOOST_AUTO_TEST_CASE(extensions_are_passed_over_in_every_chunk) {
    is_body("5;\r\nhello\r\n0;\r\n\r\n", "hello");
    is_body("5 ; a = \"b;c\" ;d\r\nhello\r\n0;last\r\n\r\n", "hello");
    std::string chunks, body;
    for (int i = 0; i < 1'000; ++i) {
        chunks += "1;" + std::string(252, 'e') + "\r\nx\r\n"; // a line of 256 bytes
        body += 'x';
    }
    is_body(chunks + "0\r\n\r\n", body);
}

BOOST_AUTO_TEST_CASE(a_chunks_line_has_a_limit) {
    const std::string_view long_line = "a chunk's line of more than 256 bytes";
    is_refused("1;" + std::string(253, 'e') + "\r\nx\r\n0\r\n\r\n", long_line, 0);
    is_refused("1;" + std::string(1 << 20, 'e'), long_line, 0);
    is_refused("1\r\nx\r\n" + std::string(300, '0') + "1\r\nx\r\n", long_line, 6);
    const std::string_view digits = "a chunk's size of more than 16 digits";
    is_refused("00000000000000005\r\nhello\r\n", digits, 0);
    is_refused("fffffffffffffffff\r\n", digits, 0);
    is_refused(std::string(200, '0') + "5\r\nhello\r\n", digits, 0);
}

BOOST_AUTO_TEST_CASE(what_is_no_size_is_refused_at_once) {
    const std::string_view no_number = "a chunk's size that is not a hexadecimal number";
    for (const char* line : {"\r\n", ";a\r\n", " 5\r\n", "-1\r\n", "zz", "{\"json\":"})
        is_refused(line, no_number, 0);
    for (const char* line : {"5 5\r\nhello", "0x5\r\nhello", "5h\r\nhello", "5,5\r\nhello"})
        is_refused(line, no_number, 0);
    is_refused("5\r\nhello\r\nworld\r\n", no_number, 10);
}

BOOST_AUTO_TEST_CASE(every_line_ends_in_crlf) {
    const std::string_view bare = "a line of the chunked coding that does not end in CRLF";
    is_refused("5\nhello\r\n0\r\n\r\n", bare, 0);
    is_refused("5\r\nhello\r\n0\n\n", bare, 10);
    is_refused("5\r\nhello\r\n0\r\n\n", bare, 13);
    is_refused("5\r\nhello\r\n0\r\nA: b\n\r\n", bare, 13);
    const std::string_view data = "a chunk's data that does not end in CRLF";
    is_refused("5\r\nhello\n0\r\n\r\n", data, 8);
    is_refused("5\r\nhelloX\r\n0\r\n\r\n", data, 8);
    is_refused("5\r\nhello\rX", data, 8);
}

BOOST_AUTO_TEST_CASE(extensions_and_trailers_are_text_as_in_a_head) {
    const std::string_view extension = "a control character in a chunk's extension";
    is_refused("5;a\x7f\r\nhello\r\n0\r\n\r\n", extension, 0);
    is_refused("5;a\0\r\nhello\r\n0\r\n\r\n"sv, extension, 0);
    is_refused("5\r\r\nhello\r\n0\r\n\r\n", "a chunk's size that is not a hexadecimal number", 0);
    is_refused("5;a\rb\r\nhello\r\n0\r\n\r\n", extension, 0);
    const std::string body = "5\r\nhello\r\n0\r\n";
    is_body(body + "A: b\r\nC:d\r\n\r\n", "hello");
    is_refused(body + "a: b\r\n c: d\r\n\r\n", "a folded line", 19);
    is_refused(body + "a b: c\r\n\r\n", "a field whose name is not a token", 13);
    is_refused(body + "no colon\r\n\r\n", "a field without a colon", 13);
    is_refused(body + std::string("a: \0\r\n\r\n", 8), "a control character in a field", 13);
}

BOOST_AUTO_TEST_CASE(trailers_have_a_limit) {
    const std::string body = "1\r\nx\r\n0\r\n",
                      field = "T: " + std::string(95, 't') + "\r\n"; // 100 bytes
    std::string trailers;
    for (int i = 0; i < 163; ++i) trailers += field;
    is_body(body + trailers + "\r\n", "x");
    const outcome seen = decode(body + trailers + field + "\r\n");
    BOOST_TEST((seen.now == decoding::failed));
    BOOST_TEST(seen.what == "trailers of more than 16 KiB");
}

BOOST_AUTO_TEST_SUITE_END()
