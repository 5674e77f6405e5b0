// The command `finpost send`, as a shell script uses it.
#include "support/child_process.hpp"
#include "support/finpost_command.hpp"
#include "support/gateway_fixture.hpp"
#include "support/tcp_peer.hpp"

#include "finpost/base64.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <cstdio>
#include <fstream>
#include <future>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

finished send(std::vector<std::string> arguments, std::string input = {}) {
    arguments.insert(arguments.begin(), "send");
    return run_finpost(std::move(arguments), std::move(input));
}

struct temporary_file {
    explicit temporary_file(const std::string& content) {
        const int fd = ::mkstemp(name.data());
        BOOST_REQUIRE(fd >= 0);
        ::close(fd);
        std::ofstream(name, std::ios::binary) << content;
    }
    ~temporary_file() { std::remove(name.c_str()); }
    std::string name = "/tmp/finpost-test-XXXXXX";
};

struct pipe_file {
    pipe_file() { BOOST_REQUIRE(::mkfifo(name.c_str(), 0600) == 0); }
    ~pipe_file() { std::remove(name.c_str()); }
    std::string name = "/tmp/finpost-test-pipe-" + std::to_string(::getpid());
};

std::string base64_of(const std::string& bytes) {
    std::string out(base64::encoded_size(bytes.size()), '\0');
    base64::encode(std::as_bytes(std::span(bytes)), out.data());
    return out;
}

std::string text(const host_port& address) {
    return address.host + ':' + std::to_string(address.port);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(finpost_send, gateway_fixture)

BOOST_AUTO_TEST_CASE(a_file_and_standard_input_come_back_whole) {
    start();
    for (const std::size_t size : {1u, 70'000u, 5'000'000u}) {
        const std::string payload = some_bytes(size);
        const temporary_file file(payload);
        const finished by_file = send({to_string(address()), file.name});
        BOOST_TEST(by_file.code == 0);
        BOOST_TEST((by_file.output == payload));
        BOOST_TEST(by_file.error == "");
        const finished by_input = send({to_string(address())}, payload);
        BOOST_TEST(by_input.code == 0);
        BOOST_TEST((by_input.output == payload));
    }
}

BOOST_AUTO_TEST_CASE(base64_both_ways) {
    config.decode = codec::base64;
    config.encode = codec::base64;
    start();
    for (const std::size_t size : {1u, 2u, 3u, 49'151u, 49'152u, 49'153u, 1'000'000u}) {
        const std::string payload = some_bytes(size);
        const finished got =
            send({"--encode", "base64", "--decode", "base64", to_string(address())}, payload);
        BOOST_TEST(got.code == 0);
        BOOST_TEST((got.output == payload));
        const finished raw = send({to_string(address()), "-"}, base64_of(payload) + "\n");
        BOOST_TEST((raw.output == base64_of(payload)));
    }
    const finished wrong = send({to_string(address())}, "!");
    BOOST_TEST(wrong.code == 5);
    BOOST_TEST(holds(wrong.error, "bad_encoding"));
}

BOOST_AUTO_TEST_CASE(a_refusal_is_exit_code_5_with_its_reason) {
    config.max_payload = 1'000;
    start();
    const finished got = send({to_string(address())}, std::string(30'000'000, 'x'));
    BOOST_TEST(got.code == 5);
    BOOST_TEST(got.output == "");
    BOOST_TEST(holds(got.error, "too_large"));
}

BOOST_AUTO_TEST_CASE(verbose_tells_the_connection_and_each_stage) {
    start();
    const finished got = send({"-v", to_string(address())}, "hello");
    BOOST_TEST(got.code == 0);
    BOOST_TEST(got.output == "hello");
    for (const char* part :
         {"family=AF_INET ", "type=SOCK_STREAM", "local=127.0.0.1:", "resolve", "connect", "send",
          "5 bytes, then the FIN", "wait", "receive", "total"})
        BOOST_TEST(holds(got.error, part), part);
    BOOST_TEST(holds(got.error, "remote=" + to_string(address())));
}

// A gateway that streams: the answer comes while the payload is still on its way.
BOOST_AUTO_TEST_CASE(verbose_tells_a_reply_that_began_before_the_end_of_the_payload) {
    tcp_peer peer([](peer_connection& one) {
        one.read_at_least(1);
        one.send(std::string(1'000, 'x')); // too much for a refusal
        one.read_to_end();
    });
    std::array<int, 2> input{};
    BOOST_REQUIRE(::pipe(input.data()) == 0);
    ::fcntl(input[1], F_SETFD, FD_CLOEXEC);
    BOOST_REQUIRE(::write(input[1], "abc", 3) == 3);
    child_process child({"sh", "-c",
                         "exec \"$0\" send -v \"$1\" </dev/fd/" + std::to_string(input[0]),
                         FINPOST_PATH, text(peer.address())});
    BOOST_TEST(child.wait_for_output("x"));
    ::close(input[0]);
    ::close(input[1]);
    BOOST_TEST((child.wait() == 0));
    BOOST_TEST(holds(child.error(), "3 bytes, then the FIN"), child.error());
    BOOST_TEST(holds(child.error(), "1000 bytes, the first "), child.error());
    BOOST_TEST(!holds(child.error(), "wait"), child.error());
}

BOOST_AUTO_TEST_CASE(verbose_tells_how_much_of_a_payload_was_sent_before_it_was_cut) {
    tcp_peer peer([](peer_connection& one) {
        one.read_at_least(1);
        one.reset();
    });
    const finished got = send({"-v", text(peer.address())}, std::string(50'000'000, 'x'));
    BOOST_TEST(got.code == 6);
    BOOST_TEST(holds(got.error, " bytes, without the FIN"), got.error);
}

// The kernel has taken all of it, and the other side has read none: that is "sent", and no more.
// Nothing moves from then on, and the line is up to date all the same.
BOOST_AUTO_TEST_CASE(the_progress_bar_tells_what_was_sent_while_nothing_is_received) {
    if (!have("script")) return; // for a terminal
    std::promise<void> read_on;
    tcp_peer peer([told = read_on.get_future().share()](peer_connection& one) {
        told.wait_for(20s);
        one.read_to_end();
        one.send("thanks");
    });
    const temporary_file file(std::string(50'000, 'x'));
    child_process child(
        {"script", "-qec",
         std::string(FINPOST_PATH) + " send " + text(peer.address()) + ' ' + file.name,
         "/dev/null"});
    const bool shown = child.wait_for_output("sent 48.8 KiB of 48.8 KiB [" + std::string(30, '#') +
                                             "] received 0 B");
    read_on.set_value();
    BOOST_TEST(shown);
    BOOST_TEST((child.wait() == 0));
    BOOST_TEST(holds(child.output(), "thanks"));
}

BOOST_AUTO_TEST_CASE(a_reply_that_is_not_base64_is_exit_code_6_and_told_with_its_place) {
    const auto answered = [](const char* answer) {
        tcp_peer peer([answer](peer_connection& one) {
            one.read_to_end();
            one.send(answer);
        });
        return send({"--decode", "base64", text(peer.address())}, "hello");
    };
    const finished wrong = answered("Zm9v!");
    BOOST_TEST(wrong.code == 6);
    BOOST_TEST(wrong.error ==
               "finpost: the reply is not Base64: not a character of the Base64 alphabet "
               "at byte 4\n");
    const finished half = answered("Zm9vY");
    BOOST_TEST(half.code == 6);
    BOOST_TEST(holds(half.error, "the text ends within a group of four at byte 5"), half.error);
}

BOOST_AUTO_TEST_CASE(no_connection_is_exit_code_3) {
    std::string nobody;
    {
        tcp_peer gone([](peer_connection&) {});
        nobody = text(gone.address());
    }
    const finished got = send({nobody}, "hello");
    BOOST_TEST(got.code == 3);
    BOOST_TEST(holds(got.error, nobody));
    BOOST_TEST(send({"no-such-host.invalid:5000", "--connect-timeout", "2s"}, "hello").code == 3);
}

BOOST_AUTO_TEST_CASE(a_time_limit_is_exit_code_4) {
    tcp_peer peer([](peer_connection& one) { one.stay_silent(); });
    const finished got = send({"--timeout", "2s", text(peer.address())}, "hello");
    BOOST_TEST(got.code == 4);
    BOOST_TEST(holds(got.error, "wait"));
}

BOOST_AUTO_TEST_CASE(a_cut_connection_is_exit_code_6) {
    tcp_peer peer([](peer_connection& one) {
        one.read_to_end();
        one.send("half of");
        one.reset();
    });
    BOOST_TEST(send({text(peer.address())}, "hello").code == 6);
}

BOOST_AUTO_TEST_CASE(usage_errors_are_exit_code_2_and_all_named) {
    const finished got = send({"nowhere", "--timeout", "5", "--encode", "hex", "--tsl", "a", "b"});
    BOOST_TEST(got.code == 2);
    for (const char* part : {"HOST:PORT", "--timeout", "--encode", "--tsl", "\"b\""})
        BOOST_TEST(holds(got.error, part), part);
    const finished missing = send({"127.0.0.1:1", "/no/such/file"});
    BOOST_TEST(missing.code == 2);
    BOOST_TEST(holds(missing.error, "/no/such/file"));
    BOOST_TEST(send({"127.0.0.1:1", "/tmp"}).code == 2);
}

BOOST_AUTO_TEST_CASE(help_and_version_succeed) {
    child_process help({FINPOST_PATH, "--help"}), version({FINPOST_PATH, "--version"});
    BOOST_TEST(*help.wait() == 0);
    BOOST_TEST(holds(help.output(), "finpost send"));
    BOOST_TEST(*version.wait() == 0);
    BOOST_TEST(version.output().starts_with("finpost "));
}

BOOST_AUTO_TEST_CASE(an_early_refusal_is_seen_while_standard_input_is_still_open) {
    config.receive_idle = 300ms;
    start();
    // A pipe that nobody writes to any more, and nobody closes.
    std::array<int, 2> open{};
    BOOST_REQUIRE(::pipe(open.data()) == 0);
    BOOST_REQUIRE(::write(open[1], "abc", 3) == 3);
    const std::string shell = std::string(FINPOST_PATH) + " send " + to_string(address()) +
                              " </dev/fd/" + std::to_string(open[0]);
    child_process child({"sh", "-c", shell});
    const auto code = child.wait(30s);
    ::close(open[0]);
    ::close(open[1]);
    BOOST_TEST((code == 5));
    BOOST_TEST(holds(child.error(), "receive_timeout"));
}

BOOST_AUTO_TEST_CASE(a_command_that_is_interrupted_while_it_sends_is_no_end_for_the_peer) {
    std::promise<void> half;
    std::promise<bool> reset;
    auto came = half.get_future();
    auto told = reset.get_future();
    tcp_peer peer([&](peer_connection& one) {
        one.read_at_least(4);
        half.set_value();
        one.read_to_end();
        reset.set_value(one.was_reset());
    });
    // A FIFO that is open for writing as well: the input has no end.
    const pipe_file pipe;
    child_process child({"sh", "-c", "exec 3<>\"$0\"; printf half >&3; exec \"$1\" send \"$2\" <&3",
                         pipe.name, FINPOST_PATH, text(peer.address())});
    BOOST_REQUIRE((came.wait_for(20s) == std::future_status::ready));
    child.signal(SIGINT);
    BOOST_TEST((child.wait(20s) == 128 + SIGINT));
    BOOST_REQUIRE((told.wait_for(20s) == std::future_status::ready));
    BOOST_TEST(told.get());
}

BOOST_AUTO_TEST_CASE(what_fails_on_this_side_is_not_told_as_the_peers_doing) {
    start();
    const temporary_file file(some_bytes(5'000'000));
    const auto run = [&](const std::string& redirected) {
        child_process child({"sh", "-c", "\"$0\" send \"$1\" \"$2\" " + redirected, FINPOST_PATH,
                             to_string(address()), file.name});
        const auto code = child.wait(60s);
        BOOST_TEST((code && *code != 0));
        return child.error();
    };
    for (const char* redirected : {">/dev/full", ">&-"}) {
        const std::string error = run(redirected);
        BOOST_TEST(error.starts_with("finpost: standard output: "), error);
    }
    // A reader that goes after the first bytes.
    child_process piped({"sh", "-c", "\"$0\" send \"$1\" \"$2\" | head -c 10 >/dev/null",
                         FINPOST_PATH, to_string(address()), file.name});
    BOOST_TEST(piped.wait(60s).has_value());
    BOOST_TEST(piped.error().starts_with("finpost: standard output: "), piped.error());
}

BOOST_AUTO_TEST_CASE(a_closed_standard_input_is_a_usage_error_and_nothing_is_sent) {
    child_process child({"sh", "-c", "\"$0\" send 127.0.0.1:1 <&-", FINPOST_PATH});
    BOOST_TEST((child.wait(20s) == 2));
    BOOST_TEST(holds(child.error(), "standard input"));
}

// A gateway makes no request of it, and closes as it does for a health check: that is no delivery.
BOOST_AUTO_TEST_CASE(nothing_to_send_is_said_before_anything_is_connected) {
    start();
    const temporary_file empty("");
    for (const std::vector<std::string>& flags :
         {std::vector<std::string>{to_string(address()), empty.name},
          {to_string(address())},
          {to_string(address()), "--encode", "base64"},
          {to_string(address()), empty.name, "--encode", "base64"},
          {"127.0.0.1:1"}}) {
        const finished none = send(flags);
        BOOST_TEST(none.code == 2);
        BOOST_TEST(holds(none.error, "there is nothing to send"), none.error);
    }
    BOOST_TEST(counters.read_sessions().accepted == 0u);
}

BOOST_AUTO_TEST_CASE(an_empty_reply_is_said_and_is_a_failure_where_one_is_expected) {
    upstream.by_default(scripted_upstream::raw("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"));
    start();
    const finished taken = send({to_string(address())}, "x");
    BOOST_TEST(taken.code == 0);
    BOOST_TEST(taken.error == "finpost: the reply is empty\n");
    const finished wanted = send({to_string(address()), "--expect-reply"}, "x");
    BOOST_TEST(wanted.code == 6);
    BOOST_TEST(wanted.error == "finpost: the reply is empty\n");
}

BOOST_AUTO_TEST_CASE(a_reply_that_is_expected_and_comes_is_no_failure) {
    start();
    const finished got = send({to_string(address()), "--expect-reply"}, "x");
    BOOST_TEST(got.code == 0);
    BOOST_TEST(got.output == "x");
    BOOST_TEST(got.error == "");
}

BOOST_AUTO_TEST_CASE(an_address_in_another_writing_goes_nowhere) {
    start();
    const finished got = send({"127.000.000.001:" + std::to_string(address().port())}, "x");
    BOOST_TEST(got.code == 2);
    BOOST_TEST(holds(got.error, "did you mean 127.0.0.1?"), got.error);
    BOOST_TEST(counters.read_sessions().accepted == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
