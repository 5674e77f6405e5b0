// The forms in which clients are told: a status line, JSON, one byte, HL7, and templates.
#include "support/frame_reference.hpp"
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using ending = raw_client::ending;

namespace {

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

scripted_upstream::script answer(int status, const std::string& body) {
    return scripted_upstream::raw("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " +
                                  std::to_string(body.size()) + "\r\n\r\n" + body);
}

struct fixture : gateway_fixture {
    // An analyser: one message over the connection, and its acknowledgement without the frame.
    std::string send_message(raw_client& client, std::string_view message) const {
        client.send(frame_naively(config.frame, message));
        std::string got;
        while (!got.ends_with("\x1c\r")) {
            const std::string more = client.read_at_least(1);
            if (more.empty()) return "ended after " + got;
            got += more;
        }
        const frames_read read = read_naively(config.frame, got, 1 << 20, false);
        return read.payloads.size() == 1 ? read.payloads.front() : describe(read);
    }
    void begin_hl7() {
        config.frame = spec("mllp");
        config.reply_format = reply_format::hl7;
        start();
    }
};

const std::string message = "MSH|^~\\&|LAB|WEST|EHR|MAIN|20261130||ORU^R01|42|P|2.3.1\rPID|1\r";

} // namespace

BOOST_FIXTURE_TEST_SUITE(reply_forms, fixture)

BOOST_AUTO_TEST_CASE(an_answer_is_aa_and_a_failure_is_ae_over_one_connection) {
    upstream.on(1, answer(200, "stored"));
    upstream.on(2, answer(500, "no"));
    upstream.on(3, answer(200, ""));
    begin_hl7();
    raw_client client = connect();
    const std::string taken = send_message(client, message);
    BOOST_TEST(taken.starts_with("MSH|^~\\&|EHR|MAIN|LAB|WEST|"), taken);
    BOOST_TEST(has(taken, "|ACK^R01^ACK|"), taken);
    BOOST_TEST(has(taken, "\rMSA|AA|42\r"), taken);
    const std::string failed = send_message(client, message);
    BOOST_TEST(has(failed, "\rMSA|AE|42|upstream_status "), failed);
    BOOST_TEST(has(send_message(client, message), "\rMSA|AA|42\r"));
    BOOST_TEST(upstream.requests().at(0).body == message);
    BOOST_TEST((client.half_close().read_to_end().how == ending::fin));
}

BOOST_AUTO_TEST_CASE(what_has_no_header_is_ar_and_goes_nowhere) {
    begin_hl7();
    raw_client client = connect();
    BOOST_TEST(has(send_message(client, "PID|1"), "\rMSA|AR|"));
    client.send("junk");
    const auto got = client.read_to_end();
    BOOST_TEST(has(got.bytes, "\rMSA|AR|"), got.bytes);
    BOOST_TEST(upstream.count() == 0u);
    BOOST_TEST(refused(reason::bad_encoding) == 1u);
    BOOST_TEST(refused(reason::bad_frame) == 1u);
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_of_the_services_own_is_relayed_when_it_is_of_this_message) {
    const std::string own = "MSH|^~\\&|EHR|MAIN|LAB|WEST|||ACK|7|P|2.3.1\rMSA|AE|42|later\r";
    const std::string other = "MSH|^~\\&|EHR|MAIN|LAB|WEST|||ACK|7|P|2.3.1\rMSA|AA|41\r";
    upstream.on(1, answer(200, own));
    upstream.on(2, answer(200, other));
    begin_hl7();
    raw_client client = connect();
    BOOST_TEST(send_message(client, message) == own);
    BOOST_TEST(has(send_message(client, message), "\rMSA|AE|42|upstream_invalid "));
}

BOOST_AUTO_TEST_CASE(a_failure_that_is_relayed_is_no_aa) {
    service.on_status = status_policy::relay;
    upstream.on(1, answer(500, "database down"));
    upstream.on(2, answer(200, "\x0bMSH|^~\\&|EHR\rMSA|AE|42\r\x1c\r")); // in a frame of its own
    begin_hl7();
    raw_client client = connect();
    BOOST_TEST(has(send_message(client, message), "\rMSA|AE|42|upstream_status "));
    BOOST_TEST(has(send_message(client, message), "\rMSA|AE|42|upstream_invalid "));
}

BOOST_AUTO_TEST_CASE(a_message_that_is_too_large_is_told_by_its_own_id) {
    config.max_payload = 100;
    begin_hl7();
    raw_client client = connect();
    client.send(frame_naively(config.frame, message + std::string(1'000, 'x')));
    const auto got = client.read_to_end();
    BOOST_TEST(has(got.bytes, "\rMSA|AR|42|too_large "), got.bytes);
    BOOST_TEST(has(got.bytes, "|EHR|MAIN|LAB|WEST|"), got.bytes);
}

BOOST_AUTO_TEST_CASE(no_word_on_the_last_exchange_is_a_reset) {
    config.max_exchanges = 1;
    config.lingering_close = 200ms;
    upstream.by_default(answer(500, ""));
    begin_hl7();
    raw_client client = connect();
    client.send(frame_naively(config.frame, "MSH|^~\\&|LAB|||||||43|P|2.3.1|||NE|NE\r"));
    const auto got = client.read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == ending::reset));
}

BOOST_AUTO_TEST_CASE(who_wants_no_word_of_a_failure_gets_none_and_goes_on) {
    upstream.on(1, answer(500, ""));
    upstream.on(2, answer(200, ""));
    begin_hl7();
    raw_client client = connect();
    const std::string quiet = "MSH|^~\\&|LAB|||||||43|P|2.3.1|||NE|NE\r";
    client.send(frame_naively(config.frame, quiet));
    BOOST_TEST(has(send_message(client, message), "\rMSA|AA|42\r"));
    BOOST_TEST(refused(reason::upstream_status) == 1u);
}

BOOST_AUTO_TEST_CASE(a_byte_says_it_behind_a_half_close) {
    config.reply_format = reply_format::ack_nak;
    upstream.on(1, answer(200, "ignored"));
    upstream.on(2, answer(503, "ignored"));
    start();
    BOOST_TEST(exchange("one").bytes == "\x06");
    const auto got = exchange("two");
    BOOST_TEST(got.bytes == "\x15");
    BOOST_TEST((got.how == ending::fin));
}

BOOST_AUTO_TEST_CASE(a_first_line_says_it) {
    config.reply_format = reply_format::status;
    upstream.on(1, answer(201, "body"));
    upstream.on(2, answer(500, ""));
    start();
    const std::string taken = exchange("one").bytes, refused = exchange("two").bytes;
    BOOST_TEST(taken == "201 " + access_line(1).at("id") + "\nbody");
    BOOST_TEST(refused == "refused upstream_status " + access_line(2).at("id") + '\n');
}

BOOST_AUTO_TEST_CASE(json_is_one_line) {
    config.reply_format = reply_format::json;
    config.frame = spec("line");
    upstream.on(1, answer(200, "a \"b\"\n"));
    upstream.on(2, answer(500, ""));
    start();
    const auto got = exchange("one\ntwo\n");
    const std::string first =
        "{\"id\":\"" + access_line(1).at("id") +
        "\",\"outcome\":\"replied\",\"status\":200,\"body\":\"a \\\"b\\\"\\n\"}\n";
    BOOST_TEST(got.bytes.substr(0, first.size()) == first);
    const std::string second = got.bytes.substr(std::min(first.size(), got.bytes.size()));
    BOOST_TEST(has(second, "\"outcome\":\"refused\""), second);
    BOOST_TEST(has(second, "\"reason\":\"upstream_status\""), second);
    BOOST_TEST(second.ends_with("}\n"));
}

BOOST_AUTO_TEST_CASE(templates_are_a_form_of_ones_own) {
    config.reply_template = "OK {status} {payload.bytes} [{body}]\\r\\n";
    config.refusal_template = "ERR {reason}\\x0d\\n";
    upstream.on(1, answer(200, "x"));
    upstream.on(2, answer(500, ""));
    start();
    BOOST_TEST(exchange("one").bytes == "OK 200 3 [x]\r\n");
    BOOST_TEST(exchange("two").bytes == "ERR upstream_status\r\n");
}

BOOST_AUTO_TEST_CASE(a_body_too_large_for_json_is_refused) {
    config.reply_format = reply_format::json;
    upstream.on(1, answer(200, std::string((1 << 20) + 1, 'x')));
    upstream.on(2, answer(200, std::string(1 << 20, 'x')));
    start();
    const std::string refused = exchange("one").bytes, taken = exchange("two").bytes;
    BOOST_TEST(has(refused, "reply_too_large"), refused);
    BOOST_TEST(taken.size() > std::size_t{1 << 20});
}

BOOST_AUTO_TEST_CASE(a_reply_in_a_file_has_its_form) {
    config.reply_template = "<{body}>";
    config.spill_above = 10'000;
    start();
    const std::string large(300'000, 'x');
    BOOST_TEST((exchange(large).bytes == '<' + large + '>'));
}

BOOST_AUTO_TEST_CASE(who_is_refused_before_there_is_a_session_reads_the_form_as_well) {
    config.reply_format = reply_format::status;
    config.max_per_source = 1;
    start();
    raw_client first = connect();
    first.send("x");
    BOOST_TEST(wait_for_bytes_in(1));
    const auto got = exchange("two");
    BOOST_TEST(got.bytes.starts_with("refused busy "), got.bytes);
}

BOOST_AUTO_TEST_CASE(what_does_not_go_together_is_a_problem) {
    const auto problem_of = [](const gateway_config& wrong) {
        const auto all = validate(wrong);
        return all.size() == 1 ? all.front().field + ": " + all.front().message
                               : std::to_string(all.size()) + " problems";
    };
    gateway_config usual;
    usual.listen = {parse_socket_address("127.0.0.1:0").value()};
    gateway_config one = usual;
    one.reply_template = "{bodi}";
    BOOST_TEST(has(problem_of(one), "reply_template: "));
    BOOST_TEST(has(problem_of(one), "\"bodi\""));
    one = usual;
    one.frame = spec("line");
    one.reply_template = "{body}";
    BOOST_TEST(has(problem_of(one), "may give no byte"));
    one.reply_template = "a\\n{body}";
    BOOST_TEST(has(problem_of(one), "reply_template: gives a text that the frame"));
    one.reply_template.clear();
    one.reply_format = reply_format::status;
    BOOST_TEST(has(problem_of(one), "reply_format: gives a text that the frame"));
    one = usual;
    one.reply_format = reply_format::json;
    one.encode = codec::base64;
    BOOST_TEST(has(problem_of(one), "encode: "));
    one = usual;
    one.reply_format = reply_format::hl7;
    one.stream_above = 1;
    BOOST_TEST(has(problem_of(one), "stream_above: "));
    one = usual;
    one.frame = spec("idle:200ms");
    one.stream_above = 1;
    BOOST_TEST(has(problem_of(one), "stream_above: "));
}

BOOST_AUTO_TEST_SUITE_END()
