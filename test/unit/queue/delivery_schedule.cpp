#include "queue/delivery_schedule.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <limits>
#include <ostream>
#include <string>

using namespace finpost::detail;
using namespace std::chrono_literals;

namespace {

using verdict = delivery_verdict;

std::string word(verdict value) {
    switch (value) {
    case verdict::delivered:
        return "delivered";
    case verdict::again:
        return "again";
    case verdict::again_with_alert:
        return "again, alert";
    case verdict::dead:
        return "dead";
    }
    return "?";
}

// What is decided, as a line: "again in 1000 ms".
std::string line(const delivery_decision& decision) {
    std::string text = word(decision.verdict);
    if (decision.too_old) text += ", too old";
    if (decision.retry_in > 0ms) text += " in " + std::to_string(decision.retry_in.count()) + " ms";
    return text;
}

constexpr double least = 0;
constexpr double greatest = 0.999999;

} // namespace

BOOST_AUTO_TEST_SUITE(delivery_schedule)

BOOST_AUTO_TEST_CASE(each_status_has_its_verdict) {
    for (int status = 200; status < 300; ++status)
        BOOST_TEST(word(judge_status(status)) == "delivered");
    for (int status = 300; status < 400; ++status)
        BOOST_TEST(word(judge_status(status)) == "again, alert");
    for (int status = 500; status < 600; ++status)
        BOOST_TEST(word(judge_status(status)) == "again");
    for (int status = 400; status < 500; ++status) {
        std::string expected = "dead";
        if (status == 408 || status == 425 || status == 429) expected = "again";
        if (status == 401 || status == 403 || status == 404 || status == 405 || status == 407)
            expected = "again, alert";
        BOOST_TEST(word(judge_status(status)) == expected, status);
    }
    for (const int status : {0, 100, 199, 600, 999, -1})
        BOOST_TEST(word(judge_status(status)) == "again");
}

BOOST_AUTO_TEST_CASE(the_pause_doubles_up_to_the_most) {
    const finpost::detail::delivery_schedule schedule;
    std::string text;
    for (std::uint32_t attempts = 1; attempts <= 11; ++attempts)
        text += std::to_string((schedule.back_off(attempts, greatest) + 1ms).count()) + ' ';
    BOOST_TEST(text == "1000 2000 4000 8000 16000 32000 64000 128000 256000 300000 300000 ");
    for (const std::uint32_t many :
         {0u, 40u, 64u, 1000u, std::numeric_limits<std::uint32_t>::max()})
        BOOST_TEST((schedule.back_off(many, greatest) <= 5min));
}

BOOST_AUTO_TEST_CASE(the_jitter_takes_up_to_a_half) {
    const finpost::detail::delivery_schedule schedule;
    BOOST_TEST(schedule.back_off(1, least).count() == 500);
    BOOST_TEST(schedule.back_off(1, 0.5).count() == 750);
    BOOST_TEST(schedule.back_off(9, least).count() == 128'000);
}

BOOST_AUTO_TEST_CASE(odd_rules_do_no_harm) {
    const finpost::detail::delivery_schedule longest(
        {.retry_first = std::chrono::milliseconds::max() / 4,
         .retry_most = std::chrono::milliseconds::max() / 2});
    BOOST_TEST((longest.back_off(3, 0.5) > 0ms));
    const finpost::detail::delivery_schedule shortest({.retry_first = 1ms, .retry_most = 1ms});
    BOOST_TEST(shortest.back_off(9, least).count() == 1);
}

BOOST_AUTO_TEST_CASE(a_payload_from_its_first_attempt_to_its_end) {
    const finpost::detail::delivery_schedule schedule;
    BOOST_TEST(line(schedule.after({0, 1, 10ms}, 0.5)) == "again in 750 ms");
    BOOST_TEST(line(schedule.after({503, 2, 1s}, 0.5)) == "again in 1500 ms");
    BOOST_TEST(line(schedule.after({404, 3, 3s}, 0.5)) == "again, alert in 3000 ms");
    BOOST_TEST(line(schedule.after({500, 290, 24h - 1ms}, 0.5)) == "again in 225000 ms");
    BOOST_TEST(line(schedule.after({500, 291, 24h}, 0.5)) == "dead, too old");
    BOOST_TEST(line(schedule.after({200, 291, 24h}, 0.5)) == "delivered");
    BOOST_TEST(line(schedule.after({422, 1, 0ms}, 0.5)) == "dead");
}

BOOST_AUTO_TEST_CASE(retry_after_wins_within_bounds) {
    const finpost::detail::delivery_schedule schedule;
    BOOST_TEST(line(schedule.after({429, 1, 0ms, 120s}, least)) == "again in 120000 ms");
    BOOST_TEST(line(schedule.after({503, 9, 0ms, 1s}, 0.5)) == "again in 1500 ms");
    BOOST_TEST(line(schedule.after({503, 1, 0ms, 24h}, least)) == "again in 3600000 ms");
    BOOST_TEST(line(schedule.after({503, 1, 0ms, -5s}, 0.25)) == "again in 250 ms");
    BOOST_TEST(line(schedule.after({503, 9, 25h, 1s}, 0.5)) == "dead, too old");
    BOOST_TEST(line(schedule.after({200, 1, 0ms, 1s}, 0.5)) == "delivered");
}

// While no process ran: ten years ahead, and ten years back.
BOOST_AUTO_TEST_CASE(a_clock_that_was_set_does_no_harm) {
    const finpost::detail::delivery_schedule schedule;
    BOOST_TEST(line(schedule.after({503, 1, 87'600h}, 0.5)) == "again in 750 ms");
    BOOST_TEST(line(schedule.after({503, 2, 87'600h}, 0.5)) == "again in 1500 ms");
    BOOST_TEST(line(schedule.after({503, 3, 87'600h}, 0.5)) == "dead, too old");
    BOOST_TEST(line(schedule.after({503, 290, -87'600h}, 0.5)) == "again in 225000 ms");
    BOOST_TEST(line(schedule.after({503, 291, -87'600h}, 0.5)) == "dead, too old");
}

BOOST_AUTO_TEST_SUITE_END()
