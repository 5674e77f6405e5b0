// What an upstream may say that must not be relayed, one case a row of the fault matrix.
#include "faults/upstream_fixture.hpp"

#include <atomic>
#include <future>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using conversation = scripted_upstream::conversation;

namespace {

const std::string ok = "HTTP/1.1 200 OK\r\n";
const std::string chunked = ok + "Transfer-Encoding: chunked\r\n\r\n";

struct answers_fixture : upstream_fixture {
    // Each of the answers meets one client and is refused.
    void expect_all_refused(const std::vector<std::string>& answers, reason why) {
        std::atomic<std::size_t> at{0};
        fault([&](conversation& talk) { talk.send(answers.at(at)); });
        start();
        for (; at < answers.size(); ++at) {
            BOOST_TEST_CONTEXT(answers[at].substr(0, 120)) {
                expect_refusal(meet_fault(), why);
                expect_sent_once(at + 1);
                expect_connection_given_up();
                expect_cause_told(at + 1, why);
            }
        }
        BOOST_TEST(refused(why) == answers.size());
    }

    // The n-th refusal has a line in the log that says what is wrong, and where.
    void expect_cause_told(std::size_t n, reason why) {
        BOOST_REQUIRE(log.wait_for("upstream response refused", n));
        const auto line = log.of("upstream response refused").at(n - 1);
        BOOST_TEST(line.at("reason") == to_string(why));
        BOOST_TEST(line.at("endpoint") == to_string(upstream.address()));
        BOOST_TEST(line.at("what") != "");
        BOOST_TEST(line.number("offset") >= 0);
        BOOST_TEST(line.at("id").size() == 36u);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(upstream_answers, answers_fixture)

BOOST_AUTO_TEST_CASE(U5_a_response_that_is_cut_is_never_relayed) {
    const std::vector<std::string> cuts{
        ok + "Content-Length: 10\r\n\r\nhalf", chunked + "5\r\nhal", chunked + "4\r\nhalf\r\n",
        chunked + "4\r\nhalf\r\n0\r\n",        ok + "Content-Le",
    };
    std::atomic<std::size_t> at{0};
    std::atomic<bool> by_reset{false};
    fault([&](conversation& talk) {
        talk.send(cuts.at(at));
        if (by_reset) talk.reset();
        talk.finish();
    });
    start();
    for (; at < cuts.size(); ++at) {
        for (const bool reset : {false, true}) {
            by_reset = reset;
            BOOST_TEST_CONTEXT(cuts[at] << (reset ? " RST" : " FIN")) {
                expect_refusal(meet_fault(), reason::upstream_incomplete);
            }
        }
    }
    expect_sent_once(2 * cuts.size()); // each once
}

BOOST_AUTO_TEST_CASE(U6_a_response_up_to_the_end_is_whole_only_after_a_fin) {
    std::atomic<bool> by_reset{false};
    fault([&](conversation& talk) {
        talk.send(ok + "\r\nold style");
        if (by_reset) talk.reset();
        talk.finish();
    });
    start();
    BOOST_TEST(meet_fault().bytes == "old style");
    expect_connection_given_up();
    by_reset = true;
    expect_refusal(meet_fault(), reason::upstream_incomplete);
}

BOOST_AUTO_TEST_CASE(U7_malformed_heads_are_refused) {
    const std::string end = "Content-Length: 5\r\n\r\nhello";
    expect_all_refused(
        {
            "HTTP/2.0 200 OK\r\n" + end,
            "HTTP/1.2 200 OK\r\n" + end,
            "http/1.1 200 OK\r\n" + end,
            "HTTP/1.1  200 OK\r\n" + end,
            "HTTP/1.1 20 OK\r\n" + end,
            "HTTP/1.1 099 Low\r\n" + end,
            "HTTP/1.1 600 High\r\n" + end,
            "HTTP/1.1 999 High\r\n" + end,
            ok + "X: folded\r\n value\r\n" + end,
            ok + "X : space\r\n" + end,
            ok + "X: bare\rreturn\r\n" + end,
            ok + std::string("X: n\0l\r\n", 8) + end,
            ok + "no colon\r\n" + end,
            ok + ": no name\r\n" + end,
            "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        },
        reason::upstream_invalid);
}

// They greet, or send one wrong line, and wait: no time limit has to pass.
BOOST_AUTO_TEST_CASE(U7_a_service_that_is_no_http_is_known_by_its_first_bytes) {
    using namespace std::string_literals;
    expect_all_refused(
        {
            "SSH-2.0-OpenSSH_9.2p1\r\n"s,
            "220 mail.example ESMTP ready\r\n"s,
            "J\0\0\0\x0a"
            "8.0.36\0"s,
            "\x15\x03\x01\0\x02\x02\x46"s,
            "\0\0\x12\x04\0\0\0\0\0"s,
            "hello there\n"s,
            "HTTP/1.1 two hundred\r\n"s,
            ok + "X: fine\r\nX : not\r\n",
            chunked + "5\r\nhello\r\nzz",
        },
        reason::upstream_invalid);
    for (const auto& line : log.of("exchange"))
        BOOST_TEST(line.number("upstream_ms") < 5'000); // of 30 s
}

BOOST_AUTO_TEST_CASE(U7_http_0_9_is_no_response_whose_end_is_missing) {
    fault(scripted_upstream::raw_then_fin("hello there\n"));
    start();
    expect_fault_refused(reason::upstream_invalid);
}

// Scripts behind small servers end their lines like this (RFC 9112 §2.2); the connection is not
// used again.
BOOST_AUTO_TEST_CASE(U7_a_bare_line_feed_in_a_head_is_taken) {
    const std::vector<std::string> answers{
        "HTTP/1.1 200 OK\r\nContent-type: text/plain\n\n5\n",
        "HTTP/1.0 200 Script output follows\r\nServer: SimpleHTTP/0.6\r\nContent-Type: "
        "text/plain\n\n5\n",
        "HTTP/1.1 200 OK\nContent-Length: 2\n\n5\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\n\r\n5\n",
    };
    std::atomic<std::size_t> at{0};
    fault([&](conversation& talk) {
        talk.send(answers.at(at));
        if (at < 2) talk.finish(); // without a length the end is the end
    });
    start();
    for (; at < answers.size(); ++at) {
        BOOST_TEST_CONTEXT(answers[at]) {
            BOOST_TEST(meet_fault().bytes == "5\n");
            expect_sent_once(at + 1);
            expect_connection_given_up();
        }
    }
}

BOOST_AUTO_TEST_CASE(U8_two_ideas_of_the_length_are_refused) {
    expect_all_refused(
        {
            ok + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ok + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            ok + "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
            ok + "Transfer-Encoding: gzip\r\n\r\nhello",
            ok + "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
            ok + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            ok + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ok + "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            ok + "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello",
            ok + "Content-Length: 5, 5\r\n\r\nhello",
            ok + "Content-Length: +5\r\n\r\nhello",
            ok + "Content-Length: -5\r\n\r\nhello",
            ok + "Content-Length: 0x5\r\n\r\nhello",
            ok + "Content-Length: \r\n\r\nhello",
            ok + "Content-Length: 99999999999999999999\r\n\r\nhello",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        },
        reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(U9_a_head_has_a_limit) {
    std::string many;
    for (int i = 0; i < 5000; ++i) many += "X-" + std::to_string(i) + ": value\r\n";
    expect_all_refused({ok + "X: " + std::string(70'000, 'x') + "\r\n\r\n", ok + many + "\r\n",
                        ok + std::string(20'000, 'x')},
                       reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(U10_a_body_has_a_limit) {
    service.max_reply = 1000;
    expect_all_refused({ok + "Content-Length: 1001\r\n\r\n",
                        ok + "Content-Length: 99999999999\r\n\r\n",
                        chunked + "3e9\r\n" + std::string(1001, 'x') + "\r\n0\r\n\r\n",
                        chunked + "ffffffff\r\n", ok + "\r\n" + std::string(1001, 'x')},
                       reason::reply_too_large);
}

BOOST_AUTO_TEST_CASE(U11_chunk_garbage_is_refused) {
    std::string trailers;
    for (int i = 0; i < 20'000; ++i) trailers += "X-" + std::to_string(i) + ": value\r\n";
    expect_all_refused(
        {
            chunked + "no number\r\n",
            chunked + "0x5\r\nhello\r\n0\r\n\r\n",
            chunked + "-5\r\nhello\r\n0\r\n\r\n",
            chunked + "11111111111111111\r\n",
            chunked + "5\r\nhelloX\r\n0\r\n\r\n",
            chunked + "5\nhello\r\n0\r\n\r\n",
            chunked + "5\r\nhello0\r\n\r\n",
            chunked + "5;" + std::string(1 << 20, 'x') + "\r\nhello\r\n0\r\n\r\n",
            chunked + "5\r\nhello\r\n0\r\n" + trailers + "\r\n",
            chunked + "5\r\nhello\r\n0\r\nno trailer\r\n\r\n",
            chunked + "5\r\nhello\r\n0\r\na b: c\r\n\r\n",
            chunked + "5\r\nhello\r\n0\r\na: b\r\n c: d\r\n\r\n",
            chunked + "5\r\nhello\r\n0\r\na: \x7f\r\n\r\n",
            chunked + "5;a\x7f\r\nhello\r\n0\r\n\r\n",
            chunked + std::string(200, '0') + "5\r\nhello\r\n0\r\n\r\n",
        },
        reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(U11_what_is_taken_in_a_short_reply_is_taken_in_a_long_one) {
    std::string padded = chunked, body;
    for (int i = 0; i < 5'000; ++i) {
        padded += "64    \r\n" + some_bytes(100) + "\r\n";
        body += some_bytes(100);
    }
    fault(padded + "0     \r\n\r\n");
    start();
    BOOST_TEST((meet_fault().bytes == body));
}

BOOST_AUTO_TEST_CASE(U12_fields_in_a_trailer_change_nothing) {
    fault(chunked + "5\r\nhello\r\n0\r\nConnection: close\r\nContent-Length: 9\r\n"
                    "Transfer-Encoding: gzip\r\n\r\n");
    start();
    for (int i = 0; i < 3; ++i) BOOST_TEST(exchange("fault").bytes == "hello");
    expect_served();
    BOOST_TEST(upstream.connections() == 1u); // it was kept
}

BOOST_AUTO_TEST_CASE(U13_interim_responses_are_passed_over_and_bounded) {
    const std::string hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    std::string hints, many;
    for (int i = 0; i < 1'000; ++i) hints += hint;
    many = hints + hints; // more than 64 KiB
    std::atomic<std::size_t> at{0};
    const std::vector<std::string> answers{
        "HTTP/1.1 100 Continue\r\n\r\n" + response(200, "final"),
        hints + response(200, "final"),
        many + response(200, "final"),
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n" + response(200, "smuggled"),
    };
    fault([&](conversation& talk) { talk.send(answers.at(at)); });
    start();
    for (; at < 2; ++at) BOOST_TEST(meet_fault().bytes == "final");
    for (; at < answers.size(); ++at) {
        expect_refusal(meet_fault(), reason::upstream_invalid);
        expect_connection_given_up();
    }
    for (const auto& seen : upstream.requests()) BOOST_TEST(seen.count("Expect") == 0u);
}

BOOST_AUTO_TEST_CASE(U14_a_status_without_a_body_has_none) {
    std::atomic<std::size_t> at{0};
    const std::vector<std::string> answers{
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        // Their bodies come later, or never: either way they are nobody's answer.
        "HTTP/1.1 204 No Content\r\nContent-Length: 41\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    };
    fault([&](conversation& talk) { talk.send(answers.at(at)); });
    start();
    for (; at < 4; ++at) {
        const auto got = meet_fault();
        BOOST_TEST(got.bytes == "");
        BOOST_TEST((got.how == raw_client::ending::fin));
        expect_connection_given_up(); // the stray bytes are no answer to anybody
    }
    expect_refusal(meet_fault(), reason::upstream_status);
    expect_connection_given_up();
}

BOOST_AUTO_TEST_CASE(U15_a_second_answer_is_never_matched_to_the_next_request) {
    fault(response(200, "mine") + response(200, "smuggled"));
    start();
    BOOST_TEST(meet_fault().bytes == "mine");
    expect_connection_given_up();
    // The same, when it comes while the connection is kept.
    std::promise<void> sent;
    fault([&](conversation& talk) {
        talk.send(response(200, "mine"));
        talk.wait_for_gate();
        talk.send(response(200, "smuggled")); // on loopback it has arrived when this returns
        sent.set_value();
    });
    BOOST_TEST(exchange("fault").bytes == "mine");
    upstream.open_gate();
    auto arrived = sent.get_future();
    BOOST_REQUIRE(completes(arrived));
    expect_connection_given_up();
}

// A length that was counted in characters: the reply is cut, and nobody but the log can tell.
BOOST_AUTO_TEST_CASE(U15_bytes_behind_a_response_are_told_once_a_minute) {
    fault("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n\xc3\xa4\xc3\xb6\xc3\xbc");
    start();
    for (int i = 0; i < 3; ++i) BOOST_TEST(meet_fault().bytes == "\xc3\xa4\xc3\xb6\xc3");
    BOOST_TEST(log.count("upstream bytes behind response") == 1u);
    const auto line = log.of("upstream bytes behind response").front();
    BOOST_TEST((line.level == log_level::warning));
    BOOST_TEST(line.at("endpoint") == to_string(upstream.address()));
}

BOOST_AUTO_TEST_CASE(U15_bytes_that_come_behind_a_large_response_are_told_as_well) {
    for (const bool closes : {false, true}) {
        gateway_fixture one;
        const std::string head = closes ? "Connection: close\r\n" : "";
        one.upstream.on(1, [&](conversation& talk) {
            talk.read_body();
            talk.send(response(200, std::string(100'000, 'x'), head) + "yz");
            talk.wait_for_gate();
        });
        one.start();
        BOOST_TEST(one.exchange("large").bytes.size() == 100'000u);
        one.upstream.open_gate();
        BOOST_TEST(one.exchange("next").bytes == "next");
        BOOST_TEST(one.log.count("upstream bytes behind response") == 1u);
        one.teardown();
    }
}

BOOST_AUTO_TEST_CASE(U15_no_line_is_written_about_a_response_that_ends_where_it_says) {
    fault(chunked + "5\r\nhello\r\n0\r\n\r\n");
    start();
    for (int i = 0; i < 3; ++i) BOOST_TEST(meet_fault().bytes == "hello");
    upstream.by_default(scripted_upstream::close_delimited_echo());
    BOOST_TEST(exchange("fine").bytes == "fine");
    BOOST_TEST(log.count("upstream bytes behind response") == 0u);
    BOOST_TEST(log.count("upstream response refused") == 0u);
}

BOOST_AUTO_TEST_CASE(U16_redirects_are_not_followed) {
    scripted_upstream elsewhere;
    std::atomic<int> status{0};
    fault([&](conversation& talk) {
        talk.send(response(status, "moved", "Location: " + to_string(elsewhere.url()) + "\r\n"));
    });
    start();
    for (const int one : {301, 302, 303, 307, 308}) {
        status = one;
        expect_refusal(meet_fault(), reason::upstream_status);
    }
    expect_sent_once(5);
    BOOST_TEST(elsewhere.connections() == 0u);
}

BOOST_AUTO_TEST_CASE(U21_an_error_status_is_refused_or_relayed_and_never_asked_again) {
    std::atomic<int> status{0};
    fault([&](conversation& talk) { talk.send(response(status, "later", "Retry-After: 1\r\n")); });
    start();
    for (const int one : {429, 500, 502, 503, 504}) {
        status = one;
        expect_refusal(meet_fault(), reason::upstream_status);
        BOOST_TEST(log.of("exchange").back().at("upstream") == to_string(upstream.address()));
    }
    expect_sent_once(5);
    // A status is an answer: it makes nobody avoid the endpoint.
    for (int i = 0; i < 10; ++i) BOOST_TEST(refusal_reason(exchange("fault").bytes) != "");
    BOOST_TEST(forwarder().endpoints().front().up);
    BOOST_TEST(counters.upstream_ejections.value() == 0u);
}

BOOST_AUTO_TEST_CASE(U21_an_error_status_is_relayed_where_that_is_wanted) {
    service.on_status = status_policy::relay;
    fault(response(503, "later", "Retry-After: 1\r\n"));
    start();
    BOOST_TEST(meet_fault().bytes == "later");
    expect_sent_once();
}

// ASP.NET Core, Tornado and Java's HttpServer answer errors without a body: that is no empty
// success.
BOOST_AUTO_TEST_CASE(U21_an_error_status_without_a_body_is_refused_even_where_they_are_relayed) {
    service.on_status = status_policy::relay;
    std::atomic<std::size_t> at{0};
    const std::vector<std::string> answers{
        "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 500 Error\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 301 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
    };
    fault([&](conversation& talk) {
        talk.send(answers.at(at));
        if (at == 2) talk.finish();
    });
    start();
    for (; at < 5; ++at) {
        expect_refusal(meet_fault(), reason::upstream_status);
        BOOST_TEST(log.of("exchange").size() > 0u);
    }
    for (; at < answers.size(); ++at) { // an empty success is one
        const auto got = meet_fault();
        BOOST_TEST(got.bytes == "");
        BOOST_TEST((got.how == raw_client::ending::fin));
    }
}

BOOST_AUTO_TEST_CASE(a_coding_that_was_not_asked_for_is_not_handed_to_a_device) {
    const std::string coded = "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b";
    fault(ok + coded);
    start();
    expect_fault_refused(reason::upstream_invalid);
    BOOST_TEST(upstream.requests().front().field("Accept-Encoding") == "identity");
    BOOST_TEST(log.of("upstream response refused").at(0).at("what") ==
               "a Content-Encoding that was not asked for");
}

BOOST_AUTO_TEST_CASE(a_coding_that_a_header_of_the_users_asks_for_is_handed_on) {
    service.headers = {{"accept-encoding", "gzip"}};
    fault(ok + "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n\x1f\x8b");
    start();
    BOOST_TEST(meet_fault().bytes == "\x1f\x8b");
    BOOST_TEST(upstream.requests().front().field("Accept-Encoding") == "gzip");
    BOOST_TEST(upstream.requests().front().count("Accept-Encoding") == 1u);
}

BOOST_AUTO_TEST_CASE(U22_an_early_refusal_is_read_though_the_request_cannot_be_sent) {
    for (const bool by_reset : {false, true}) {
        gateway_fixture one;
        one.service.on_status = status_policy::relay;
        one.upstream.on(1, [by_reset](conversation& talk) {
            talk.send(response(413, "too much for me", "Connection: close\r\n"));
            if (by_reset) talk.reset(); // the answer may be lost on the way
            talk.finish();              // reads on until the gateway closes
        });
        one.start();
        const auto got = one.exchange(some_bytes(8'000'000));
        if (by_reset && got.bytes != "too much for me")
            one.expect_refusal(got, reason::upstream_incomplete);
        else
            BOOST_TEST(got.bytes == "too much for me");
        BOOST_TEST(one.exchange("fine").bytes == "fine");
        BOOST_TEST(one.upstream.count() == 2u);
        BOOST_TEST(one.counters.upstream_retries.value() == 0u);
        one.teardown();
    }
}

// The failed send has taken the reset from the socket: what follows is a 0, and no end of a body.
BOOST_AUTO_TEST_CASE(U22_an_early_refusal_without_a_length_is_not_whole_when_the_request_was_cut) {
    service.on_status = status_policy::relay;
    const auto begin = [](conversation& talk) {
        talk.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n" +
                  std::string(480, 'x'));
    };
    upstream.on(1, [begin](conversation& talk) {
        begin(talk);
        talk.reset();
    });
    upstream.on(2, [begin](conversation& talk) {
        begin(talk);
        talk.wait_for_gate(); // the rest is never read, and never sent
        talk.reset();
    });
    start();
    expect_refusal(exchange(some_bytes(12'000'000)), reason::upstream_incomplete);
    auto second =
        std::async(std::launch::async, [this] { return exchange(some_bytes(12'000'000)); });
    BOOST_TEST(upstream.wait_for_heads(2));
    upstream.open_gate();
    expect_refusal(second.get(), reason::upstream_incomplete);
    BOOST_TEST(exchange("fine").bytes == "fine");
}

BOOST_AUTO_TEST_SUITE_END()
