// Faults half-way through a payload or a reply that is streamed: nobody may take a part for the
// whole.
#include "support/streaming_fixture.hpp"

#include <functional>
#include <vector>

#include <sys/socket.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using ending = raw_client::ending;

namespace {

struct fixture : streaming_fixture {
    // A client whose upload ends in a refusal, and the upstream has a part of it.
    void expect_upload_refused(reason why, const std::function<void(raw_client&)>& fault) {
        start();
        raw_client client = begin();
        fault(client);
        expect_refusal(client.read_to_end(), why);
        expect_cut_at_the_upstream();
        expect_served();
    }

    // The same when a part of the reply is out.
    void expect_exchange_reset(std::string_view why,
                               const std::function<void(raw_client&)>& fault) {
        upstream.on(1, echo_chunks);
        start();
        raw_client client = begin();
        BOOST_TEST(client.read_at_least(5'000).size() == 5'000u);
        fault(client);
        expect_reset(client.read_to_end(), why);
        expect_cut_at_the_upstream();
        expect_served();
    }

    // An upstream that ends its answer like this once it has the whole payload.
    raw_client::received answer(scripted_upstream::script ends) {
        upstream.on(1, [ends = std::move(ends)](conversation& talk) {
            talk.read_body();
            ends(talk);
        });
        start();
        return exchange(some_bytes(5'000));
    }

    void expect_served() { BOOST_TEST(exchange("another client").bytes == "another client"); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(streaming_faults, fixture)

BOOST_AUTO_TEST_CASE(D3_a_payload_that_never_ends_never_becomes_complete) {
    config.receive_idle = 300ms;
    expect_upload_refused(reason::receive_timeout, [](raw_client&) {});
}

BOOST_AUTO_TEST_CASE(D3_a_payload_that_goes_on_for_too_long_never_becomes_complete) {
    config.receive_total = 500ms;
    config.receive_idle = 10s;
    start();
    raw_client client = begin();
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (log.count("exchange") == 0 && std::chrono::steady_clock::now() < end) {
        client.send_some("x", 10ms);
        std::this_thread::sleep_for(5ms);
    }
    BOOST_TEST(access_line().at("reason") == "receive_timeout");
    expect_cut_at_the_upstream();
}

BOOST_AUTO_TEST_CASE(D1_a_payload_that_comes_too_slowly_never_becomes_complete) {
    config.min_rate = 100'000;
    expect_upload_refused(reason::too_slow, [](raw_client&) {});
}

BOOST_AUTO_TEST_CASE(D4_a_reset_half_way_through_a_payload) {
    start();
    raw_client client = begin();
    client.reset();
    expect_cut_at_the_upstream();
    BOOST_TEST(access_line().at("outcome") == "aborted");
    BOOST_TEST(access_line().at("reason") == "aborted_read");
    expect_served();
}

BOOST_AUTO_TEST_CASE(D4_a_reset_when_a_part_of_the_reply_is_out) {
    upstream.on(1, echo_chunks);
    start();
    raw_client client = begin();
    client.read_at_least(5'000);
    client.reset();
    expect_cut_at_the_upstream();
    BOOST_TEST(access_line().at("reason") == "aborted_read");
    expect_served();
}

// Whether the end is there already is looked at before the stream begins: the look must not swallow
// the reset.
BOOST_AUTO_TEST_CASE(D4_a_reset_right_behind_a_payload_never_completes_it) {
    start();
    std::size_t n = 0;
    for (const std::size_t size : {1'001u, 2'000u, 4'096u, 5'000u, 20'000u, 100'000u}) {
        BOOST_TEST_CONTEXT(size << " bytes") {
            auto held = hold_threads(); // all of it is there when the gateway looks
            connect().send(some_bytes(size)).reset();
            held.reset();
            const auto line = access_line(++n);
            BOOST_TEST(line.at("outcome") == "aborted");
            BOOST_TEST(line.at("reason") == "aborted_read");
        }
    }
    BOOST_TEST(upstream.complete() == 0u);
    expect_served();
}

BOOST_AUTO_TEST_CASE(D7_a_client_that_does_not_take_its_reply_is_reset) {
    config.reply_total = 300ms;
    upstream.on(1, [](conversation& talk) {
        talk.read_body();
        talk.send(response(200, some_bytes(15'000'000)));
    });
    start();
    raw_client client = begin();
    client.half_close();
    BOOST_TEST(access_line().at("reason") == "aborted_reply");
    expect_reset(client.read_to_end(), "aborted_reply");
    expect_served();
}

// Neither side reads what the other wants to say: it must not last for ever.
BOOST_AUTO_TEST_CASE(D7_a_client_that_sends_all_before_it_reads_is_reset) {
    config.reply_total = 300ms;
    upstream.on(1, echo_chunks);
    start();
    raw_client client = connect();
    const std::string large = some_bytes(16'000'000);
    client.send_some(large, 10s);
    BOOST_TEST(access_line().at("reason") == "aborted_reply");
    expect_cut_at_the_upstream();
    expect_served();
}

BOOST_AUTO_TEST_CASE(D10_a_payload_that_becomes_too_large_never_becomes_complete) {
    config.max_payload = 100'000;
    expect_upload_refused(reason::too_large,
                          [](raw_client& client) { client.send_some(some_bytes(200'000), 5s); });
    BOOST_TEST(access_line().number("bytes_in") == 100'001);
}

BOOST_AUTO_TEST_CASE(D10_a_payload_that_becomes_too_large_when_a_part_of_the_reply_is_out) {
    config.max_payload = 100'000;
    expect_exchange_reset("too_large",
                          [](raw_client& client) { client.send_some(some_bytes(200'000), 1s); });
}

BOOST_AUTO_TEST_CASE(D12_base64_that_goes_wrong_half_way_never_becomes_complete) {
    config.decode = codec::base64;
    start();
    raw_client client = connect();
    client.send(std::string(4'000, 'A'));
    BOOST_TEST(upstream.wait_for_heads(1));
    client.send("A?AA");
    expect_refusal(client.read_to_end(), reason::bad_encoding);
    expect_cut_at_the_upstream();
    BOOST_TEST(log.of("bad encoding").at(0).number("offset") == 4'001);
}

BOOST_AUTO_TEST_CASE(D12_base64_that_ends_in_the_middle_of_a_group_never_becomes_complete) {
    config.decode = codec::base64;
    start();
    raw_client client = connect();
    client.send(std::string(4'001, 'A'));
    BOOST_TEST(upstream.wait_for_heads(1));
    client.half_close();
    expect_refusal(client.read_to_end(), reason::bad_encoding);
    expect_cut_at_the_upstream();
}

BOOST_AUTO_TEST_CASE(U1_another_endpoint_is_tried_while_not_a_byte_is_sent) {
    const refusing_port nobody;
    service.endpoints = {url_of(nobody.address()), upstream.url()};
    start();
    for (int i = 0; i < 4; ++i)
        BOOST_TEST((exchange(some_bytes(5'000)).bytes == some_bytes(5'000)));
    BOOST_TEST(upstream.count() == 4u);
}

BOOST_AUTO_TEST_CASE(U1_nobody_takes_the_stream) {
    const refusing_port nobody;
    service.endpoints = {url_of(nobody.address())};
    start();
    raw_client client = connect();
    client.send(some_bytes(5'000));
    expect_refusal(client.read_to_end(), reason::upstream_unreachable);
}

BOOST_AUTO_TEST_CASE(U3_an_upstream_that_never_answers) {
    service.total = 300ms;
    upstream.on(1, scripted_upstream::never());
    start();
    expect_refusal(exchange(some_bytes(5'000)), reason::upstream_timeout);
    BOOST_TEST(upstream.count() == 1u);
    expect_served();
}

BOOST_AUTO_TEST_CASE(U3_an_upstream_that_does_not_read_the_stream) {
    service.total = 300ms;
    upstream.on(1, [](conversation& talk) { talk.wait_for_gate(); });
    start();
    raw_client client = connect();
    client.send_some(some_bytes(16'000'000), 10s);
    BOOST_TEST(access_line().at("reason") == "upstream_timeout");
    upstream.open_gate();
}

// A client that takes its time is not the upstream's fault, nor the other way round.
BOOST_AUTO_TEST_CASE(U3_the_upstream_is_not_judged_while_the_client_pauses) {
    service.total = 200ms;
    upstream.on(1, echo_chunks);
    start();
    raw_client client = begin();
    client.read_at_least(5'000);
    std::this_thread::sleep_for(500ms);
    client.send("more");
    BOOST_TEST(client.read_at_least(4) == "more");
    client.half_close();
    BOOST_TEST((client.read_to_end().how == ending::fin));
}

BOOST_AUTO_TEST_CASE(U5_an_upstream_that_is_cut_half_way_through_its_reply_ends_in_a_reset) {
    for (const bool reset : {false, true}) {
        for (const std::string& head :
             {std::string("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
              chunked_head + std::string("5\r\nhalf"),
              chunked_head + std::string("4\r\nhalf\r\n")}) {
            fixture each;
            const auto got = each.answer([&](conversation& talk) {
                talk.send(head);
                if (reset) talk.reset();
                talk.finish();
            });
            each.expect_reset(got, "upstream_incomplete");
            BOOST_TEST(each.upstream.count() == 1u);
            each.expect_served();
            each.teardown();
        }
    }
}

BOOST_AUTO_TEST_CASE(U5_an_upstream_that_is_cut_before_its_reply_ends_in_a_refusal) {
    const auto got = answer([](conversation& talk) { talk.reset(); });
    expect_refusal(got, reason::upstream_incomplete);
    BOOST_TEST(upstream.count() == 1u); // a stream is never sent twice
    expect_served();
}

// Without a length the close is the end of a body. It is none while the request is still on its
// way.
BOOST_AUTO_TEST_CASE(U6_a_close_before_the_request_is_out_ends_no_body) {
    for (const bool reset : {false, true}) {
        fixture each;
        each.service.on_status = status_policy::relay;
        each.upstream.on(1, [reset](conversation& talk) {
            talk.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\nhalf of a");
            talk.wait_for_gate();
            if (reset) talk.reset();
            talk.finish();
        });
        each.start();
        raw_client client = each.begin();
        BOOST_TEST(client.read_at_least(9) == "half of a");
        each.upstream.open_gate();
        each.expect_reset(client.read_to_end(), "upstream_incomplete");
        client.close();
        each.expect_served();
        each.teardown();
    }
}

BOOST_AUTO_TEST_CASE(U6_a_close_behind_the_whole_request_ends_a_body) {
    service.on_status = status_policy::relay;
    const auto got = answer([](conversation& talk) {
        talk.send("HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n\r\nall of it");
        talk.finish();
    });
    BOOST_TEST(got.bytes == "all of it");
    BOOST_TEST((got.how == ending::fin));
}

BOOST_AUTO_TEST_CASE(U17_a_connection_that_is_kept_is_not_trusted_with_a_stream) {
    upstream.on(2, [](conversation& talk) { talk.reset(); });
    start();
    expect_served();
    raw_client client = connect();
    client.send(some_bytes(5'000)).half_close();
    expect_refusal(client.read_to_end(), reason::upstream_incomplete);
    BOOST_TEST(upstream.count() == 2u);
    BOOST_TEST(upstream.requests().at(1).connection == 2u);
    BOOST_TEST(counters.upstream_retries.value() == 0u);
}

BOOST_AUTO_TEST_CASE(U8_a_response_that_is_not_acceptable_is_refused) {
    const auto got = answer([](conversation& talk) {
        talk.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n");
        talk.stay_silent();
    });
    expect_refusal(got, reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(U11_chunks_that_go_wrong_half_way_end_in_a_reset) {
    const auto got = answer([](conversation& talk) {
        talk.send(chunked_head + std::string("4\r\nhalf\r\n0x4\r\n"));
        talk.stay_silent();
    });
    expect_reset(got, "upstream_invalid");
}

BOOST_AUTO_TEST_CASE(U10_a_reply_that_says_it_is_too_large_is_refused) {
    service.max_reply = 1'000;
    const auto got =
        answer([](conversation& talk) { talk.send(response(200, some_bytes(1'001))); });
    expect_refusal(got, reason::reply_too_large);
}

BOOST_AUTO_TEST_CASE(U10_a_reply_that_becomes_too_large_ends_in_a_reset) {
    service.max_reply = 1'000;
    const auto got = answer([](conversation& talk) {
        talk.send(chunked_head + chunk(some_bytes(1'000)));
        talk.send(chunk("x"));
    });
    expect_reset(got, "reply_too_large");
}

BOOST_AUTO_TEST_CASE(U22_a_success_whose_request_could_not_be_sent_whole_is_none) {
    upstream.on(1, [](conversation& talk) {
        talk.send(response(200, "fine"));
        talk.wait_for_gate();
        talk.reset();
    });
    start();
    raw_client client = begin();
    BOOST_TEST(client.read_at_least(4) == "fine");
    upstream.open_gate();
    BOOST_TEST(upstream.wait_for_open_connections(0));
    client.send_some(some_bytes(100'000), 2s);
    client.half_close();
    expect_reset(client.read_to_end(), "upstream_incomplete");
}

BOOST_AUTO_TEST_SUITE_END()
