#include "session/reply.hpp"

#include "finpost/request_id.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::detail;

BOOST_AUTO_TEST_SUITE(reply)

BOOST_AUTO_TEST_CASE(every_reason_makes_one_line_with_its_word_and_the_request_id) {
    const request_id id(std::chrono::milliseconds(0x017f22e279b0), 0x0cc3, 0x18c4dc0c0c07398f);
    for (const reason why : all_reasons) {
        const std::string line = refusal_line(why, id);
        BOOST_TEST(line == "finpost: " + std::string(to_string(why)) +
                               " 017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n");
    }
}

BOOST_AUTO_TEST_SUITE_END()
