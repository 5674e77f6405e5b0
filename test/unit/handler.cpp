#include "finpost/handler.hpp"

#include "finpost/exchange_deadline.hpp"
#include "finpost/exchange_stream.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace asio = boost::asio;
using namespace finpost;

namespace {

asio::awaitable<reply> turn_around(request asked) {
    const std::string_view text = asked.body().text();
    const std::string reversed(text.rbegin(), text.rend());
    co_return reply(reversed);
}

asio::awaitable<void> keep(asio::awaitable<reply> answering, std::optional<reply>& into) {
    reply answer = co_await std::move(answering);
    into = std::move(answer);
}

// What a host's test of its handler does.
reply answer_of(const handler& tested, request asked) {
    asio::io_context io;
    std::optional<reply> answer;
    auto done = asio::co_spawn(io, keep(tested(std::move(asked)), answer), asio::use_future);
    io.run();
    done.get();
    return std::move(*answer);
}

request asking(exchange_deadline& deadline, std::string_view text) {
    return request({.body = payload(text)}, deadline);
}

} // namespace

BOOST_AUTO_TEST_SUITE(handler)

BOOST_AUTO_TEST_CASE(a_test_makes_a_request_of_what_its_handler_looks_at) {
    exchange_deadline deadline;
    BOOST_TEST(answer_of(turn_around, asking(deadline, "hello")).bytes().text() == "olleh");

    const finpost::request_id id = finpost::request_id::generate();
    const request whole({.body = payload("x"),
                         .peer = parse_socket_address("192.0.2.7:1").value(),
                         .local = parse_socket_address("192.0.2.8:2").value(),
                         .id = id,
                         .sampled = true,
                         .tls_peer_name = "device",
                         .streamed = true},
                        deadline);
    BOOST_TEST(to_string(whole.peer()) == "192.0.2.7:1");
    BOOST_TEST(to_string(whole.local()) == "192.0.2.8:2");
    BOOST_TEST((whole.id() == id));
    BOOST_TEST(whole.sampled());
    BOOST_TEST(whole.tls_peer_name() == "device");
    BOOST_TEST(whole.streamed());
    BOOST_TEST(&whole.deadline() == &deadline);

    const request empty({}, deadline);
    BOOST_TEST(empty.body().empty());
    BOOST_TEST(!empty.sampled());
    BOOST_TEST(!empty.streamed());
    BOOST_TEST((request({}, deadline).id() != empty.id()));
}

BOOST_AUTO_TEST_CASE(without_a_gateway_a_reply_buffer_is_memory) {
    exchange_deadline deadline;
    payload buffer = asking(deadline, "x").make_reply_buffer();
    BOOST_TEST(!buffer.write(std::as_bytes(std::span("hello", 5))));
    BOOST_TEST(buffer.text() == "hello");
    BOOST_TEST(buffer.budget() == nullptr);
}

BOOST_AUTO_TEST_CASE(a_reply_is_made_of_text) {
    const std::string text = "hello";
    BOOST_TEST(reply(text).bytes().text() == "hello");
    BOOST_TEST(reply(std::string("moved")).bytes().text() == "moved");
    BOOST_TEST(reply("literal").bytes().text() == "literal");
    BOOST_TEST(!reply("").refused());
    BOOST_TEST(payload(std::string("moved")).text() == "moved");
}

BOOST_AUTO_TEST_CASE(a_reply_takes_a_string_over_without_a_copy) {
    std::string text(100'000, 'x');
    const void* const there = text.data();
    reply answer(std::move(text));
    BOOST_TEST(static_cast<const void*>(answer.bytes().data()) == there);
    const reply moved = std::move(answer);
    BOOST_TEST(static_cast<const void*>(moved.bytes().data()) == there);
    BOOST_TEST(moved.bytes().size() == 100'000u);
}

BOOST_AUTO_TEST_CASE(one_that_can_only_be_moved_will_do_and_copies_share_it) {
    auto word = std::make_unique<std::string>("kept");
    const std::string* const there = word.get();
    auto only_moves = [word = std::move(word)](request) -> asio::awaitable<reply> {
        *word += '!';
        return [](std::string text) -> asio::awaitable<reply> { co_return reply(text); }(*word);
    };
    static_assert(!std::is_copy_constructible_v<decltype(only_moves)>);
    const finpost::handler first = std::move(only_moves);
    const finpost::handler second = first;
    exchange_deadline deadline;
    BOOST_TEST(answer_of(first, asking(deadline, "")).bytes().text() == "kept!");
    BOOST_TEST(answer_of(second, asking(deadline, "")).bytes().text() == "kept!!");
    BOOST_TEST(*there == "kept!!");
}

BOOST_AUTO_TEST_CASE(none_is_none_however_it_is_written) {
    using function = asio::awaitable<reply>(request);
    function* const null = nullptr;
    BOOST_TEST(!finpost::handler());
    BOOST_TEST(!finpost::handler(nullptr));
    BOOST_TEST(!finpost::handler(null));
    BOOST_TEST(!finpost::handler(std::function<function>()));
    BOOST_TEST(!finpost::streaming_handler({}));
    BOOST_TEST(!!finpost::handler(turn_around));
    BOOST_TEST(!!finpost::handler(std::function<function>(turn_around)));
    exchange_deadline deadline;
    BOOST_CHECK_THROW(finpost::handler()(asking(deadline, "")), std::bad_function_call);
    static_assert(!std::is_constructible_v<finpost::handler, int>);
}

BOOST_AUTO_TEST_SUITE_END()
