// Every way an upstream fails has its reason, and the client is told it.
#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// Answers one request, takes a second one on the same connection, and is gone then: nobody listens
// any more.
class dying_service {
public:
    dying_service() {
        const auto any = parse_socket_address("127.0.0.1:0").value();
        sockaddr_storage bound{};
        socklen_t size = sizeof bound;
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        BOOST_REQUIRE(::bind(listener_, any.data(), static_cast<socklen_t>(any.size())) == 0);
        BOOST_REQUIRE(::listen(listener_, 1) == 0);
        BOOST_REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size) == 0);
        address_ = socket_address(reinterpret_cast<const sockaddr*>(&bound), size);
        thread_ = std::thread([this] { serve(); });
    }
    ~dying_service() { thread_.join(); }
    const socket_address& address() const { return address_; }

private:
    void serve() const {
        int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        char byte = 0;
        while (fd >= 0 && ::recv(fd, &byte, 1, MSG_PEEK) <=
                              0) { // it was only looked whether somebody is there
            ::close(fd);
            fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        }
        ::close(listener_);
        const std::string answer = response(200, "one");
        if (takes(fd, "one")) ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
        takes(fd, "two");
        ::close(fd);
    }
    static bool takes(int fd, std::string_view payload) {
        std::string request;
        std::array<char, 4096> buffer;
        while (!request.ends_with("\r\n\r\n" + std::string(payload))) {
            const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), 0);
            if (n <= 0) return false;
            request.append(buffer.data(), static_cast<std::size_t>(n));
        }
        return true;
    }

    int listener_;
    socket_address address_;
    std::thread thread_;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(upstream_failures, gateway_fixture)

// "Nothing was sent, safe to try again" would be a lie: the first attempt was taken.
BOOST_AUTO_TEST_CASE(a_service_that_took_the_request_and_died_is_not_called_unreachable) {
    const dying_service service_that_dies;
    service.endpoints = {url_of(service_that_dies.address())};
    start();
    BOOST_TEST(exchange("one").bytes == "one");
    expect_refusal(exchange("two"), reason::upstream_incomplete);
    BOOST_TEST(counters.upstream_retries.value() == 1u);
    expect_refusal(exchange("three"), reason::upstream_unreachable); // of this one nothing was sent
}

// Nor `busy`, which says that nothing was sent: the service has done its work, and the reply finds
// no room.
BOOST_AUTO_TEST_CASE(a_reply_that_finds_no_room_is_not_called_busy) {
    config.max_payload = config.max_buffered = 1 << 20;
    config.spill_above = 0;
    service.total = 500ms;
    upstream.on(1, scripted_upstream::raw(response(200, some_bytes(2'000'000))));
    start();
    expect_refusal(exchange("x"), reason::upstream_incomplete);
    BOOST_TEST(refused(reason::busy) == 0u);
    BOOST_TEST(log.of("upstream response refused").at(0).at("what") ==
               "no room in max_buffered for the response");
    BOOST_TEST(exchange("fine").bytes == "fine");
}

BOOST_AUTO_TEST_CASE(why_a_connection_was_not_made_is_told) {
    const refusing_port nobody;
    const silent_port silent;
    for (const auto& [address, what] : {std::pair{nobody.address(), "Connection refused"},
                                        std::pair{silent.address(), "Connection timed out"}}) {
        gateway_fixture one;
        one.service.endpoints = {url_of(address)};
        one.service.connect = 300ms;
        one.start();
        one.expect_refusal(one.exchange("x"), reason::upstream_unreachable);
        BOOST_REQUIRE(one.log.wait_for("upstream connect failed"));
        const auto line = one.log.of("upstream connect failed").front();
        BOOST_TEST(line.at("endpoint") == to_string(address));
        BOOST_TEST(line.at("what") == what);
        one.teardown();
    }
}

BOOST_AUTO_TEST_CASE(nobody_listens) {
    const refusing_port nobody;
    service.endpoints = {url_of(nobody.address())};
    start();
    expect_refusal(exchange("x"), reason::upstream_unreachable);
    expect_refusal(exchange("x"), reason::upstream_unreachable); // while the endpoint is ejected
    BOOST_TEST(access_line().at("upstream") == to_string(nobody.address()));
    BOOST_TEST(access_line().at("status") == "0");
}

BOOST_AUTO_TEST_CASE(connecting_gets_no_answer) {
    const silent_port silent;
    service.endpoints = {url_of(silent.address())};
    service.connect = 300ms;
    start();
    expect_refusal(exchange("x"), reason::upstream_unreachable);
    BOOST_TEST(access_line().number("upstream_ms") >= 290);
}

BOOST_AUTO_TEST_CASE(another_endpoint_answers_while_one_is_down) {
    const refusing_port nobody;
    service.endpoints = {url_of(nobody.address()), upstream.url()};
    start();
    for (int i = 0; i < 6; ++i) BOOST_TEST(exchange("hello").bytes == "hello");
    BOOST_TEST(upstream.count() == 6u);
}

BOOST_AUTO_TEST_CASE(two_endpoints_take_turns) {
    scripted_upstream other;
    service.endpoints = {upstream.url(), other.url()};
    start();
    for (int i = 0; i < 6; ++i) BOOST_TEST(exchange("hello").bytes == "hello");
    BOOST_TEST(upstream.count() == 3u);
    BOOST_TEST(other.count() == 3u);
    BOOST_TEST(access_line(1).at("upstream") != access_line(2).at("upstream"));
}

BOOST_AUTO_TEST_CASE(the_answer_never_comes) {
    upstream.by_default(scripted_upstream::never());
    service.total = 300ms;
    start();
    expect_refusal(exchange("x"), reason::upstream_timeout);
    BOOST_TEST(access_line().number("upstream_ms") >= 290);
    BOOST_TEST(upstream.wait_for_open_connections(0)); // what was late is not used again
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_CASE(the_answer_stops_half_way) {
    upstream.by_default([](scripted_upstream::conversation& talk) {
        talk.read_body();
        talk.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
        talk.stay_silent();
    });
    service.total = 300ms;
    start();
    expect_refusal(exchange("x"), reason::upstream_timeout);
}

BOOST_AUTO_TEST_CASE(the_upstream_does_not_read_the_request) {
    upstream.by_default([](scripted_upstream::conversation& talk) {
        talk.wait_for_gate(); // and the head of a request of 15 MB is all it has read
    });
    service.total = 500ms;
    start();
    expect_refusal(exchange(some_bytes(15'000'000)), reason::upstream_timeout);
    upstream.open_gate();
}

BOOST_AUTO_TEST_CASE(the_answer_is_cut) {
    const std::vector<std::string> cuts{
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n0\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
    };
    for (std::size_t i = 0; i < cuts.size(); ++i) {
        upstream.on(2 * i + 1, scripted_upstream::raw_then_fin(cuts[i]));
        upstream.on(2 * i + 2, scripted_upstream::raw_then_reset(cuts[i]));
    }
    start();
    for (std::size_t i = 0; i < 2 * cuts.size(); ++i) {
        BOOST_TEST_CONTEXT(cuts[i / 2] << (i % 2 ? " RST" : " FIN")) {
            expect_refusal(exchange("x"), reason::upstream_incomplete);
        }
    }
    BOOST_TEST(upstream.count() == 2 * cuts.size()); // nothing was sent a second time
}

BOOST_AUTO_TEST_CASE(an_answer_up_to_the_end_that_is_reset_is_cut) {
    upstream.by_default(
        scripted_upstream::raw_then_reset("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf"));
    start();
    expect_refusal(exchange("x"), reason::upstream_incomplete);
}

BOOST_AUTO_TEST_CASE(the_answer_is_not_http) {
    const std::vector<std::string> answers{
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 099 Low\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 999 High\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno number\r\n",
        "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n",
    };
    for (std::size_t i = 0; i < answers.size(); ++i)
        upstream.on(i + 1, scripted_upstream::raw(answers[i]));
    start();
    for (const std::string& answer : answers) {
        BOOST_TEST_CONTEXT(answer.substr(0, 80)) {
            expect_refusal(exchange("x"), reason::upstream_invalid);
        }
    }
    // A doubtful connection carries no other exchange.
    BOOST_TEST(upstream.connections() == answers.size());
}

BOOST_AUTO_TEST_CASE(interim_answers_without_end) {
    std::string many;
    for (int i = 0; i < 3000; ++i) many += "HTTP/1.1 103 Early Hints\r\n\r\n";
    upstream.by_default(scripted_upstream::raw(many));
    start();
    expect_refusal(exchange("x"), reason::upstream_invalid);
}

BOOST_AUTO_TEST_CASE(the_answer_is_larger_than_allowed) {
    service.max_reply = 1000;
    upstream.on(1, scripted_upstream::echo());
    upstream.on(2, scripted_upstream::chunked_echo(100));
    upstream.on(3, scripted_upstream::close_delimited_echo());
    upstream.on(4, scripted_upstream::raw("HTTP/1.1 200 OK\r\n"
                                          "Content-Length: 99999999999\r\n\r\n"));
    start();
    for (int i = 0; i < 4; ++i) expect_refusal(exchange(some_bytes(1001)), reason::reply_too_large);
    upstream.by_default(scripted_upstream::chunked_echo(100));
    BOOST_TEST((exchange(some_bytes(1000)).bytes == some_bytes(1000)));
}

BOOST_AUTO_TEST_SUITE_END()
