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
            }
        }
        BOOST_TEST(refused(why) == answers.size());
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(upstream_answers, answers_fixture)

BOOST_AUTO_TEST_CASE(U5_a_response_that_is_cut_is_never_relayed) {
    const std::vector<std::string> cuts{
        ok + "Content-Length: 10\r\n\r\nhalf",
        chunked + "5\r\nhal",
        chunked + "4\r\nhalf\r\n",
        chunked + "4\r\nhalf\r\n0\r\n",
        ok + "Content-Le",
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
            ok + "X: bare newline\n" + end + "\r\n\r\n",
            ok + "no colon\r\n" + end,
            ok + ": no name\r\n" + end,
            "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        },
        reason::upstream_invalid);
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
    expect_all_refused({ok + "X: " + std::string(70'000, 'x') + "\r\n\r\n",
                        ok + many + "\r\n",
                        ok + std::string(20'000, 'x')},
                       reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(U10_a_body_has_a_limit) {
    service.max_reply = 1000;
    expect_all_refused({ok + "Content-Length: 1001\r\n\r\n",
                        ok + "Content-Length: 99999999999\r\n\r\n",
                        chunked + "3e9\r\n" + std::string(1001, 'x') + "\r\n0\r\n\r\n",
                        chunked + "ffffffff\r\n",
                        ok + "\r\n" + std::string(1001, 'x')},
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
        },
        reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(U12_fields_in_a_trailer_change_nothing) {
    fault(chunked + "5\r\nhello\r\n0\r\nConnection: close\r\nContent-Length: 9\r\n"
                    "Transfer-Encoding: gzip\r\n\r\n");
    start();
    for (int i = 0; i < 3; ++i) BOOST_TEST(exchange("fault").bytes == "hello");
    expect_served();
    BOOST_TEST(upstream.connections() == 1u); // it was kept
}

BOOST_AUTO_TEST_CASE(U13_interim_responses_are_passed_over_and_few) {
    const std::string hint = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
    std::string hints, many;
    for (int i = 0; i < 10; ++i) hints += hint;
    many = hints + hint;
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
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\nhello",
    };
    fault([&](conversation& talk) { talk.send(answers.at(at)); });
    start();
    for (; at < 2; ++at) {
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
    fault([&](conversation& talk) {
        talk.send(response(status, "later", "Retry-After: 1\r\n"));
    });
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

BOOST_AUTO_TEST_CASE(U22_an_early_refusal_is_read_though_the_request_cannot_be_sent) {
    for (const bool by_reset : {false, true}) {
        gateway_fixture one;
        one.service.on_status = status_policy::relay;
        one.upstream.on(1, [by_reset](conversation& talk) {
            talk.send(response(413, "too much for me", "Connection: close\r\n"));
            if (by_reset) talk.reset(); // the answer may be lost on the way
            talk.finish(); // reads on until the gateway closes
        });
        one.start();
        const auto got = one.exchange(some_bytes(8'000'000));
        if (by_reset && got.bytes != "too much for me")
            one.expect_refusal(got, reason::upstream_incomplete);
        else BOOST_TEST(got.bytes == "too much for me");
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
        talk.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\n" + std::string(480, 'x'));
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
    auto second = std::async(std::launch::async, [this] { return exchange(some_bytes(12'000'000)); });
    BOOST_TEST(upstream.wait_for_heads(2));
    upstream.open_gate();
    expect_refusal(second.get(), reason::upstream_incomplete);
    BOOST_TEST(exchange("fine").bytes == "fine");
}

BOOST_AUTO_TEST_SUITE_END()
