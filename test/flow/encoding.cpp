// Base64 on the client's side.
#include "support/gateway_fixture.hpp"

#include "finpost/base64.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::test;

namespace {

std::string encoded(std::string_view data) {
    std::string out(base64::encoded_size(data.size()), '\0');
    base64::encode(std::as_bytes(std::span(data)), out.data());
    return out;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(encoding, gateway_fixture)

BOOST_AUTO_TEST_CASE(the_upstream_sees_what_was_encoded) {
    config.decode = codec::base64;
    start();
    BOOST_TEST(exchange("aGVsbG8=").bytes == "hello");
    BOOST_TEST(exchange("aGVsbG8=\r\n").bytes == "hello");
    const std::string data = some_bytes(300'001);
    BOOST_TEST((exchange(encoded(data)).bytes == data));
    BOOST_TEST(upstream.requests().at(0).body == "hello");
    BOOST_TEST(upstream.requests().at(0).field("Content-Length") == "5");
}

BOOST_AUTO_TEST_CASE(the_client_gets_the_reply_encoded) {
    config.encode = codec::base64;
    start();
    BOOST_TEST(exchange("hello").bytes == "aGVsbG8=");
    const std::string data = some_bytes(300'001);
    BOOST_TEST((exchange(data).bytes == encoded(data)));
    BOOST_TEST(counters.reply_bytes.value() == 8 + encoded(data).size());
}

BOOST_AUTO_TEST_CASE(both_ways) {
    config.decode = config.encode = codec::base64;
    start();
    for (const std::size_t size : {1u, 2u, 3u, 1000u, 70'000u}) {
        const std::string text = encoded(some_bytes(size));
        BOOST_TEST((exchange(text).bytes == text));
    }
}

BOOST_AUTO_TEST_CASE(what_is_not_base64_is_refused_and_not_forwarded) {
    config.decode = codec::base64;
    start();
    for (const std::string_view bad : {"hello", "aGVsbG8", "aGVs\nbG8=", "aGVsbG9=", "-_-_",
                                       "====", "aGVsbG8=x", "aGVsbG8=\n\n"}) {
        BOOST_TEST_CONTEXT(bad) { expect_refusal(exchange(bad), reason::bad_encoding); }
    }
    BOOST_TEST(upstream.connections() == 0u);
    BOOST_TEST(refused(reason::bad_encoding) == 8u);
}

BOOST_AUTO_TEST_CASE(nothing_left_after_decoding_is_refused_as_empty) {
    config.decode = codec::base64;
    start();
    expect_refusal(exchange("\n"), reason::empty);
    BOOST_TEST(upstream.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(a_refusal_is_not_encoded) {
    config.encode = codec::base64;
    upstream.by_default(scripted_upstream::echo(500));
    start();
    expect_refusal(exchange("x"), reason::upstream_status);
}

// In memory, on the way to a file, and on the way to the service.
BOOST_AUTO_TEST_CASE(lines_and_other_alphabets_are_read_where_they_are_allowed) {
    config.decode = codec::base64;
    config.base64 = {base64::alphabet::url, true};
    config.trim = trimming::nul;
    start();
    const std::string data = some_bytes(30'000);
    std::string text;
    for (char c : encoded(data)) {
        if (text.size() % 77 == 76) text += '\n';
        text += c == '+' ? '-' : c == '/' ? '_' : c;
    }
    while (text.ends_with('=')) text.pop_back();
    BOOST_TEST((exchange(text + "\n" + std::string(3, '\0')).bytes == data));
    expect_refusal(exchange("aGVs+G8="), reason::bad_encoding);
    expect_refusal(exchange(std::string(3, '\0')), reason::empty);
}

BOOST_AUTO_TEST_CASE(what_is_trimmed_is_not_forwarded_and_nothing_else_is_missing) {
    config.trim = trimming::space;
    start();
    BOOST_TEST(exchange(" a b \r\n\t ").bytes == " a b");
    expect_refusal(exchange(" \r\n"), reason::empty);
    BOOST_TEST(upstream.requests().at(0).body == " a b");
}

BOOST_AUTO_TEST_SUITE_END()
