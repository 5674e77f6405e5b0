#include "log/quiet_log.hpp"

#include "support/log_recorder.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <optional>
#include <string>
#include <thread>
#include <vector>

using namespace finpost;
using namespace finpost::test;

BOOST_AUTO_TEST_SUITE(quiet_log)

BOOST_AUTO_TEST_CASE(a_storm_is_ten_lines_and_one_that_says_how_long_it_was) {
    log_recorder seen;
    boost::asio::io_context io;
    finpost::quiet_log quiet(seen.as_logger(log_level::info), io.get_executor());
    const logger door = quiet.door();
    for (int i = 0; i < 1'000; ++i) door(log_level::error, "storm", {{"what", "the same"}});
    BOOST_TEST(seen.count("storm") == 10u);
    io.run(); // ends when the count has been reported
    BOOST_TEST(seen.count("storm") == 11u);
    const auto last = seen.of("storm").back();
    BOOST_TEST(last.at("repeated") == "990");
    BOOST_TEST((last.level == log_level::error));
}

BOOST_AUTO_TEST_CASE(the_last_count_can_be_had_at_once) {
    log_recorder seen;
    boost::asio::io_context io;
    finpost::quiet_log quiet(seen.as_logger(log_level::info), io.get_executor(), 1);
    for (int i = 0; i < 3; ++i) quiet.door()(log_level::warning, "storm");
    quiet.flush();
    BOOST_TEST(seen.of("storm").back().at("repeated") == "2");
    quiet.flush();
    BOOST_TEST(seen.count("storm") == 2u);
}

BOOST_AUTO_TEST_CASE(every_access_line_is_there_and_hidden_levels_stay_hidden) {
    log_recorder seen;
    boost::asio::io_context io;
    finpost::quiet_log quiet(seen.as_logger(log_level::info), io.get_executor(), 1);
    const logger door = quiet.door();
    for (int i = 0; i < 100; ++i) door(log_level::info, "exchange");
    BOOST_TEST(seen.count("exchange") == 100u);
    BOOST_TEST(!door.enabled(log_level::debug));
    BOOST_TEST(door.enabled(log_level::info));
}

BOOST_AUTO_TEST_CASE(from_several_threads_nothing_is_lost_from_the_count) {
    log_recorder seen;
    boost::asio::io_context io;
    finpost::quiet_log quiet(seen.as_logger(log_level::info), io.get_executor());
    const logger door = quiet.door();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&door, &io] {
            for (int i = 0; i < 1'000; ++i) {
                door(log_level::error, "storm");
                io.poll();
            }
        });
    }
    for (std::thread& one : threads) one.join();
    quiet.flush();
    std::size_t total = 0;
    for (const auto& one : seen.of("storm")) {
        const bool count = one.fields.count("repeated") > 0;
        total += count ? std::stoul(one.at("repeated")) : 1;
    }
    BOOST_TEST(total == 4'000u);
}

BOOST_AUTO_TEST_CASE(a_door_may_outlive_everything) {
    log_recorder seen;
    std::optional<boost::asio::io_context> io(std::in_place);
    std::optional<finpost::quiet_log> quiet;
    quiet.emplace(seen.as_logger(log_level::info), io->get_executor(), 1);
    const logger door = quiet->door();
    door(log_level::error, "storm");
    quiet.reset();
    io.reset();
    for (int i = 0; i < 3; ++i) door(log_level::error, "storm");
    BOOST_TEST(seen.count("storm") == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
