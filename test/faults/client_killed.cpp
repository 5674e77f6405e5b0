// Row S1 at the other end: `finpost send` is killed when it has sent a part of its payload.
#include "support/temporary_folder.hpp"
#include "support/tls_gateway.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <string>
#include <vector>

#include <sys/stat.h>

using namespace finpost;
using namespace finpost::test;

namespace {

// A gateway in this process, and `finpost send` that has sent a part of its payload when it is
// killed.
struct killed_client : tls_gateway {
    void expect_no_payload(std::vector<std::string> flags) {
        const temporary_folder folder;
        const std::string pipe = (folder.path() / "input").string();
        BOOST_REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
        // A FIFO that is open for writing as well: the input has no end.
        std::vector<std::string> command{
            "sh",
            "-c",
            "pipe=$0; exec 3<>\"$pipe\"; head -c 50000 /dev/zero >&3; exec \"$@\" <&3",
            pipe,
            FINPOST_PATH,
            "send"};
        command.insert(command.end(), flags.begin(), flags.end());
        command.push_back(to_string(address()));
        child_process client(std::move(command));
        BOOST_REQUIRE(wait_for_bytes_in(1));
        client.signal(SIGKILL);
        BOOST_TEST((client.wait() == 128 + SIGKILL));
        const auto line = access_line();
        BOOST_TEST(line.at("outcome") == "aborted");
        BOOST_TEST(line.at("reason") == "aborted_read");
        BOOST_TEST(upstream.count() == 0u);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(client_killed, killed_client)

BOOST_AUTO_TEST_CASE(S1_half_a_payload_of_a_killed_client_is_no_payload) {
    config.tls = {};
    start();
    expect_no_payload({});
}

BOOST_AUTO_TEST_CASE(S1_nor_is_it_behind_a_proxy_header) {
    config.tls = {};
    config.proxy_protocol_from = {parse_network("127.0.0.1").value()};
    start();
    expect_no_payload({"--proxy-protocol", "v2"});
}

BOOST_AUTO_TEST_CASE(S1_nor_is_it_over_tls) {
    if (!ready()) return;
    start();
    expect_no_payload({"--tls", "--ca", made->path("ca.pem"), "--server-name", "server.test"});
}

BOOST_AUTO_TEST_SUITE_END()
