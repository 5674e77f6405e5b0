// The command `finpost load`: what it counts, and how it ends.
#include "support/child_process.hpp"
#include "support/finpost_command.hpp"
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
}

BOOST_AUTO_TEST_CASE(help_is_no_error) {
    const load_run run = load({"--help"});
    BOOST_TEST(run.code == 0);
    BOOST_TEST(run.says("--no-verify"));
}

BOOST_AUTO_TEST_SUITE_END()
