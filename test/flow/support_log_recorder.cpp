#include "support/log_recorder.hpp"

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <thread>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(support_log_recorder)

BOOST_AUTO_TEST_CASE(it_keeps_events_with_their_fields) {
    log_recorder log;
    const logger write = log.as_logger(log_level::info);
    write(log_level::info, "exchange",
          {{"id", "a"}, {"bytes", std::int64_t{5}}, {"gone", true}, {"took", 1.5}});
    write(log_level::debug, "exchange", {{"id", "b"}});
    BOOST_TEST(log.count("exchange") == 1u);
    const auto one = log.of("exchange").at(0);
    BOOST_TEST((one.level == log_level::info));
    BOOST_TEST(one.at("id") == "a");
    BOOST_TEST(one.at("gone") == "true");
    BOOST_TEST(one.number("bytes") == 5);
    BOOST_TEST(one.number("took") == 1.5);
    BOOST_CHECK_THROW(one.at("absent"), std::out_of_range);
    BOOST_TEST(log.of("other").empty());
}

BOOST_AUTO_TEST_CASE(it_waits_for_an_event_of_another_thread_and_not_for_ever) {
    log_recorder log;
    BOOST_TEST(!log.wait_for("ready", 1, 50ms));
    std::thread other([write = log.as_logger()] {
        write(log_level::info, "ready");
        write(log_level::info, "ready");
    });
    BOOST_TEST(log.wait_for("ready", 2));
    other.join();
}

BOOST_AUTO_TEST_SUITE_END()
