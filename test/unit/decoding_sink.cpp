#include "streams.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>

using namespace finpost;

namespace {

struct kept final : byte_sink {
    error_code write(std::span<const std::byte> data) override {
        bytes.append(reinterpret_cast<const char*>(data.data()), data.size());
        return answer;
    }
    std::string bytes;
    error_code answer;
};

error_code write(byte_sink& sink, std::string_view text) {
    return sink.write(std::as_bytes(std::span(text)));
}

} // namespace

BOOST_AUTO_TEST_SUITE(decoding_sink)

BOOST_AUTO_TEST_CASE(what_is_decoded_goes_on_at_once_and_in_any_pieces) {
    kept to;
    finpost::decoding_sink sink(to);
    BOOST_TEST(!write(sink, "Zm9"));
    BOOST_TEST(to.bytes == "fo");
    BOOST_TEST(!write(sink, "vYm"));
    BOOST_TEST(!write(sink, "FyZg="));
    BOOST_TEST(!write(sink, "=\n"));
    BOOST_TEST(!sink.finish());
    BOOST_TEST(to.bytes == "foobarf");
    BOOST_TEST(sink.wrong() == "");
}

BOOST_AUTO_TEST_CASE(a_wrong_text_is_told_with_its_place) {
    kept to;
    finpost::decoding_sink sink(to);
    BOOST_TEST(!write(sink, "Zm9v"));
    BOOST_TEST((write(sink, "Y*") == reason::bad_encoding));
    BOOST_TEST(sink.wrong() == "not a character of the Base64 alphabet at byte 5");
    BOOST_TEST(to.bytes == "foo");
}

BOOST_AUTO_TEST_CASE(a_text_that_is_not_complete_is_told_at_its_end) {
    kept to;
    finpost::decoding_sink sink(to);
    BOOST_TEST(!write(sink, "Zm9vYg"));
    BOOST_TEST((sink.finish() == reason::bad_encoding));
    BOOST_TEST(sink.wrong() == "the text ends within a group of four at byte 6");
}

BOOST_AUTO_TEST_CASE(what_the_other_sink_says_is_handed_on) {
    kept to;
    to.answer = reason::internal;
    finpost::decoding_sink sink(to);
    BOOST_TEST((write(sink, "Zm9v") == reason::internal));
    BOOST_TEST(sink.wrong() == "");
}

BOOST_AUTO_TEST_SUITE_END()
