#include "finpost/version.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdio>
#include <string>

BOOST_AUTO_TEST_SUITE(version)

BOOST_AUTO_TEST_CASE(headers_and_library_are_of_one_version) {
    BOOST_TEST(finpost::version() == FINPOST_VERSION);
}

BOOST_AUTO_TEST_CASE(the_number_is_the_text) {
    int major = 0, minor = 0, patch = 0;
    char more = 0;
    BOOST_TEST(std::sscanf(FINPOST_VERSION, "%d.%d.%d%c", &major, &minor, &patch, &more) == 3);
    BOOST_TEST(major * 10'000 + minor * 100 + patch == FINPOST_VERSION_NUMBER);
}

BOOST_AUTO_TEST_SUITE_END()
