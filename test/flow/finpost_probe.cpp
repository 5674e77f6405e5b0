// `finpost probe`: whether a half-close survives the path.
#include "support/certificates.hpp"
#include "support/finpost_command.hpp"
#include "support/gateway_fixture.hpp"
#include "support/python_peer.hpp"
#include "support/tcp_peer.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

finished probe(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "probe");
    return run_finpost(std::move(arguments));
}

void expect(const finished& got, int code, const std::string& words) {
    BOOST_TEST(got.code == code, got.output + got.error);
    BOOST_TEST(got.output.find("verdict: ") != std::string::npos, got.output + got.error);
    BOOST_TEST(got.output.find(words) != std::string::npos, got.output + got.error);
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(finpost_probe, gateway_fixture)

BOOST_AUTO_TEST_CASE(a_gateway_is_well_and_makes_no_request_of_it) {
    start();
    expect(probe({to_string(address())}), 0, "the half-close arrives");
    BOOST_TEST(upstream.requests().empty());
    BOOST_TEST(counters.probes.value() == 1u);
}

BOOST_AUTO_TEST_CASE(with_a_payload_the_answer_is_the_proof) {
    start();
    expect(probe({"--payload", "ping", to_string(address())}), 0,
           "the half-close survives: an answer");
    BOOST_TEST(upstream.requests().at(0).body == "ping");
}

BOOST_AUTO_TEST_CASE(a_refusal_after_the_half_close_is_as_good_an_answer) {
    config.decode = codec::base64;
    start();
    expect(probe({"--payload", "!", to_string(address())}), 0,
           "a refusal came back after it (bad_encoding)");
}

BOOST_AUTO_TEST_CASE(a_refusal_because_the_half_close_did_not_come_is_exit_code_5) {
    // Something on the way holds the half-close back: here a peer that never looks for it.
    tcp_peer peer([](peer_connection& one) {
        one.read_to_end();
        one.send("finpost: receive_timeout 017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n");
    });
    expect(probe({"--payload", "x", to_string(peer.address())}), 5, "receive_timeout");
}

BOOST_AUTO_TEST_CASE(silence_is_exit_code_4) {
    tcp_peer peer([](peer_connection& one) { one.stay_silent(); });
    expect(probe({"--timeout", "600ms", to_string(peer.address())}), 4,
           "or no gateway is there. Frames need none: finpostd --frame");
}

BOOST_AUTO_TEST_CASE(a_path_that_closes_both_directions_at_once_is_exit_code_6) {
    tcp_peer peer([](peer_connection& one) { one.read_to_end(); });
    expect(probe({"--payload", "x", to_string(peer.address())}), 6, "closes both directions");
}

BOOST_AUTO_TEST_CASE(a_path_that_resets_at_the_half_close_is_exit_code_6) {
    tcp_peer peer([](peer_connection& one) {
        one.read_to_end();
        one.reset();
    });
    expect(probe({to_string(peer.address())}), 6, "the half-close does not survive");
}

BOOST_AUTO_TEST_CASE(who_closes_by_itself_has_not_answered_the_half_close) {
    tcp_peer peer([](peer_connection&) {});
    expect(probe({to_string(peer.address())}), 6, "by itself, before the half-close");
}

BOOST_AUTO_TEST_CASE(nobody_there_is_exit_code_3) {
    std::string nobody;
    {
        tcp_peer gone([](peer_connection&) {});
        nobody = to_string(gone.address());
    }
    expect(probe({nobody}), 3, nobody);
}

BOOST_AUTO_TEST_CASE(over_tls_the_half_close_is_a_close_notify) {
    if (!have("openssl") || !have("python3")) return;
    certificates made;
    made.make("server");
    python_tls_peer::behaviour empty;
    empty.cert = made.path("server.pem");
    empty.key = made.path("server.key");
    python_tls_peer peer(empty);
    const std::vector<std::string> tls{"--tls",         "--ca",        made.path("ca.pem"),
                                       "--server-name", "server.test", peer.text()};
    const finished got = probe(tls);
    expect(got, 0, "the half-close arrives");
    BOOST_TEST(got.output.find("tls: protocol=TLSv1.3") != std::string::npos, got.output);
    BOOST_TEST(peer.saw("payload 0 whole"));
    std::vector<std::string> asking = tls;
    asking.insert(asking.begin(), {"--payload", "ping"});
    expect(probe(asking), 0, "the half-close survives: an answer");
}

BOOST_AUTO_TEST_SUITE_END()
