// One word for each reason, wherever it is told: to the client, in the log, in the metrics.
#include "admin/metrics_text.hpp"
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace finpost;
using namespace finpost::test;

namespace {

// Refuses with the reason that the payload names.
boost::asio::awaitable<reply> refuse_as_told(request asked) {
    const auto why = parse_reason(asked.body().text());
    if (!why) co_return reply(payload("no reason"));
    co_return reply(*why);
}

bool has_line(const std::string& text, const std::string& line) {
    return ('\n' + text).find('\n' + line + '\n') != std::string::npos;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(refusal_reasons, gateway_fixture)

BOOST_AUTO_TEST_CASE(every_reason_is_the_same_word_for_client_log_and_metrics) {
    start(refuse_as_told);
    BOOST_TEST(exchange("nothing of the kind").bytes == "no reason");
    for (const reason why : all_reasons) {
        const std::string word(to_string(why));
        BOOST_TEST_CONTEXT(word) {
            expect_refusal(exchange(word), why);
            const std::string page = finpost::metrics_text(counters, {"1.2.3", {}, 0, 0});
            const std::string sample = "finpost_refusals_total{reason=\"" + word + "\"} 1";
            BOOST_TEST(has_line(page, sample), page);
        }
    }
    BOOST_TEST(counters.read_sessions().refused == all_reasons.size());
}

BOOST_AUTO_TEST_SUITE_END()
