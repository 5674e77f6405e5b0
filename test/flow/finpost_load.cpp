// The command `finpost load`: what it counts, and how it ends.
#include "support/child_process.hpp"
#include "support/finpost_command.hpp"
#include "support/frame_reference.hpp"
#include "support/gateway_fixture.hpp"
#include "support/inherited_listener.hpp"
#include "support/tcp_peer.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <set>
#include <thread>

#include <sys/socket.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

struct load_run : finished {
    bool says(const std::string& part) const { return (output + error).find(part) != output.npos; }
    /// A number in the JSON object, wherever in it; the first of that name.
    double number(const std::string& name) const {
        const std::size_t at = output.find('"' + name + "\":");
        BOOST_REQUIRE_MESSAGE(at != output.npos, name << " in " << output);
        return std::stod(output.substr(at + name.size() + 3));
    }
};

load_run load(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "load");
    return {run_finpost(std::move(arguments))};
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(finpost_load, gateway_fixture)

BOOST_AUTO_TEST_CASE(every_exchange_is_an_own_payload_and_is_counted) {
    start();
    const load_run run = load({to_string(address()), "-n", "300", "-c", "16", "--json"});
    BOOST_TEST(run.code == 0);
    BOOST_TEST(run.number("exchanges") == 300);
    BOOST_TEST(run.number("failed") == 0);
    BOOST_TEST(run.number("p50") > 0);
    BOOST_TEST(run.number("p50") <= run.number("max"));
    std::set<std::string> bodies;
    for (const auto& request : upstream.requests()) bodies.insert(request.body);
    BOOST_TEST(bodies.size() == 300u);
}

BOOST_AUTO_TEST_CASE(large_payloads_are_verified_to_the_last_byte) {
    start();
    const load_run run =
        load({to_string(address()), "-n", "4", "-c", "2", "--size", "5MiB", "--json"});
    BOOST_TEST(run.code == 0);
    BOOST_TEST(run.number("exchanges") == 4);
}

BOOST_AUTO_TEST_CASE(a_load_that_is_killed_leaves_no_half_payload) {
    const inherited_listener port;
    const timeval limit{20, 0};
    ::setsockopt(port.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    child_process child(
        {FINPOST_PATH, "load", port.address(), "-n", "1", "-c", "1", "--size", "50MiB"});
    // The first connection only sees whether anybody is there.
    const peer_connection look(::accept4(port.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    peer_connection one(::accept4(port.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    BOOST_TEST(!one.read_at_least(1).empty());
    child.signal(SIGKILL);
    BOOST_TEST((child.wait() == 128 + SIGKILL));
    BOOST_TEST(one.read_to_end().size() < (50u << 20));
    BOOST_TEST(one.was_reset());
}

BOOST_AUTO_TEST_CASE(a_person_gets_a_few_lines) {
    start();
    const load_run run = load({to_string(address()), "-n", "20"});
    BOOST_TEST(run.code == 0);
    for (const char* part : {"succeeded  20 in", "failed     0", "p99.9", "own CPU"})
        BOOST_TEST(run.says(part), run.output);
}

BOOST_AUTO_TEST_CASE(refusals_are_told_by_their_reason) {
    config.max_payload = 1000;
    start();
    const load_run run = load({to_string(address()), "-n", "10", "--json"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("too_large") == 10);
    BOOST_TEST(run.number("refused") == 10);
    BOOST_TEST(run.number("exchanges") == 0);
}

BOOST_AUTO_TEST_CASE(a_reply_that_is_not_the_payload_is_an_error_unless_that_is_expected) {
    upstream.by_default(scripted_upstream::raw(response(200, "something else")));
    start();
    const load_run verified = load({to_string(address()), "-n", "5", "--json"});
    BOOST_TEST(verified.code == 1);
    BOOST_TEST(verified.number("wrong_reply") == 5);
    const load_run any = load({to_string(address()), "-n", "5", "--json", "--no-verify"});
    BOOST_TEST(any.code == 0);
    BOOST_TEST(any.number("exchanges") == 5);
}

BOOST_AUTO_TEST_CASE(without_verification_a_refusal_is_still_no_success) {
    config.max_payload = 1000;
    start();
    const load_run run = load({to_string(address()), "-n", "3", "--json", "--no-verify"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("too_large") == 3);
}

BOOST_AUTO_TEST_CASE(an_answer_that_never_comes_is_a_timeout) {
    upstream.by_default(scripted_upstream::never());
    start();
    const load_run run = load({to_string(address()), "-n", "2", "--timeout", "200ms", "--json"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("timed_out") == 2);
    stop_gateway();
}

BOOST_AUTO_TEST_CASE(a_reset_is_told_from_a_refusal) {
    config.max_payload = 1000;
    config.on_refusal = refusal_style::reset;
    start();
    const load_run run = load({to_string(address()), "-n", "4", "--json"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("reset") == 4);
}

BOOST_AUTO_TEST_CASE(an_end_without_a_word_is_cut_short) {
    config.max_payload = 1000;
    config.on_refusal = refusal_style::close;
    start();
    const load_run run = load({to_string(address()), "-n", "4", "--json"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("cut_short") == 4);
}

// One slow answer, and arrivals go on meanwhile: in an open loop all of them have waited.
BOOST_AUTO_TEST_CASE(an_open_loop_does_not_hide_a_stall) {
    upstream.on(1, [](scripted_upstream::conversation& talk) {
        talk.read_body();
        std::this_thread::sleep_for(500ms); // the stall itself
        talk.send(response(200, talk.request().body));
    });
    start();
    const load_run run =
        load({to_string(address()), "-c", "1", "--rate", "100", "-n", "20", "--json"});
    BOOST_TEST(run.code == 0);
    BOOST_TEST(run.number("exchanges") == 20);
    // The last of them was due at 190 ms, and none was answered before 500 ms.
    BOOST_TEST(run.number("min") > 250'000);
}

BOOST_AUTO_TEST_CASE(slow_clients_are_held_to_the_end_and_answered) {
    start();
    const load_run run =
        load({to_string(address()), "--slow", "5", "-n", "20", "-c", "2", "--json"});
    BOOST_TEST(run.code == 0);
    BOOST_TEST(run.says("slow clients in place: 5"));
    for (const char* what : {"opened", "stayed", "answered"}) BOOST_TEST(run.number(what) == 5);
    BOOST_TEST(run.number("exchanges") == 20);
}

BOOST_AUTO_TEST_CASE(slow_clients_that_are_thrown_out_are_missed) {
    config.receive_total = 500ms;
    start();
    const load_run run = load({to_string(address()), "--slow", "5", "-n", "5", "--json"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("opened") == 5);
    BOOST_TEST(run.number("stayed") == 0);
}

BOOST_AUTO_TEST_CASE(ctrl_c_ends_the_run_and_prints_what_it_has) {
    start();
    child_process child({FINPOST_PATH, "load", to_string(address()), "--duration", "1h"});
    BOOST_TEST(upstream.wait_for_requests(100));
    child.signal(SIGINT);
    BOOST_TEST((child.wait() == 0));
    BOOST_TEST(child.output().find("interrupted") != std::string::npos);
    BOOST_TEST(child.output().find("succeeded  0 ") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(frames_go_one_after_another_over_each_connection) {
    config.frame = spec("line");
    start();
    const load_run run =
        load({to_string(address()), "-n", "300", "-c", "4", "--frame", "line", "--json"});
    BOOST_TEST(run.code == 0);
    BOOST_TEST(run.number("exchanges") == 300);
    BOOST_TEST(run.number("failed") == 0);
    BOOST_TEST(run.number("connections_made") == 4);
    BOOST_TEST(run.number("resent") == 0);
    BOOST_TEST(run.says(R"("frame":"line")"));
    std::set<std::string> bodies;
    for (const auto& request : upstream.requests()) bodies.insert(request.body);
    BOOST_TEST(bodies.size() == 300u);
    BOOST_TEST(counters.further.value() == 296u);
}

BOOST_AUTO_TEST_CASE(each_frame_is_verified_whatever_its_size) {
    for (const char* frame :
         {"line", "delimiter:0D0A", "stx-etx", "stx-etx,lrc", "stx-etx,sum", "mllp", "length:u32be",
          "length:u32le,inclusive", "length:ascii:7", "netstring"}) {
        gateway_fixture one;
        one.config.frame = spec(frame);
        one.start();
        for (const char* size : {"1", "200000"}) {
            const load_run run = load({to_string(one.address()), "-n", "6", "-c", "2", "--size",
                                       size, "--frame", frame, "--json"});
            BOOST_TEST(run.code == 0, frame << ": " << run.output);
            BOOST_TEST(run.number("exchanges") == 6);
            BOOST_TEST(run.number("connections_made") == 2);
        }
        one.teardown();
    }
}

BOOST_AUTO_TEST_CASE(a_connection_has_as_many_exchanges_as_it_may) {
    config.frame = spec("netstring");
    start();
    const load_run run =
        load({to_string(address()), "-n", "100", "-c", "1", "-k", "5", "--frame", "netstring"});
    BOOST_TEST(run.code == 0);
    BOOST_TEST(run.says("succeeded  100 in"), run.output);
    BOOST_TEST(run.says("framed as netstring\n"), run.output);
    BOOST_TEST(run.says("connected  20 times\n"), run.output);
}

BOOST_AUTO_TEST_CASE(a_refusal_between_frames_leaves_the_connection) {
    for (const char* frame : {"line", "mllp"}) {
        gateway_fixture one;
        one.config.frame = spec(frame);
        for (const std::size_t n : {3u, 4u, 8u})
            one.upstream.on(n, scripted_upstream::raw(response(500, "no")));
        one.start();
        const load_run run =
            load({to_string(one.address()), "-n", "10", "-c", "1", "--frame", frame, "--json"});
        BOOST_TEST(run.code == 1);
        BOOST_TEST(run.number("exchanges") == 7);
        BOOST_TEST(run.number("upstream_status") == 3);
        BOOST_TEST(run.number("failed") == 3);
        BOOST_TEST(run.number("connections_made") == 1);
        one.teardown();
    }
}

BOOST_AUTO_TEST_CASE(a_refusal_that_ends_the_connection_is_one_and_no_more) {
    config.frame = spec("length:u32be");
    config.max_payload = 1000;
    start();
    for (const char* size : {"1001", "1MiB"}) {
        const load_run run = load({to_string(address()), "-n", "5", "-c", "2", "--size", size,
                                   "--frame", "length:u32be", "--json"});
        BOOST_TEST(run.code == 1);
        BOOST_TEST(run.number("too_large") == 5);
        BOOST_TEST(run.number("failed") == 5);
        BOOST_TEST(run.number("connections_made") == 5);
    }
}

BOOST_AUTO_TEST_CASE(a_connection_that_has_had_enough_is_made_anew) {
    config.frame = spec("line");
    config.max_exchanges = 3;
    start();
    const load_run run =
        load({to_string(address()), "-n", "60", "-c", "2", "--frame", "line", "--json"});
    BOOST_TEST(run.code == 0);
    BOOST_TEST(run.number("exchanges") == 60);
    BOOST_TEST(run.number("connections_made") >= 20);
    BOOST_TEST(upstream.complete() == 60u);
}

BOOST_AUTO_TEST_CASE(a_connection_that_ends_in_a_pause_is_made_anew) {
    config.frame = spec("mllp");
    config.between = 20ms;
    start();
    const load_run run = load(
        {to_string(address()), "-n", "5", "-c", "1", "--rate", "5", "--frame", "mllp", "--json"});
    BOOST_TEST(run.code == 0);
    BOOST_TEST(run.number("exchanges") == 5);
    BOOST_TEST(run.number("connections_made") > 1);
}

// It was sent twice, for the first end may have crossed it on its way; the second one did not.
BOOST_AUTO_TEST_CASE(a_frame_that_nobody_answers_is_counted_once_and_said) {
    config.frame = spec("line");
    config.on_refusal = refusal_style::close;
    for (const std::size_t n : {3u, 4u})
        upstream.on(n, scripted_upstream::raw(response(500, "no")));
    start();
    const load_run run =
        load({to_string(address()), "-n", "6", "-c", "1", "--frame", "line", "--json"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("exchanges") == 5);
    BOOST_TEST(run.number("cut_short") == 1);
    BOOST_TEST(run.number("resent") == 1);
    BOOST_TEST(run.number("connections_made") == 3);
}

BOOST_AUTO_TEST_CASE(a_reset_instead_of_a_frame_is_told_from_an_end) {
    config.frame = spec("line");
    config.on_refusal = refusal_style::reset;
    upstream.on(3, scripted_upstream::raw(response(500, "no")));
    start();
    const load_run run =
        load({to_string(address()), "-n", "6", "-c", "1", "--frame", "line", "--json"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("exchanges") == 5);
    BOOST_TEST(run.number("reset") == 1);
    BOOST_TEST(run.number("connections_made") == 2);
}

BOOST_AUTO_TEST_CASE(a_wrong_reply_in_a_frame_costs_its_connection) {
    config.frame = spec("mllp");
    upstream.on(3, scripted_upstream::raw(response(200, "something else")));
    start();
    const load_run run =
        load({to_string(address()), "-n", "6", "-c", "1", "--frame", "mllp", "--json"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("exchanges") == 5);
    BOOST_TEST(run.number("wrong_reply") == 1);
    BOOST_TEST(run.number("connections_made") == 2);
}

BOOST_AUTO_TEST_CASE(without_verification_a_refusal_in_a_frame_is_still_no_success) {
    config.frame = spec("line");
    upstream.by_default(scripted_upstream::raw(response(200, "something else")));
    upstream.on(2, scripted_upstream::raw(response(500, "no")));
    upstream.on(3, scripted_upstream::raw(response(200, "")));
    start();
    const load_run run = load(
        {to_string(address()), "-n", "6", "-c", "1", "--frame", "line", "--no-verify", "--json"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("exchanges") == 5);
    BOOST_TEST(run.number("upstream_status") == 1);
    BOOST_TEST(run.number("connections_made") == 1);
}

BOOST_AUTO_TEST_CASE(a_reply_that_is_no_frame_is_cut_short) {
    config.frame = spec("mllp");
    config.reply_frame = spec("line");
    start();
    const load_run run =
        load({to_string(address()), "-n", "4", "-c", "1", "--frame", "mllp", "--json"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("cut_short") == 4);
    BOOST_TEST(run.number("connections_made") == 4);
}

BOOST_AUTO_TEST_CASE(a_gateway_that_knows_no_frame_refuses_in_plain_words) {
    config.receive_idle = 200ms;
    start();
    const load_run run =
        load({to_string(address()), "-n", "2", "-c", "2", "--frame", "mllp", "--json"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("receive_timeout") == 2);
}

BOOST_AUTO_TEST_CASE(a_frame_that_is_never_answered_is_a_timeout) {
    config.frame = spec("mllp");
    upstream.on(2, scripted_upstream::never());
    start();
    const load_run run = load({to_string(address()), "-n", "3", "-c", "1", "--timeout", "300ms",
                               "--frame", "mllp", "--json"});
    BOOST_TEST(run.code == 1);
    BOOST_TEST(run.number("timed_out") == 1);
    BOOST_TEST(run.number("exchanges") == 2);
    BOOST_TEST(run.number("connections_made") == 2);
    stop_gateway();
}

BOOST_AUTO_TEST_CASE(a_reply_that_is_cut_is_told_by_how_it_ended) {
    const inherited_listener port;
    const timeval limit{20, 0};
    ::setsockopt(port.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    child_process child({FINPOST_PATH, "load", port.address(), "-n", "4", "-c", "1", "--size", "9",
                         "--frame", "mllp", "--json"});
    const auto next = [&] { return ::accept4(port.fd(), nullptr, nullptr, SOCK_CLOEXEC); };
    const peer_connection look(next()); // only sees whether anybody is there
    for (const bool reset : {false, true}) {
        peer_connection one(next());
        const std::string first = one.read_at_least(12);
        one.send(first); // an echo
        one.read_at_least(12);
        one.send(first.substr(0, 5));
        reset ? one.reset() : one.half_close();
    }
    BOOST_TEST((child.wait() == 1));
    const load_run run{{1, child.output(), ""}};
    BOOST_TEST(run.number("exchanges") == 2);
    BOOST_TEST(run.number("cut_short") == 1);
    BOOST_TEST(run.number("reset") == 1);
    BOOST_TEST(run.number("connections_made") == 2);
}

// Of a line, what a FIN ends would be a payload.
BOOST_AUTO_TEST_CASE(a_load_that_is_killed_leaves_no_part_of_a_frame) {
    const inherited_listener port;
    const timeval limit{20, 0};
    ::setsockopt(port.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    child_process child({FINPOST_PATH, "load", port.address(), "-n", "1", "-c", "1", "--size",
                         "50MiB", "--frame", "line"});
    const peer_connection look(::accept4(port.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    peer_connection one(::accept4(port.fd(), nullptr, nullptr, SOCK_CLOEXEC));
    BOOST_TEST(!one.read_at_least(1).empty());
    child.signal(SIGKILL);
    BOOST_TEST((child.wait() == 128 + SIGKILL));
    BOOST_TEST(one.read_to_end().find('\n') == std::string::npos);
    BOOST_TEST(one.was_reset());
}

BOOST_AUTO_TEST_CASE(a_load_of_frames_ends_its_connections_between_two_of_them) {
    for (const std::size_t size : {9u, 9000u}) {
        const inherited_listener port;
        const timeval limit{20, 0};
        ::setsockopt(port.fd(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        child_process child({FINPOST_PATH, "load", port.address(), "-n", "2", "-c", "1", "--size",
                             std::to_string(size), "--frame", "line"});
        const peer_connection look(::accept4(port.fd(), nullptr, nullptr, SOCK_CLOEXEC));
        peer_connection one(::accept4(port.fd(), nullptr, nullptr, SOCK_CLOEXEC));
        for (int i = 0; i < 2; ++i) one.send(one.read_at_least(size + 1));
        BOOST_TEST(one.read_to_end() == "");
        BOOST_TEST(!one.was_reset());
        BOOST_TEST((child.wait() == 0));
    }
}

BOOST_AUTO_TEST_CASE(nobody_there_is_an_exit_code_of_its_own) {
    const refusing_port nobody;
    const load_run run = load({to_string(nobody.address()), "-n", "10"});
    BOOST_TEST(run.code == 3);
    BOOST_TEST(run.output == "");
    BOOST_TEST(run.says("refused"), run.error);
}

BOOST_AUTO_TEST_CASE(every_bad_option_is_named) {
    const load_run run = load({"127.0.0.1:5000", "--size", "big", "--rate", "fast", "--what"});
    BOOST_TEST(run.code == 2);
    BOOST_TEST(run.output == "");
    for (const char* part : {"--size: ", "--rate: ", "--what"})
        BOOST_TEST(run.says(part), run.error);
    BOOST_TEST(load({}).code == 2);
    const load_run framed = load({"127.0.0.1:5000", "-k", "10"});
    BOOST_TEST(framed.code == 2);
    BOOST_TEST(framed.says("--per-connection: needs --frame"), framed.error);
    BOOST_TEST(load({"127.0.0.1:5000", "--frame", "fixed:10"}).code == 2);
}

BOOST_AUTO_TEST_CASE(help_is_no_error) {
    const load_run run = load({"--help"});
    BOOST_TEST(run.code == 0);
    BOOST_TEST(run.says("--no-verify"));
    BOOST_TEST(run.says("-k, --per-connection N"));
}

BOOST_AUTO_TEST_SUITE_END()
