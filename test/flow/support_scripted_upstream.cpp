#include "support/raw_client.hpp"
#include "support/scripted_upstream.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

std::string post(std::string_view body, std::string_view fields = {}) {
    return "POST /upload HTTP/1.1\r\nHost: test\r\nContent-LENGTH: " + std::to_string(body.size()) +
           "\r\n" + std::string(fields) + "\r\n" + std::string(body);
}

struct fixture {
    scripted_upstream upstream;

    // Sends one request on a connection of its own and reads to the end.
    raw_client::received ask(std::string_view body) const {
        raw_client client(upstream.address());
        client.send(post(body)).half_close();
        return client.read_to_end();
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(support_scripted_upstream, fixture)

BOOST_AUTO_TEST_CASE(it_sends_the_body_back_and_keeps_the_request) {
    upstream.by_default(scripted_upstream::echo(201));
    const auto got = ask("hello");
    BOOST_TEST(got.bytes == response(201, "hello"));
    BOOST_TEST((got.how == raw_client::ending::fin));
    const auto seen = upstream.requests().at(0);
    BOOST_TEST(seen.body == "hello");
    BOOST_TEST(seen.complete);
    BOOST_TEST(seen.request_line() == "POST /upload HTTP/1.1");
    BOOST_TEST(seen.field("content-length") == "5");
    BOOST_TEST(seen.field("absent") == "");
    BOOST_TEST(seen.count("Host") == 1u);
}

BOOST_AUTO_TEST_CASE(several_requests_on_one_connection) {
    raw_client client(upstream.address());
    for (const std::string body : {"one", "two"}) {
        client.send(post(body));
        BOOST_TEST(client.read_at_least(response(200, body).size()) == response(200, body));
    }
    BOOST_TEST(upstream.connections() == 1u);
    BOOST_TEST(upstream.requests().at(1).connection == 1u);
    BOOST_TEST(upstream.requests().at(1).number == 2u);
}

BOOST_AUTO_TEST_CASE(one_request_can_have_a_script_of_its_own) {
    upstream.on(2, scripted_upstream::raw_then_fin("HTTP/1.1 2"));
    BOOST_TEST(ask("a").bytes == response(200, "a"));
    BOOST_TEST(ask("b").bytes == "HTTP/1.1 2");
    BOOST_TEST(ask("c").bytes == response(200, "c"));
}

BOOST_AUTO_TEST_CASE(chunks_and_bodies_up_to_the_end) {
    upstream.on(1, scripted_upstream::chunked_echo(3));
    upstream.on(2, scripted_upstream::close_delimited_echo());
    BOOST_TEST(ask("abcde").bytes == "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                                     "3;extension=ignored\r\nabc\r\n2;extension=ignored\r\nde\r\n"
                                     "0\r\nTrailer: ignored\r\n\r\n");
    BOOST_TEST(ask("abcde").bytes == "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcde");
}

BOOST_AUTO_TEST_CASE(a_reset_is_a_reset) {
    upstream.by_default(scripted_upstream::raw_then_reset("HTTP/1.1 200"));
    raw_client client(upstream.address());
    client.send(post("x"));
    BOOST_TEST((client.read_to_end().how == raw_client::ending::reset));
    BOOST_TEST(upstream.wait_for_open_connections(0));
}

BOOST_AUTO_TEST_CASE(the_gate_holds_answers_back) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    raw_client client(upstream.address(), 200ms);
    client.send(post("x"));
    BOOST_TEST(upstream.wait_for_requests(1));
    BOOST_TEST((client.read_to_end().how == raw_client::ending::timeout));
    upstream.open_gate();
    raw_client second(upstream.address());
    second.send(post("y"));
    BOOST_TEST(second.read_at_least(1).substr(0, 1) == "H");
}

BOOST_AUTO_TEST_CASE(a_script_can_answer_before_the_body_has_come) {
    upstream.by_default([](scripted_upstream::conversation& talk) {
        talk.send(response(413, "no"));
        talk.finish();
    });
    raw_client client(upstream.address());
    client.send("POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n");
    BOOST_TEST(client.read_to_end().bytes == response(413, "no"));
    BOOST_TEST(upstream.count() == 1u);
    BOOST_TEST(upstream.complete() == 0u);
}

BOOST_AUTO_TEST_CASE(idle_connections_are_closed_and_busy_ones_are_not) {
    upstream.on(2, scripted_upstream::held(scripted_upstream::echo()));
    raw_client idle(upstream.address());
    idle.send(post("x")).read_at_least(response(200, "x").size());
    raw_client busy(upstream.address());
    busy.send(post("y"));
    BOOST_TEST(upstream.wait_for_requests(2));
    BOOST_TEST(upstream.close_idle());
    BOOST_TEST(upstream.open_connections() == 1u);
    BOOST_TEST((idle.read_to_end().how == raw_client::ending::fin));
    upstream.open_gate();
    BOOST_TEST(busy.read_at_least(response(200, "y").size()) == response(200, "y"));
}

BOOST_AUTO_TEST_CASE(stopping_ends_every_script) {
    upstream.by_default(scripted_upstream::never());
    upstream.on(2, scripted_upstream::held(scripted_upstream::echo()));
    raw_client silent(upstream.address());
    silent.send(post("x"));
    BOOST_TEST(upstream.wait_for_requests(1));
    raw_client held(upstream.address());
    held.send(post("y"));
    BOOST_TEST(upstream.wait_for_requests(2));
    upstream.stop();
    BOOST_TEST(silent.read_to_end().bytes == "");
    BOOST_TEST(held.read_to_end().bytes == "");
    BOOST_TEST(upstream.open_connections() == 0u);
}

BOOST_AUTO_TEST_CASE(ports_that_refuse_and_ports_that_say_nothing) {
    const refusing_port refuses;
    BOOST_TEST(refuses.address().port() != 0);
    BOOST_CHECK_EXCEPTION(raw_client{refuses.address()}, std::system_error, [](const auto& failed) {
        return failed.code() == std::errc::connection_refused;
    });
    const silent_port silent;
    BOOST_TEST(silent.address().port() != 0);
    BOOST_CHECK_EXCEPTION(
        raw_client(silent.address(), 300ms), std::system_error,
        [](const auto& failed) { return failed.code() == std::errc::operation_in_progress; });
}

BOOST_AUTO_TEST_SUITE_END()
