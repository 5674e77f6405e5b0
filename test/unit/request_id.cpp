#include "finpost/request_id.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>

using namespace finpost;

BOOST_AUTO_TEST_SUITE(request_id)

BOOST_AUTO_TEST_CASE(has_the_layout_of_the_rfcs_example) {
    // RFC 9562 appendix A.6.
    const finpost::request_id id(std::chrono::milliseconds(0x017f22e279b0), 0xfcc3,
                                 0xd8c4dc0c0c07398f);
    BOOST_TEST(id.text() == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

BOOST_AUTO_TEST_CASE(differ_and_sort_by_time) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) seen.emplace(finpost::request_id::generate().text());
    BOOST_TEST(seen.size() == 1000u);
    const finpost::request_id early(std::chrono::milliseconds(1), ~0ull, ~0ull);
    const finpost::request_id late(std::chrono::milliseconds(2), 0, 0);
    BOOST_TEST(early.text() < late.text());
}

BOOST_AUTO_TEST_CASE(always_carries_version_and_variant) {
    for (int i = 0; i < 100; ++i) {
        const auto id = finpost::request_id::generate();
        BOOST_TEST(id.text()[14] == '7');
        BOOST_TEST((std::string_view("89ab").find(id.text()[19]) != std::string_view::npos));
    }
}

BOOST_AUTO_TEST_SUITE_END()
