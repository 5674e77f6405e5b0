// `finpost send --reply-format` reads what a gateway with the same form writes, and takes nothing
// else for a success.
#include "support/finpost_command.hpp"
#include "support/frame_reference.hpp"
#include "support/gateway_fixture.hpp"
#include "support/tcp_peer.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <utility>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

const std::string message = "MSH|^~\\&|LAB|WEST|EHR|MAIN|20261130||ORU^R01|42|P|2.5.1\rPID|1\r";
const std::string id = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

const std::vector<std::pair<reply_format, std::string>> each_form{
    {reply_format::status, "status"},
    {reply_format::json, "json"},
    {reply_format::ack_nak, "ack-nak"},
    {reply_format::hl7, "hl7"}};
const std::vector<std::string> each_frame{"eof", "mllp", "length:u32be", "netstring"};

scripted_upstream::script answer(int status, const std::string& body) {
    return scripted_upstream::raw("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: " +
                                  std::to_string(body.size()) + "\r\n\r\n" + body);
}

struct fixture : gateway_fixture {
    finished send(const std::string& form, std::vector<std::string> more = {},
                  const std::string& payload = message) const {
        std::vector<std::string> all{"send",    to_string(address()),   "--reply-format", form,
                                     "--frame", to_string(config.frame)};
        all.insert(all.end(), more.begin(), more.end());
        return run_finpost(std::move(all), payload);
    }
};

// One gateway for each form and each frame.
template <class Body>
void with_each(reply_format form, const std::string& frame, Body body) {
    fixture one;
    one.config.reply_format = form;
    one.config.frame = spec(frame);
    body(one);
    one.teardown();
}

template <class Body>
void with_all(Body body) {
    for (const auto& [form, word] : each_form)
        for (const std::string& frame : each_frame)
            with_each(form, frame, [&, &word = word](fixture& one) {
                BOOST_TEST_CONTEXT(word << ' ' << frame) body(one, word);
            });
}

// A peer that is no gateway: it reads everything, and says this.
finished told(const std::string& form, const std::string& reply) {
    tcp_peer peer([&](peer_connection& one) {
        one.read_to_end();
        one.send(reply);
    });
    const host_port at = peer.address();
    return run_finpost({"send", at.host + ':' + std::to_string(at.port), "--reply-format", form},
                       "hello");
}

} // namespace

BOOST_AUTO_TEST_SUITE(finpost_send_forms)

BOOST_AUTO_TEST_CASE(an_answer_is_exit_code_0_and_its_body_on_standard_output) {
    with_all([](fixture& one, const std::string& form) {
        one.upstream.by_default(answer(201, "line\n\"two\"\x01"));
        one.start();
        const finished got = one.send(form);
        BOOST_TEST(got.code == 0);
        BOOST_TEST(got.error == "");
        if (form == "ack-nak")
            BOOST_TEST(got.output == "");
        else if (form == "hl7")
            BOOST_TEST(holds(got.output, "\rMSA|AA|42\r"), got.output);
        else
            BOOST_TEST(got.output == "line\n\"two\"\x01");
    });
}

BOOST_AUTO_TEST_CASE(a_refusal_is_exit_code_5_and_its_reason_on_standard_error) {
    with_all([](fixture& one, const std::string& form) {
        one.upstream.by_default(answer(500, "no"));
        one.start();
        const finished got = one.send(form);
        BOOST_TEST(got.code == 5);
        BOOST_TEST(got.output == "");
        const std::string request = one.access_line().at("id");
        if (form == "ack-nak")
            BOOST_TEST(got.error == "finpost: refused: NAK\n");
        else if (form == "hl7")
            BOOST_TEST(got.error == "finpost: refused: AE: upstream_status " + request + '\n');
        else
            BOOST_TEST(got.error.starts_with("finpost: refused by the gateway: upstream_status ("),
                       got.error);
        if (form == "status" || form == "json")
            BOOST_TEST(holds(got.error, ", request " + request), got.error);
    });
}

BOOST_AUTO_TEST_CASE(a_refusal_that_comes_while_the_payload_is_sent_is_one) {
    with_all([](fixture& one, const std::string& form) {
        one.config.max_payload = 1'000;
        one.start();
        const finished got = one.send(form, {}, message + std::string(8'000'000, 'x'));
        BOOST_TEST(got.code == 5);
        BOOST_TEST(got.output == "");
        if (form != "ack-nak") BOOST_TEST(holds(got.error, "too_large"), got.error);
    });
}

BOOST_AUTO_TEST_CASE(a_failure_that_is_relayed_is_exit_code_5_with_its_body) {
    for (const auto& [form, word] : each_form)
        with_each(form, "mllp", [&, &word = word](fixture& one) {
            one.service.on_status = status_policy::relay;
            one.upstream.by_default(answer(404, "no such thing"));
            one.start();
            const finished got = one.send(word);
            BOOST_TEST(got.code == 5, word);
            const bool bodies = word == "status" || word == "json";
            BOOST_TEST(got.output == (bodies ? "no such thing" : ""), word);
            if (bodies)
                BOOST_TEST(got.error == "finpost: the service answered with status 404, request " +
                                            one.access_line().at("id") + '\n');
        });
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_of_the_services_own_is_read_as_well) {
    const std::string begin = "MSH|^~\\&|EHR|MAIN|LAB|WEST|||ACK|7|P|2.5.1\rMSA|";
    with_each(reply_format::hl7, "mllp", [&](fixture& one) {
        const std::string good = begin + "CA|42\r" + "NTE|" + std::string(200'000, 'x') + '\r';
        one.upstream.on(1, answer(200, good));
        one.upstream.on(2, answer(200, begin + "CR|42\rERR|||203||E|||unknown key\r"));
        one.start();
        const finished kept = one.send("hl7"), refused = one.send("hl7");
        BOOST_TEST(kept.code == 0);
        BOOST_TEST((kept.output == good));
        BOOST_TEST(kept.error == "finpost: the message is kept, and processed later (CA)\n");
        BOOST_TEST(refused.code == 5);
        BOOST_TEST(refused.output == "");
        BOOST_TEST(refused.error == "finpost: refused: CR: unknown key\n");
    });
}

BOOST_AUTO_TEST_CASE(a_gateway_with_another_form_is_never_a_success) {
    std::vector<std::pair<reply_format, std::string>> theirs = each_form;
    theirs.emplace_back(reply_format::body, "body");
    for (const auto& [form, word] : theirs)
        for (const char* frame : {"eof", "mllp"})
            with_each(form, frame, [&, &word = word](fixture& one) {
                for (const std::size_t n : {1u, 2u, 3u, 4u}) one.upstream.on(n, answer(200, "ok"));
                one.upstream.by_default(answer(500, ""));
                one.start();
                for (std::size_t i = 0; i < 8; ++i) { // four answers, four refusals
                    const std::string& expected = each_form.at(i % each_form.size()).second;
                    const finished got = one.send(expected);
                    if (expected == word) continue;
                    BOOST_TEST((got.code == 5 || got.code == 6), word << " as " << expected);
                    BOOST_TEST(got.output == "", word << " as " << expected);
                    if (got.code == 6)
                        BOOST_TEST(got.error.starts_with("finpost: the reply is not in the form " +
                                                         expected),
                                   got.error);
                }
                if (word == "body") BOOST_TEST(one.send("status").code == 5); // the plain line
            });
}

BOOST_AUTO_TEST_CASE(a_receipt_is_exit_code_0_and_said_on_standard_error) {
    const std::string said =
        "finpost: queued by the gateway, request " + id + ": the service gets it later\n";
    for (const auto& [form, reply] : std::vector<std::pair<std::string, std::string>>{
             {"body", "finpost: queued " + id + '\n'},
             {"status", "queued " + id + '\n'},
             {"json", R"({"id":")" + id + R"(","outcome":"queued"})" + '\n'}}) {
        const finished got = told(form, reply);
        BOOST_TEST(got.code == 0, form);
        BOOST_TEST(got.output == "", form);
        BOOST_TEST(got.error == said, form);
    }
}

BOOST_AUTO_TEST_CASE(a_refusal_counts_when_the_exchange_then_fails) {
    for (const auto& [form, reply] : std::vector<std::pair<std::string, std::string>>{
             {"status", "refused busy " + id + '\n'},
             {"json", R"({"id":")" + id + R"(","outcome":"refused","reason":"busy"})" + '\n'},
             {"ack-nak", "\x15"}}) {
        // No end follows it, and nobody reads on.
        tcp_peer peer([&, &reply = reply](peer_connection& one) {
            one.read_at_least(1);
            one.send(reply);
            one.stay_silent();
        });
        const host_port at = peer.address();
        const finished got = run_finpost({"send", at.host + ':' + std::to_string(at.port),
                                          "--reply-format", form, "--timeout", "2s"},
                                         some_bytes(20'000'000));
        BOOST_TEST(got.code == 5, form << ": " << got.error);
        BOOST_TEST(got.output == "", form);
    }
}

BOOST_AUTO_TEST_CASE(what_is_cut_or_comes_too_early_is_exit_code_6) {
    tcp_peer early([](peer_connection& one) {
        one.read_at_least(1);
        one.send("\x06");
        one.half_close();
        one.read_to_end();
    });
    const host_port at = early.address();
    const finished got =
        run_finpost({"send", at.host + ':' + std::to_string(at.port), "--reply-format", "ack-nak"},
                    some_bytes(20'000'000));
    BOOST_TEST(got.code == 6);
    BOOST_TEST(told("status", "200 " + id).code == 6);
    BOOST_TEST(told("json", R"({"id":")" + id + R"(","outcome":"replied","body":"x")").code == 6);
    BOOST_TEST(told("ack-nak", "").code == 6);
}

BOOST_AUTO_TEST_CASE(verbose_tells_what_the_form_says) {
    with_each(reply_format::status, "eof", [](fixture& one) {
        one.upstream.by_default(answer(204, ""));
        one.upstream.on(1, answer(202, "x"));
        one.start();
        const finished got = one.send("status", {"-v"});
        BOOST_TEST(holds(got.error, "\nreply: status=202 request=" + one.access_line().at("id")),
                   got.error);
        const finished empty = one.send("status", {"--expect-reply"});
        BOOST_TEST(empty.code == 6);
        BOOST_TEST(empty.error == "finpost: the reply is empty\n");
    });
    with_each(reply_format::ack_nak, "eof", [](fixture& one) {
        one.start();
        const finished got = one.send("ack-nak", {"-v", "--expect-reply"});
        BOOST_TEST(got.code == 0);
        BOOST_TEST(got.error.ends_with("\nreply: ack\n"), got.error);
    });
}

BOOST_AUTO_TEST_SUITE_END()
