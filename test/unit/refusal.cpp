#include "finpost/client.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace finpost;

namespace {
const std::string id = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
}

BOOST_AUTO_TEST_SUITE(refusal)

BOOST_AUTO_TEST_CASE(every_reason_is_recognised) {
    for (const reason why : all_reasons) {
        const auto read =
            detect_refusal("finpost: " + std::string(to_string(why)) + ' ' + id + '\n');
        BOOST_REQUIRE(read);
        BOOST_TEST((read->why == why));
        BOOST_TEST(read->request_id == id);
    }
}

BOOST_AUTO_TEST_CASE(whatever_is_not_exactly_one_is_an_answer) {
    const std::vector<std::string> texts{std::string(),
                                         std::string("finpost: "),
                                         "finpost: busy " + id,
                                         "finpost: busy " + id + "\n\n",
                                         "finpost: busy " + id + "\r\n",
                                         "finpost:  busy " + id + "\n",
                                         "finpost: busy  " + id + "\n",
                                         "finpost: unheard_of " + id + "\n",
                                         "finpost: busy " + id.substr(1) + "\n",
                                         "finpost: busy " + id + "0\n",
                                         " finpost: busy " + id + "\n",
                                         "finpost: busy\n",
                                         std::string("\n"),
                                         "finpost: busy 017F22E2-79b0-7cc3-98c4-dc0c0c07398f\n",
                                         "finpost: busy 017f22e279b0-7cc3-98c4--dc0c0c07398f\n"};
    for (const std::string& text : texts) BOOST_TEST(!detect_refusal(text), text);
}

BOOST_AUTO_TEST_SUITE_END()
