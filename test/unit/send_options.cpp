#include "send_options.hpp"

#include "progress_bar.hpp"
#include "send.hpp"

#include "finpost/client.hpp"

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
    BOOST_TEST((line.send.total == 35s)); // longer than a gateway's own limit
    BOOST_TEST((client_options().total == 35s));
    BOOST_TEST(!line.send.expect_reply);
    BOOST_TEST(!line.send.encode);
    BOOST_TEST(!line.send.decode);
    BOOST_TEST(!line.send.verbose);
}

BOOST_AUTO_TEST_CASE(options_stand_anywhere) {
    const command_line line = read({"-v", "send", "--encode", "base64", "[::1]:5", "--timeout",
                                    "2m", "a file", "--decode=base64", "--connect-timeout=250ms"});
    BOOST_TEST(line.problems.empty());
    BOOST_TEST(line.send.target.host == "::1");
    BOOST_TEST(line.send.file == "a file");
    BOOST_TEST(line.send.verbose);
    BOOST_TEST(line.send.encode);
    BOOST_TEST(line.send.decode);
    BOOST_TEST((line.send.connect == 250ms));
    BOOST_TEST((line.send.total == 2min));
}

BOOST_AUTO_TEST_CASE(a_frame_is_read_and_is_for_send_alone) {
    BOOST_TEST((read({"send", "h:1"}).send.frame == frame_spec()));
    const command_line line = read({"send", "h:1", "--frame", "stx-etx,lrc"});
    BOOST_TEST(line.problems.empty());
    BOOST_TEST(to_string(line.send.frame) == "stx-etx,lrc");
    const command_line wrong = read({"send", "h:1", "--frame", "stx-etx,lcr"});
    BOOST_REQUIRE(wrong.problems.size() == 1u);
    BOOST_TEST(wrong.problems[0].starts_with("--frame: \"stx-etx,lcr\" is not a frame"));
    const command_line probe = read({"probe", "h:1", "--frame", "line"});
    BOOST_REQUIRE(probe.problems.size() == 1u);
    BOOST_TEST(probe.problems[0] == "--frame is for finpost send");
}

BOOST_AUTO_TEST_CASE(the_form_of_the_reply_is_read_and_is_for_send_alone) {
    BOOST_TEST((read({"send", "h:1"}).send.reply_format == form_kind::body));
    const command_line line = read({"send", "h:1", "--reply-format", "ack-nak"});
    BOOST_TEST(line.problems.empty());
    BOOST_TEST((line.send.reply_format == form_kind::ack_nak));
    const command_line wrong = read({"send", "h:1", "--reply-format", "ack"});
    BOOST_REQUIRE(wrong.problems.size() == 1u);
    BOOST_TEST(wrong.problems[0].starts_with("--reply-format: \"ack\": expected body, status"),
               wrong.problems[0]);
    const command_line probe = read({"probe", "h:1", "--reply-format", "json"});
    BOOST_REQUIRE(probe.problems.size() == 1u);
    BOOST_TEST(probe.problems[0] == "--reply-format is for finpost send");
    const command_line both = read({"send", "h:1", "--reply-format", "json", "--decode", "base64"});
    BOOST_REQUIRE(both.problems.size() == 1u);
    BOOST_TEST(both.problems[0].starts_with("--decode: "), both.problems[0]);
    BOOST_TEST(
        read({"send", "h:1", "--reply-format", "body", "--decode", "base64"}).problems.empty());
}

BOOST_AUTO_TEST_CASE(all_problems_are_named) {
    BOOST_TEST(read({}).problems.size() == 1u);
    BOOST_TEST(read({"fetch"}).problems.size() == 1u);
    BOOST_TEST(read({"send"}).problems.size() == 1u);
    BOOST_TEST(read({"send", "host"}).problems.size() == 1u);
    BOOST_TEST(read({"send", "host:0"}).problems.size() == 1u);
    BOOST_TEST(read({"send", "h:1", "--timeout"}).problems.size() == 1u);
    BOOST_TEST(read({"send", "h:1", "--timeout", "-3s"}).problems.size() == 1u);
    BOOST_TEST(
        read({"send", "h:1", "--timeout", "0s", "--encode", "x", "--bogus"}).problems.size() == 3u);
}

BOOST_AUTO_TEST_CASE(tls_and_the_proxy_header_are_off_unless_asked_for) {
    const command_line plain = read({"send", "h:1"});
    BOOST_TEST(!plain.send.with_tls);
    BOOST_TEST(!plain.send.proxy);
    const command_line line =
        read({"send", "h:1", "--tls", "--ca", "a", "--cert", "b", "--key", "c", "--server-name",
              "d", "--proxy-protocol", "v2", "--proxy-source", "192.0.2.1:5", "--proxy-destination",
              "[::1]:6"});
    BOOST_TEST(line.problems.empty());
    BOOST_TEST(line.send.with_tls);
    BOOST_TEST(line.send.tls.ca + line.send.tls.cert + line.send.tls.key +
                   line.send.tls.server_name ==
               "abcd");
    BOOST_REQUIRE(line.send.proxy);
    BOOST_TEST((line.send.proxy->version == proxy_version::v2));
    BOOST_TEST(to_string(*line.send.proxy->source) == "192.0.2.1:5");
    BOOST_TEST(to_string(*line.send.proxy->destination) == "[::1]:6");
}

BOOST_AUTO_TEST_CASE(half_of_an_option_is_never_ignored) {
    // To send in the clear because --tls was forgotten would be the worst that can happen.
    for (const char* flag : {"--ca", "--cert", "--key", "--server-name"}) {
        const command_line line = read({"send", "h:1", flag, "x"});
        BOOST_REQUIRE(line.problems.size() == 1u);
        BOOST_TEST(line.problems[0] == std::string(flag) + " needs --tls");
    }
    BOOST_TEST(read({"send", "h:1", "--proxy-source", "192.0.2.1:5"}).problems.size() == 1u);
    BOOST_TEST(read({"send", "h:1", "--proxy-protocol", "3"}).problems.size() == 1u);
    BOOST_TEST(
        read({"send", "h:1", "--proxy-protocol", "v1", "--proxy-source", "h:5"}).problems.size() ==
        1u);
    BOOST_TEST(read({"send", "h:1", "--payload", "x"}).problems.size() == 1u);
    BOOST_TEST(read({"probe", "h:1", "--encode", "base64"}).problems.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_probe_has_less_patience_than_a_gateway) {
    const command_line line = read({"probe", "h:1", "--payload", "ping"});
    BOOST_TEST(line.problems.empty());
    BOOST_TEST((line.what == command_line::action::probe));
    BOOST_TEST((line.probe.total == 5s));
    BOOST_TEST(line.probe.payload == "ping");
    BOOST_TEST((read({"probe", "h:1", "--timeout", "9s"}).probe.total == 9s));
    BOOST_TEST(read({"probe", "h:1", "file"}).problems.size() == 1u);
}

BOOST_AUTO_TEST_CASE(exit_codes_tell_what_a_script_needs_to_know) {
    exchange_result result;
    const error_code timed_out = boost::asio::error::timed_out;
    const error_code reset = boost::asio::error::connection_reset;
    BOOST_TEST(exit_code({}, result) == 0);
    for (const auto stage :
         {exchange_stage::resolve, exchange_stage::connect, exchange_stage::handshake}) {
        result.stage = stage;
        BOOST_TEST(exit_code(timed_out, result) == 3);
        BOOST_TEST(exit_code(reset, result) == 3);
    }
    for (const auto stage : {exchange_stage::send, exchange_stage::wait, exchange_stage::receive}) {
        result.stage = stage;
        BOOST_TEST(exit_code(timed_out, result) == 4);
        BOOST_TEST(exit_code(reset, result) == 6);
    }
    // A certificate that is rejected late: nothing of the payload was taken.
    BOOST_TEST(exit_code(reason::tls_handshake, result) == 3);
    BOOST_TEST(exit_code(reason::tls_truncated, result) == 6);
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

BOOST_AUTO_TEST_CASE(two_dashes_end_the_options) {
    const command_line line = read({"send", "-v", "h:1", "--", "-x"});
    BOOST_TEST(line.problems.empty());
    BOOST_TEST(line.send.verbose);
    BOOST_TEST(line.send.file == "-x");
    BOOST_TEST(read({"send", "--", "h:1", "--"}).send.file == "--");
    BOOST_TEST(read({"send", "h:1", "--", "-x", "-y"}).problems.size() == 1u);
    BOOST_TEST(read({"send", "h:1", "-x"}).problems.size() == 1u);
}

BOOST_AUTO_TEST_CASE(who_mistypes_is_told_what_was_meant) {
    const auto told = [](std::vector<const char*> words) {
        return read(std::move(words)).problems.at(0);
    };
    BOOST_TEST(told({"sed", "h:1"}) == "unknown command \"sed\": did you mean send?");
    BOOST_TEST(told({"send", "h:1", "--encod=base64"}) ==
               "unknown option \"--encod=base64\": did you mean --encode?");
    BOOST_TEST(told({"send", "h:1", "--encode", "base46"}).ends_with("did you mean base64?"));
    BOOST_TEST(told({"send", "http://h:1/"}).find("is a URL") != std::string::npos);
    BOOST_TEST(told({"send", "127.000.000.010:1"}).find("did you mean 127.0.0.10?") !=
               std::string::npos);
    BOOST_TEST(told({"probe", "h:1", "--expect-reply"}) == "--expect-reply is for finpost send");
}

BOOST_AUTO_TEST_SUITE_END()
