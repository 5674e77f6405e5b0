// `finpost send --tls`, as a shell script uses it, against OpenSSL's own server, Python's and
// nginx.
#include "support/certificates.hpp"
#include "support/child_process.hpp"
#include "support/finpost_command.hpp"
#include "support/gateway_fixture.hpp"
#include "support/inherited_listener.hpp"
#include "support/python_peer.hpp"
#include "support/skipping.hpp"
#include "support/tcp_peer.hpp"

#include <boost/test/unit_test.hpp>

#include <optional>

#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// `openssl s_server` on a free port, which it says itself. It sends each line back from right to
// left (which is also what keeps it from ending with its standard input).
class s_server {
public:
    s_server(const certificates& made, const std::string& cert, std::vector<std::string> more)
        : process_([&] {
              std::vector<std::string> all{"openssl", "s_server",
                                           "-accept", "127.0.0.1:0",
                                           "-cert",   made.path(cert + ".pem"),
                                           "-key",    made.path(cert + ".key"),
                                           "-rev"};
              all.insert(all.end(), more.begin(), more.end());
              return all;
          }()) {
        BOOST_REQUIRE_MESSAGE(process_.wait_for_output("ACCEPT 127.0.0.1:"), process_.error());
        const std::string out = process_.output();
        const std::size_t at = out.find("ACCEPT ") + 7;
        text_ = out.substr(at, out.find('\n', at) - at);
    }
    const std::string& text() const { return text_; }

private:
    child_process process_;
    std::string text_;
};

struct fixture : gateway_fixture {
    fixture() {
        if (!have("openssl")) return;
        made.emplace();
        made->make("server");
    }

    finished send(std::vector<std::string> arguments, std::string input = "hello\n") {
        arguments.insert(arguments.begin(), {"send", "--tls", "--ca", made->path("ca.pem")});
        return run_finpost(std::move(arguments), std::move(input));
    }

    // Exit code 3, with these words, and the payload has not arrived anywhere.
    void expect_no_connection(const finished& got, const std::string& words) {
        BOOST_TEST(got.code == 3);
        BOOST_TEST(got.output == "");
        BOOST_TEST(got.error.starts_with("finpost: no connection to "), got.error);
        BOOST_TEST(holds(got.error, words), got.error);
    }

    python_tls_peer::behaviour echo(const std::string& cert = "server") const {
        python_tls_peer::behaviour out;
        out.cert = made->path(cert + ".pem");
        out.key = made->path(cert + ".key");
        return out;
    }

    std::optional<certificates> made;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(finpost_send_tls, fixture)

BOOST_AUTO_TEST_CASE(openssl_answers_in_both_versions_and_verbose_tells_what_was_agreed) {
    if (!made) return;
    for (const std::string version : {"1_2", "1_3"}) {
        const s_server peer(*made, "server", {"-tls" + version});
        const finished got = send({"-v", "--server-name", "server.test", peer.text()});
        BOOST_TEST(got.code == 0, got.error);
        BOOST_TEST(got.output == "olleh\n");
        const std::string protocol = version == "1_2" ? "TLSv1.2" : "TLSv1.3";
        for (const std::string& part :
             {"tls: protocol=" + protocol, std::string("cipher="), std::string("peer=server.test"),
              std::string("verified=ok"), std::string("\ntls "),
              std::string("then the close_notify")})
            BOOST_TEST(holds(got.error, part), part + " is not in " + got.error);
    }
}

BOOST_AUTO_TEST_CASE(a_file_comes_back_from_python_whole) {
    if (!made || !have("python3")) return;
    python_tls_peer peer(echo());
    const std::string payload = some_bytes(3'000'000);
    const finished got = send({"--server-name", "server.test", peer.text()}, payload);
    BOOST_TEST(got.code == 0, got.error);
    BOOST_TEST((got.output == payload));
}

BOOST_AUTO_TEST_CASE(a_reply_without_its_close_notify_is_exit_code_6) {
    if (!made || !have("python3")) return;
    auto cut = echo();
    cut.mode = "cut";
    python_tls_peer peer(cut);
    const finished got = send({"--server-name", "server.test", peer.text()});
    BOOST_TEST(got.code == 6);
    BOOST_TEST(holds(got.error, "the TLS connection ended without close_notify"), got.error);
}

BOOST_AUTO_TEST_CASE(a_server_that_cannot_prove_who_it_is_is_exit_code_3_and_says_why) {
    if (!made) return;
    struct bad {
        const char* file;
        certificates::wanted how;
        const char* words;
    };
    certificates::wanted expired, unborn, self, other, with_nul;
    expired.until = "20210304050607Z";
    unborn.from = "20440101000000Z";
    self.self_signed = true;
    other.alternatives = "DNS:other.test";
    with_nul.name = "server.test.evil.test";
    with_nul.alternatives =
        "DER:30:12:82:10:73:65:72:76:65:72:2e:74:65:73:74:00:2e:78:79:7a"; // server.test\0.xyz
    for (const bad& one :
         {bad{"expired", expired, "certificate has expired"},
          bad{"unborn", unborn, "certificate is not yet valid"},
          bad{"self", self, "self-signed certificate"}, bad{"other", other, "hostname mismatch"},
          bad{"nul", with_nul, "hostname mismatch"}}) {
        made->make(one.file, one.how);
        const s_server peer(*made, one.file, {});
        const finished got = send({"-v", "--server-name", "server.test", peer.text()});
        BOOST_TEST(got.code == 3, one.file);
        BOOST_TEST(got.output == "");
        BOOST_TEST(
            holds(got.error, std::string("(handshake): the TLS handshake failed: ") + one.words),
            got.error);
        BOOST_TEST(holds(got.error, std::string("verified=\"") + one.words), got.error);
    }
}

BOOST_AUTO_TEST_CASE(an_authority_nobody_knows_is_exit_code_3) {
    if (!made) return;
    certificates others;
    others.make("server");
    const s_server peer(others, "server", {});
    expect_no_connection(send({"--server-name", "server.test", peer.text()}),
                         "unable to get local issuer certificate");
}

BOOST_AUTO_TEST_CASE(an_address_is_proved_by_an_address) {
    if (!made) return;
    certificates::wanted by_address;
    by_address.alternatives = "IP:127.0.0.1";
    made->make("address", by_address);
    const s_server right(*made, "address", {}), wrong(*made, "server", {});
    const finished got = send({right.text()});
    BOOST_TEST(got.code == 0, got.error);
    BOOST_TEST(got.output == "olleh\n");
    expect_no_connection(send({wrong.text()}), "IP address mismatch");
}

BOOST_AUTO_TEST_CASE(the_name_asked_for_reaches_the_server) {
    if (!made) return;
    made->make("second", {.name = "second.test", .alternatives = "DNS:second.test"});
    const s_server peer(*made, "server",
                        {"-servername", "second.test", "-cert2", made->path("second.pem"), "-key2",
                         made->path("second.key")});
    for (const std::string name : {"server.test", "second.test"}) {
        const finished got = send({"-v", "--server-name", name, peer.text()});
        BOOST_TEST(got.code == 0, got.error);
        BOOST_TEST(holds(got.error, "peer=" + name), got.error);
    }
}

BOOST_AUTO_TEST_CASE(
    a_client_certificate_is_shown_where_it_is_demanded_and_its_absence_is_exit_code_3) {
    if (!made || !have("python3")) return;
    made->make("device", {.name = "device", .alternatives = ""});
    certificates others;
    others.make("stranger");
    for (const std::string version : {"1.2", "1.3"}) {
        auto asking = echo();
        asking.client_ca = made->path("ca.pem");
        asking.version = version;
        python_tls_peer peer(asking);
        const finished got =
            send({"--server-name", "server.test", "--cert", made->path("device.pem"), "--key",
                  made->path("device.key"), peer.text()});
        BOOST_TEST(got.code == 0, got.error);
        BOOST_TEST(got.output == "hello\n");
        const s_server strict(
            *made, "server",
            {"-Verify", "1", "-CAfile", made->path("ca.pem"), "-verify_return_error"});
        const finished none = send({"--server-name", "server.test", strict.text()});
        expect_no_connection(none, "the other side refused: ");
        const finished wrong =
            send({"--server-name", "server.test", "--cert", others.path("stranger.pem"), "--key",
                  others.path("stranger.key"), strict.text()});
        expect_no_connection(wrong, "the other side refused: unknown ca");
    }
}

BOOST_AUTO_TEST_CASE(plain_text_and_silence_are_no_tls) {
    if (!made) return;
    config.max_payload = 10; // refuses the ClientHello, in plain text
    start();
    expect_no_connection(send({"--server-name", "server.test", to_string(address())}),
                         "the other side does not speak TLS");
    BOOST_TEST(upstream.requests().empty());
    tcp_peer silent([](peer_connection& one) { one.stay_silent(); });
    expect_no_connection(send({"--connect-timeout", "300ms", to_string(silent.address())}),
                         "(handshake)");
    tcp_peer closes([](peer_connection& one) { one.read_at_least(1); });
    BOOST_TEST(send({to_string(closes.address())}).code == 3);
}

BOOST_AUTO_TEST_CASE(who_forgets_tls_at_a_gateway_that_wants_it_is_refused_with_exit_code_5) {
    if (!made) return;
    config.tls.cert = made->path("server.pem");
    config.tls.key = made->path("server.key");
    start();
    child_process child({FINPOST_PATH, "send", to_string(address())}, {}, "hello");
    BOOST_TEST(child.wait(60s).value_or(-1) == 5);
    BOOST_TEST(child.output() == "");
    BOOST_TEST(holds(child.error(), "tls_handshake"), child.error());
}

BOOST_AUTO_TEST_CASE(files_that_do_not_fit_are_usage_errors_each_named_by_its_option) {
    if (!made) return;
    made->make("other");
    const finished mismatch =
        send({"--cert", made->path("server.pem"), "--key", made->path("other.key"), "127.0.0.1:1"});
    BOOST_TEST(mismatch.code == 2);
    BOOST_TEST(holds(mismatch.error, "finpost: --key: "), mismatch.error);
    BOOST_TEST(holds(mismatch.error, "is not the key of the certificate"), mismatch.error);
    const finished missing =
        send({"--cert", "/no/such/cert", "--key", "/no/such/key", "127.0.0.1:1"});
    BOOST_TEST(missing.code == 2);
    for (const char* part :
         {"--key: \"/no/such/key\": No such file", "--cert: \"/no/such/cert\": No such"})
        BOOST_TEST(holds(missing.error, part), missing.error);
}

BOOST_AUTO_TEST_CASE(behind_haproxy_that_ends_tls_a_plain_gateway_answers) {
    if (!made || !have("haproxy")) return;
    start();
    const inherited_listener front;
    made->write("both.pem", made->read("server.pem") + made->read("server.key"));
    made->write("haproxy.cfg",
                "defaults\n  mode tcp\n  timeout connect 20s\n  timeout client 20s\n"
                "  timeout server 20s\nfrontend f\n  bind fd@" +
                    std::to_string(front.fd()) + " ssl crt " + made->path("both.pem") +
                    "\n  default_backend b\nbackend b\n  server s " + to_string(address()) + "\n");
    const child_process haproxy({"haproxy", "-db", "-f", made->path("haproxy.cfg")});
    const std::string payload = some_bytes(300'000);
    const finished got = send({"--server-name", "server.test", front.address()}, payload);
    BOOST_TEST(got.code == 0, got.error);
    BOOST_TEST((got.output == payload));
}

BOOST_AUTO_TEST_CASE(behind_nginx_that_ends_tls_no_reply_counts_as_whole) {
    // Told of the client's close_notify, nginx never sends its own: the reply comes, and then just
    // the FIN, which may as well be the end of a reply that was cut.
    const std::string module = "/usr/lib/nginx/modules/ngx_stream_module.so";
    if (!made || !have("nginx")) return;
    if (!can_run(::access(module.c_str(), R_OK) == 0, module + " is not installed")) return;
    start();
    std::optional<child_process> nginx;
    socket_address front;
    // Another program may take the port between the choice and nginx's bind: then once more.
    for (int i = 0; i < 5 && !nginx; ++i) {
        { front = refusing_port().address(); }
        made->write("nginx.conf",
                    "load_module " + module +
                        ";\ndaemon off; master_process off; pid nginx.pid;\n"
                        "error_log stderr notice;\nevents {}\nstream { server { listen " +
                        to_string(front) + " ssl; ssl_certificate " + made->path("server.pem") +
                        "; ssl_certificate_key " + made->path("server.key") + "; proxy_pass " +
                        to_string(address()) + "; proxy_half_close on; } }\n");
        nginx.emplace(std::vector<std::string>{"nginx", "-c", made->path("nginx.conf"), "-p",
                                               made->folder().path().string(), "-e", "stderr"});
        // Written when the sockets are open.
        if (!nginx->wait_for_error("event method")) nginx.reset();
    }
    BOOST_REQUIRE(nginx);
    const finished got = send({"--server-name", "server.test", to_string(front)});
    BOOST_TEST(got.code == 6, got.error);
    BOOST_TEST(holds(got.error, "the TLS connection ended without close_notify"), got.error);
    BOOST_TEST(upstream.requests().at(0).body == "hello\n"); // the half-close itself survives
}

BOOST_AUTO_TEST_SUITE_END()
