#include "session/receive_plan.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;

BOOST_AUTO_TEST_SUITE(receive_plan)

BOOST_AUTO_TEST_CASE(reads_are_few_and_grow) {
    std::size_t have = 0, reads = 0;
    for (; have < 64u << 10; ++reads) have += next_read(have, 1 << 30);
    BOOST_TEST(reads <= 4u);
    for (; have < 64u << 20; ++reads) have += next_read(have, 1 << 30);
    BOOST_TEST(reads <= 136u);
}

BOOST_AUTO_TEST_CASE(never_more_than_one_byte_above_the_limit) {
    BOOST_TEST(next_read(0, 10) == 11u);
    BOOST_TEST(next_read(9, 10) == 2u);
    BOOST_TEST(next_read(10, 10) == 1u);
    BOOST_TEST(next_read(4096, 4096) == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
