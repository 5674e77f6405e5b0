#include "send_options.hpp"

#include "progress_bar.hpp"
#include "send.hpp"

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace std::chrono_literals;

namespace {

command_line read(std::vector<const char*> words) {
    words.insert(words.begin(), "finpost");
    return read_command_line(static_cast<int>(words.size()), words.data());
}

} // namespace

BOOST_AUTO_TEST_SUITE(send_options)

BOOST_AUTO_TEST_CASE(defaults_are_as_documented) {
    const command_line line = read({"send", "device.test:5000"});
    BOOST_TEST(line.problems.empty());
    BOOST_TEST((line.what == command_line::action::send));
    BOOST_TEST(line.send.target.host == "device.test");
    BOOST_TEST(line.send.target.port == 5000);
    BOOST_TEST(line.send.file == "");
    BOOST_TEST((line.send.connect == 5s));
    BOOST_TEST((line.send.total == 30s));
    BOOST_TEST(!line.send.encode);
    BOOST_TEST(!line.send.decode);
    BOOST_TEST(!line.send.verbose);
}

BOOST_AUTO_TEST_CASE(options_stand_anywhere) {
    const command_line line = read({"-v", "send", "--encode", "base64", "[::1]:5", "--timeout", "2m", "a file",
                                    "--decode=base64", "--connect-timeout=250ms"});
    BOOST_TEST(line.problems.empty());
    BOOST_TEST(line.send.target.host == "::1");
    BOOST_TEST(line.send.file == "a file");
    BOOST_TEST(line.send.verbose);
    BOOST_TEST(line.send.encode);
    BOOST_TEST(line.send.decode);
    BOOST_TEST((line.send.connect == 250ms));
    BOOST_TEST((line.send.total == 2min));
}

BOOST_AUTO_TEST_CASE(all_problems_are_named) {
    BOOST_TEST(read({}).problems.size() == 1u);
    BOOST_TEST(read({"fetch"}).problems.size() == 1u);
    BOOST_TEST(read({"send"}).problems.size() == 1u);
    BOOST_TEST(read({"send", "host"}).problems.size() == 1u);
    BOOST_TEST(read({"send", "host:0"}).problems.size() == 1u);
    BOOST_TEST(read({"send", "h:1", "--timeout"}).problems.size() == 1u);
    BOOST_TEST(read({"send", "h:1", "--timeout", "-3s"}).problems.size() == 1u);
    BOOST_TEST(read({"send", "h:1", "--timeout", "0s", "--encode", "x", "--bogus"}).problems.size() == 3u);
}

BOOST_AUTO_TEST_CASE(exit_codes_tell_what_a_script_needs_to_know) {
    exchange_result result;
    const error_code timed_out = boost::asio::error::timed_out;
    const error_code reset = boost::asio::error::connection_reset;
    BOOST_TEST(exit_code({}, result) == 0);
    for (const auto stage : {exchange_stage::resolve, exchange_stage::connect}) {
        result.stage = stage;
        BOOST_TEST(exit_code(timed_out, result) == 3);
        BOOST_TEST(exit_code(reset, result) == 3);
    }
    for (const auto stage : {exchange_stage::send, exchange_stage::wait, exchange_stage::receive}) {
        result.stage = stage;
        BOOST_TEST(exit_code(timed_out, result) == 4);
        BOOST_TEST(exit_code(reset, result) == 6);
    }
    result.refused = reason::busy;
    BOOST_TEST(exit_code(reason::busy, result) == 5);
}

BOOST_AUTO_TEST_CASE(the_progress_line_tells_what_is_known) {
    BOOST_TEST(progress_text(0, 0, 0) == "sent 0 B received 0 B");
    BOOST_TEST(progress_text(512, 1024, 3) ==
               "sent 512 B of 1.0 KiB [###############               ] received 3 B");
    BOOST_TEST(progress_text(3u << 20, 1u << 20, 0).find("[" + std::string(30, '#') + "]") !=
               std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
