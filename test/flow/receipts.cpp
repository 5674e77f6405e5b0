// A handler that keeps payloads for later: its clients get receipts.
#include "support/frame_reference.hpp"
#include "support/gateway_fixture.hpp"
#include "support/until.hpp"

#include "finpost/exchange_stream.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <span>
#include <string>
#include <string_view>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using ending = raw_client::ending;
namespace asio = boost::asio;

namespace {

asio::awaitable<reply> keep(request asked) {
    if (asked.body().text() == "full") co_return reply(reason::queue_full);
    if (asked.body().text() == "broken") co_return reply(reason::queue_failed);
    co_return reply::receipt();
}

asio::awaitable<reply> keep_stream(request, exchange_stream& client) {
    std::array<std::byte, 4'096> buffer;
    const std::span<std::byte> into(buffer);
    while (!client.complete()) {
        auto got = co_await client.read(into);
        if (got.has_error()) co_return reply(reason::internal);
        if (*got == 0 || buffer[0] != std::byte{'W'}) continue;
        const std::span<const std::byte> back(buffer.data(), *got);
        error_code failed = co_await client.write(back);
        if (failed) co_return reply(reason::internal);
    }
    co_return reply::receipt();
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != text.npos; }

struct fixture : gateway_fixture {
    void begin() { start(keep, config.stream_above ? streaming_handler(keep_stream) : nullptr); }
    // Of a client that is still sending when its payload is a stream.
    raw_client::received streamed(char what) {
        raw_client client = connect();
        client.send(std::string(1'000, what));
        BOOST_TEST(until([&] {
            const auto views = door().session_views(1);
            return !views.empty() && views.front().stage == session_stage::stream;
        }));
        return client.half_close().read_to_end();
    }
    // Without the id.
    static std::string told(std::string text) {
        const std::size_t at = text.find("01"); // of an id, which begins with the time
        return at == text.npos || text.size() < at + 36 ? text : text.replace(at, 36, "ID");
    }
};

const std::string hl7 = "MSH|^~\\&|LAB|WEST|EHR|MAIN|20261130||ORU^R01|42|P|2.3.1";

} // namespace

BOOST_FIXTURE_TEST_SUITE(receipts, fixture)

BOOST_AUTO_TEST_CASE(a_receipt_is_a_line_and_no_reply) {
    begin();
    const auto got = exchange("hello");
    BOOST_TEST(told(got.bytes) == "finpost: queued ID\n");
    BOOST_TEST((got.how == ending::fin));
    const auto line = access_line();
    BOOST_TEST(line.at("outcome") == "queued");
    BOOST_TEST(line.at("reason") == "");
    BOOST_TEST(has(got.bytes, line.at("id")));
    BOOST_TEST(counters.queued.value() == 1u);
    BOOST_TEST(counters.replied.value() == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_not_stored_is_a_refusal) {
    begin();
    expect_refusal(exchange("full"), reason::queue_full);
    expect_refusal(exchange("broken"), reason::queue_failed);
}

BOOST_AUTO_TEST_CASE(a_receipt_is_not_encoded) {
    config.encode = config.decode = codec::base64;
    begin();
    BOOST_TEST(told(exchange("aGVsbG8=").bytes) == "finpost: queued ID\n");
}

BOOST_AUTO_TEST_CASE(it_has_the_form_of_replies) {
    const auto in = [](reply_format format) {
        fixture one;
        one.config.reply_format = format;
        one.begin();
        std::string got = told(one.exchange("hello").bytes);
        one.teardown();
        return got;
    };
    BOOST_TEST(in(reply_format::status) == "queued ID\n");
    BOOST_TEST(in(reply_format::json) == "{\"id\":\"ID\",\"outcome\":\"queued\"}\n");
    BOOST_TEST(in(reply_format::ack_nak) == "\x06");
}

BOOST_AUTO_TEST_CASE(it_may_have_a_form_of_its_own) {
    config.receipt_template = "STORED {payload.bytes}\\n";
    config.reply_template = "OK {body}";
    begin();
    BOOST_TEST(exchange("hello").bytes == "STORED 5\n");
}

BOOST_AUTO_TEST_CASE(it_is_framed_and_others_follow) {
    config.frame = spec("netstring");
    config.receipt_template = "stored";
    begin();
    const auto got = connect().send("3:one,4:full,5:three,").half_close().read_to_end();
    BOOST_TEST(got.bytes.starts_with("6:stored,"));
    BOOST_TEST(has(got.bytes, "finpost: queue_full "));
    BOOST_TEST(got.bytes.ends_with(",6:stored,"));
    BOOST_TEST((got.how == ending::fin));
}

BOOST_AUTO_TEST_CASE(an_hl7_message_is_accepted) {
    config.frame = spec("mllp");
    config.reply_format = reply_format::hl7;
    begin();
    const auto sent = [&](std::string_view message) {
        return frame_naively(config.frame, std::string(message) + '\r');
    };
    // AA in the original mode, CA in the enhanced one, nothing for who wants nothing.
    const auto got = connect()
                         .send(sent(hl7) + sent(hl7 + "|||NE|NE") + sent(hl7 + "|||ER|NE") +
                               sent(hl7 + "|||AL|NE"))
                         .half_close()
                         .read_to_end();
    const auto answers = read_naively(config.frame, got.bytes, 1 << 20, false).payloads;
    BOOST_REQUIRE(answers.size() == 2u);
    BOOST_TEST(has(answers[0], "\rMSA|AA|42\r"), answers[0]);
    BOOST_TEST(has(answers[1], "\rMSA|CA|42\r"), answers[1]);
    BOOST_TEST(counters.queued.value() == 4u);
}

BOOST_AUTO_TEST_CASE(no_word_behind_a_half_close_is_a_fin) {
    config.reply_format = reply_format::hl7;
    begin();
    const auto got = exchange(hl7 + "|||NE|NE\r");
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == ending::fin));
    BOOST_TEST(counters.queued.value() == 1u);
}

BOOST_AUTO_TEST_CASE(a_stream_may_end_in_a_receipt) {
    config.stream_above = 100;
    begin();
    BOOST_TEST(told(streamed('x').bytes) == "finpost: queued ID\n");
    BOOST_TEST(counters.queued.value() == 1u);
}

BOOST_AUTO_TEST_CASE(a_receipt_behind_a_part_of_an_answer_is_a_reset) {
    config.stream_above = 100;
    begin();
    BOOST_TEST((streamed('W').how == ending::reset));
    BOOST_TEST(access_line().at("outcome") == "aborted");
    BOOST_TEST(counters.queued.value() == 0u);
}

BOOST_AUTO_TEST_CASE(a_receipt_that_its_frame_cannot_carry_is_a_problem) {
    config.listen = {parse_socket_address("127.0.0.1:0").value()};
    config.frame = spec("line");
    config.receipt_template = "two\\nlines";
    const auto all = validate(config);
    BOOST_REQUIRE(all.size() == 1u);
    BOOST_TEST(all.front().field == "receipt_template");
}

BOOST_AUTO_TEST_SUITE_END()
