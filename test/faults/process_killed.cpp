// Rows S1 and S16 for what is in flight: a process that is killed, or runs out of memory, has no
// last word. The kernel has it, and must not say FIN for what is not complete. S5 and S9: what it
// leaves in its directory, and what others do.
#include "support/daemon.hpp"
#include "support/gateway_fixture.hpp"
#include "support/temporary_folder.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using ending = raw_client::ending;
using conversation = scripted_upstream::conversation;

namespace {

constexpr std::size_t large = 12'000'000;

// The daemon in front of a scripted service, to be killed.
struct fixture {
    fixture() : gateway(flags()) { gateway.wait_ready(); }
    strings flags() const {
        return {"--upstream", url(),         "--listen",     "127.0.0.1:0",
                "--admin",    "127.0.0.1:0", "--log-format", "json",
                "--threads",  "2",           "--spill-dir",  folder.path().string()};
    }
    std::string url() const { return "http://" + to_string(upstream.address()) + "/upload"; }
    raw_client ask(std::string_view payload) {
        raw_client client(gateway.listens());
        client.send(payload).half_close();
        return client;
    }
    void kill() {
        gateway.process().signal(SIGKILL);
        BOOST_REQUIRE(gateway.ended() == 128 + SIGKILL);
    }

    temporary_folder folder;
    scripted_upstream upstream;
    bare_gateway gateway;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(process_killed, fixture)

BOOST_AUTO_TEST_CASE(S1_clients_that_wait_read_a_reset) {
    upstream.by_default(scripted_upstream::never());
    std::vector<raw_client> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(ask("wait"));
    BOOST_REQUIRE(upstream.wait_for_requests(5));
    clients.emplace_back(gateway.listens());
    clients.back().send("half of a payload");
    clients.emplace_back(gateway.listens()); // has not said anything
    BOOST_REQUIRE(until([this] { return gateway.sample("finpost_sessions_active") == 7; }));
    kill();
    for (raw_client& one : clients) {
        const auto got = one.read_to_end();
        BOOST_TEST(got.bytes == "");
        BOOST_TEST((got.how == ending::reset));
    }
}

BOOST_AUTO_TEST_CASE(S1_clients_that_have_a_part_of_their_reply_read_a_reset) {
    upstream.by_default(scripted_upstream::raw(response(200, some_bytes(large))));
    std::vector<raw_client> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(ask("a lot, please"));
    for (raw_client& one : clients) BOOST_TEST(one.read_at_least(1'000).size() >= 1'000u);
    BOOST_TEST(gateway.sample("finpost_sessions_active") == 3);
    kill();
    for (raw_client& one : clients) {
        const auto got = one.read_to_end();
        BOOST_TEST(got.bytes.size() < large);
        BOOST_TEST((got.how == ending::reset));
    }
}

BOOST_AUTO_TEST_CASE(S1_a_reply_that_is_complete_in_the_kernel_stays_complete) {
    const std::string reply = some_bytes(100'000);
    upstream.by_default(scripted_upstream::raw(response(200, reply)));
    raw_client client = ask("x");
    BOOST_REQUIRE(until([this] {
        return gateway.sample("finpost_exchanges_total{outcome=\"replied\"}") == 1 &&
               gateway.sample("finpost_sessions_active") == 0;
    }));
    kill();
    const auto got = client.read_to_end();
    BOOST_TEST((got.bytes == reply));
    BOOST_TEST((got.how == ending::fin));
}

BOOST_AUTO_TEST_CASE(S1_a_service_that_has_a_part_of_a_request_reads_a_reset) {
    upstream.by_default([](conversation& talk) {
        talk.wait_for_gate(); // the kernels' buffers fill up
        talk.read_body();
    });
    raw_client client = ask(some_bytes(large));
    BOOST_REQUIRE(upstream.wait_for_heads(1));
    kill();
    upstream.open_gate();
    BOOST_TEST(upstream.wait_for_open_connections(0));
    BOOST_TEST(upstream.requests().at(0).cut);
    BOOST_TEST(upstream.requests().at(0).by_reset);
    BOOST_TEST((client.read_to_end().how == ending::reset));
}

BOOST_AUTO_TEST_CASE(S1_what_was_in_files_goes_with_the_process) {
    upstream.by_default(scripted_upstream::never());
    std::vector<raw_client> clients;
    for (int i = 0; i < 3; ++i) clients.push_back(ask(some_bytes(large)));
    BOOST_REQUIRE(upstream.wait_for_requests(3));
    BOOST_TEST(gateway.sample("finpost_spilled_bytes") == 3.0 * large);
    BOOST_TEST(std::filesystem::is_empty(folder.path()));
    kill();
    for (raw_client& one : clients) BOOST_TEST((one.read_to_end().how == ending::reset));
    BOOST_TEST(std::filesystem::is_empty(folder.path()));
}

// Nothing in it has a name, so nobody finds anything of anybody else's.
BOOST_AUTO_TEST_CASE(S9_two_processes_use_one_directory_and_do_not_meet) {
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    bare_gateway other(flags());
    other.wait_ready();
    const std::string payload = some_bytes(large), others_payload = some_bytes(large, 2);
    raw_client first = ask(payload), second(other.listens());
    second.send(others_payload).half_close();
    BOOST_REQUIRE(upstream.wait_for_requests(2));
    kill();
    upstream.open_gate();
    BOOST_TEST((first.read_to_end().how == ending::reset));
    const auto got = second.read_to_end();
    BOOST_TEST((got.bytes == others_payload));
    BOOST_TEST((got.how == ending::fin));
}

BOOST_AUTO_TEST_CASE(S5_a_strangers_file_in_the_directory_is_left_alone) {
    const auto name =
        folder.path() / "finpost-AAAAAA"; // as its own would be called, where they need a name
    const std::string strange = some_bytes(5'000);
    std::ofstream(name) << strange;
    const std::string payload = some_bytes(large);
    BOOST_TEST((exchange(gateway.listens(), payload).bytes == payload));
    gateway.process().signal(SIGTERM);
    BOOST_TEST(gateway.ended() == 0);
    std::ifstream in(name);
    BOOST_TEST((std::string(std::istreambuf_iterator<char>(in), {}) == strange));
    BOOST_TEST(std::filesystem::remove(name));
    BOOST_TEST(std::filesystem::is_empty(folder.path()));
}

BOOST_AUTO_TEST_SUITE_END()
