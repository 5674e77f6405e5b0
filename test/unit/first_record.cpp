#include "policy/first_record.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>

using namespace finpost;
using namespace finpost::detail;
using kind = finpost::detail::first_record::kind;
using namespace std::string_literals;

namespace {

finpost::detail::first_record look(std::string_view begun) {
    return finpost::detail::first_record(std::as_bytes(std::span(begun)));
}

} // namespace

BOOST_AUTO_TEST_SUITE(first_record)

BOOST_AUTO_TEST_CASE(a_record_is_known_by_its_head_and_says_how_long_it_is) {
    const std::string hello = "\x16\x03\x01\x02\x05 and more"s;
    for (std::size_t n = 0; n < 5; ++n) {
        BOOST_TEST((look(hello.substr(0, n)).is() == kind::more), n);
        BOOST_TEST(look(hello.substr(0, n)).due() == 5u);
    }
    BOOST_TEST((look(hello).is() == kind::record));
    BOOST_TEST(look(hello).due() == 5u + 0x205u);
    for (const char type : "\x14\x15\x17\x18"s.substr(0, 4))
        BOOST_TEST((look(type + "\x03\x03\x00\x01"s).is() == kind::record));
}

BOOST_AUTO_TEST_CASE(a_record_that_is_longer_than_any_may_be_is_not_waited_for) {
    BOOST_TEST(look("\x16\x03\x01\x40\x00"s).due() == 5u + 0x4000u);
    BOOST_TEST((look("\x16\x03\x01\x40\x01"s).is() == kind::record));
    BOOST_TEST(look("\x16\x03\x01\x40\x01"s).due() == 5u);
    BOOST_TEST(look("\x16\x03\x01\xff\xff"s).due() == 5u);
}

BOOST_AUTO_TEST_CASE(the_hello_of_old_that_asks_for_a_new_version_is_tls) {
    BOOST_TEST((look("\x80\x2e\x01\x03\x03"s).is() == kind::record));
    BOOST_TEST(look("\x80\x2e\x01\x03\x03"s).due() == 2u + 0x2eu);
    BOOST_TEST((look("\x80\x2e\x01\x00\x02"s).is() == kind::other)); // SSL 2 itself
    BOOST_TEST((look("\x80\x2e"s).is() == kind::more));
}

BOOST_AUTO_TEST_CASE(what_is_no_tls_is_known_at_the_first_byte_that_does_not_fit) {
    for (const std::string& text :
         {"hello"s, "GET / HTTP/1.1"s, "\x02"s, "\0"s, "\x13"s, "\x19"s, "{"s, "\x16\x02"s,
          "\x16HL7"s, "\x16\x03\x05"s, "\x80\x01\x02"s})
        BOOST_TEST((look(text).is() == kind::other), text);
}

BOOST_AUTO_TEST_SUITE_END()
