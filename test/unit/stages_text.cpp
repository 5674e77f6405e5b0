#include "stages_text.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace std::chrono_literals;

namespace {

exchange_result connected() {
    exchange_result out;
    out.resolved = 1ms;
    out.connected = 3ms;
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(stages_text)

BOOST_AUTO_TEST_CASE(one_stage_after_the_other) {
    exchange_result result = connected();
    result.stage = exchange_stage::done;
    result.sent = 5;
    result.received = 7;
    result.half_closed = 4ms;
    result.first_byte = 10ms;
    result.ended = 12ms;
    BOOST_TEST(finpost::stages_text(result) == "resolve        1.000 ms\n"
                                               "connect        2.000 ms\n"
                                               "send           1.000 ms  5 bytes, then the FIN\n"
                                               "wait           6.000 ms\n"
                                               "receive        2.000 ms  7 bytes\n"
                                               "total         12.000 ms\n");
}

// A gateway that streams answers while it is still being sent to.
BOOST_AUTO_TEST_CASE(a_reply_that_began_before_the_end_of_the_payload_was_not_waited_for) {
    exchange_result result = connected();
    result.stage = exchange_stage::done;
    result.sent = 500;
    result.received = 700;
    result.first_byte = 10ms;
    result.half_closed = 100ms;
    result.ended = 130ms;
    BOOST_TEST(finpost::stages_text(result) ==
               "resolve        1.000 ms\n"
               "connect        2.000 ms\n"
               "send          97.000 ms  500 bytes, then the FIN\n"
               "receive       30.000 ms  700 bytes, the first 90.000 ms before the FIN\n"
               "total        130.000 ms\n");
}

BOOST_AUTO_TEST_CASE(a_payload_that_was_not_sent_whole_says_so) {
    exchange_result result = connected();
    result.stage = exchange_stage::send;
    result.sent = 500;
    result.ended = 30ms;
    BOOST_TEST(finpost::stages_text(result) ==
               "resolve        1.000 ms\n"
               "connect        2.000 ms\n"
               "send          27.000 ms  500 bytes, without the FIN\n"
               "total         30.000 ms\n");
    // Refused meanwhile.
    result.first_byte = 20ms;
    result.received = 60;
    BOOST_TEST(finpost::stages_text(result) ==
               "resolve        1.000 ms\n"
               "connect        2.000 ms\n"
               "send          17.000 ms  500 bytes, without the FIN\n"
               "receive       10.000 ms  60 bytes\n"
               "total         30.000 ms\n");
}

BOOST_AUTO_TEST_CASE(with_tls_the_end_is_the_close_notify) {
    exchange_result result = connected();
    result.secured = 8ms;
    result.stage = exchange_stage::wait;
    result.sent = 5;
    result.half_closed = 9ms;
    result.ended = 30ms;
    BOOST_TEST(finpost::stages_text(result) ==
               "resolve        1.000 ms\n"
               "connect        2.000 ms\n"
               "tls            5.000 ms\n"
               "send           1.000 ms  5 bytes, then the close_notify\n"
               "wait          21.000 ms\n"
               "total         30.000 ms\n");
}

BOOST_AUTO_TEST_CASE(a_stage_that_failed_has_its_name_and_its_time) {
    exchange_result result;
    result.resolved = 1ms;
    result.stage = exchange_stage::connect;
    result.ended = 5ms;
    BOOST_TEST(finpost::stages_text(result) == "resolve        1.000 ms\n"
                                               "connect        4.000 ms\n"
                                               "total          5.000 ms\n");
}

BOOST_AUTO_TEST_CASE(with_a_frame_the_end_is_the_frames) {
    exchange_result result = connected();
    result.stage = exchange_stage::done;
    result.sent = 9;
    result.half_closed = 4ms;
    result.ended = 12ms;
    const auto text_with = [&](std::string_view frame) {
        return finpost::stages_text(result, parse_frame_spec(frame).value());
    };
    BOOST_TEST(text_with("mllp").find("9 bytes, then the end of the frame\n") != std::string::npos);
    for (const char* frame : {"eof", "fixed:9", "idle:1s"})
        BOOST_TEST(text_with(frame).find("9 bytes, then the FIN\n") != std::string::npos, frame);
}

BOOST_AUTO_TEST_SUITE_END()
