// TLS on the listeners, with a client that does what it is told and with OpenSSL's, Python's and
// curl's.
#include "support/child_process.hpp"
#include "support/tls_gateway.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using ending = tls_client::ending;

namespace {

constexpr const char* python_client = R"(
import socket, ssl, sys
host, port, ca, version = sys.argv[1:5]
context = ssl.create_default_context(cafile=ca)
exact = ssl.TLSVersion.TLSv1_2 if version == '1.2' else ssl.TLSVersion.TLSv1_3
context.minimum_version = context.maximum_version = exact
raw = socket.create_connection((host, int(port)), 20)
incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
tls = context.wrap_bio(incoming, outgoing, server_hostname='server.test')

def step(call):
    while True:
        try:
            result = call()
            raw.sendall(outgoing.read())
            return result
        except ssl.SSLWantReadError:
            raw.sendall(outgoing.read())
            data = raw.recv(65536)
            if data: incoming.write(data)
            else: incoming.write_eof()

step(tls.do_handshake)
payload = sys.stdin.buffer.read()
while payload:
    payload = payload[step(lambda: tls.write(payload)):]
try:
    tls.unwrap()          # the close_notify, one way
except ssl.SSLWantReadError:
    pass
raw.sendall(outgoing.read())
while True:
    try:
        data = step(lambda: tls.read(65536))
    except ssl.SSLZeroReturnError:
        break
    if not data: break
    sys.stdout.buffer.write(data)
)";

struct fixture : tls_gateway {
    std::string port() const { return std::to_string(address().port()); }
    // The same rules, and the files as they are now.
    void reload() { door().change({{config, forwarder().as_handler()}}); }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(listener_tls, fixture)

BOOST_AUTO_TEST_CASE(payloads_of_any_size_are_answered_after_the_close_notify) {
    if (!ready()) return;
    start();
    for (const std::size_t size : {1u, 1'000u, 16'384u, 70'000u, 5'000'000u}) {
        const std::string payload = some_bytes(size);
        const auto got = secure_exchange(payload);
        BOOST_TEST((got.bytes == payload));
        BOOST_TEST((got.how == ending::close_notify));
    }
    BOOST_TEST(counters.replied.value() == 5u);
    BOOST_TEST(access_line().at("outcome") == "replied");
    BOOST_TEST(access_line(5).number("bytes_in") == 5'000'000);
}

BOOST_AUTO_TEST_CASE(a_payload_that_comes_in_one_segment_with_its_end_is_not_waited_for) {
    if (!ready()) return;
    config.receive_idle = 60s;
    start();
    for (int i = 0; i < 50; ++i) {
        tls_client client(address(), this->client());
        BOOST_TEST(!client.handshake());
        auto held = hold_threads(); // it all lies in the kernel when the gateway looks
        client.send(std::string(1u << 15, 'x')).finish();
        held.reset();
        BOOST_TEST(client.read_to_end().bytes.size() == 1u << 15);
    }
}

BOOST_AUTO_TEST_CASE(a_reply_that_the_client_reads_late_comes_whole_and_ends_with_a_close_notify) {
    if (!ready()) return;
    config.max_payload = 64u << 20;
    service.max_reply = 64u << 20;
    upstream.by_default(scripted_upstream::raw(response(200, some_bytes(30'000'000))));
    start();
    tls_client client(address(), this->client());
    BOOST_TEST(!client.handshake());
    client.send("hello").finish();
    BOOST_TEST(upstream.wait_for_requests(1));
    const auto got = client.read_to_end();
    BOOST_TEST((got.bytes == some_bytes(30'000'000)));
    BOOST_TEST((got.how == ending::close_notify));
}

BOOST_AUTO_TEST_CASE(a_refusal_is_a_line_and_a_close_notify) {
    if (!ready()) return;
    config.max_payload = 1'000;
    start();
    const auto got = secure_exchange(std::string(5'000'000, 'x').substr(0, 30'000));
    BOOST_TEST(refusal_reason(got.bytes) == "too_large");
    BOOST_TEST((got.how == ending::close_notify));
    upstream.by_default(scripted_upstream::raw(response(500, "no")));
    const auto other = secure_exchange("hello");
    BOOST_TEST(refusal_reason(other.bytes) == "upstream_status");
    BOOST_TEST((other.how == ending::close_notify));
}

BOOST_AUTO_TEST_CASE(an_exchange_that_is_cut_never_ends_with_a_close_notify) {
    if (!ready()) return;
    config.on_refusal = refusal_style::reset;
    upstream.by_default(scripted_upstream::raw(response(500, "no")));
    start();
    const auto got = secure_exchange("hello");
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == ending::reset));
}

BOOST_AUTO_TEST_CASE(a_client_that_has_a_certificate_is_known_by_its_name) {
    if (!ready()) return;
    made->make("press", {.name = "press 12", .alternatives = ""});
    ask(tls_client_auth::optional);
    start([](request asked) -> boost::asio::awaitable<reply> {
        co_return reply(payload('[' + asked.tls_peer_name() + ']'));
    });
    BOOST_TEST(tls_exchange(address(), client("press"), "x").bytes == "[press%2012]");
    BOOST_TEST(tls_exchange(address(), client(), "x").bytes == "[]");
}

BOOST_AUTO_TEST_CASE(a_client_without_a_good_certificate_is_kept_out_where_one_is_required) {
    if (!ready()) return;
    made->make("good");
    made->make("revoked");
    made->make("expired", {.until = "20210304050607Z"});
    made->make("self", {.self_signed = true});
    made->revoke("revoked");
    ask(tls_client_auth::required, "ca-with-list.pem");
    start();
    BOOST_TEST(tls_exchange(address(), client("good"), "hello").bytes == "hello");
    struct bad {
        std::string file, words;
    };
    std::size_t n = 0;
    for (const bad& one :
         {bad{"", "the client showed no certificate"}, bad{"revoked", "certificate revoked"},
          bad{"expired", "certificate has expired"}, bad{"self", "self-signed certificate"}}) {
        tls_client client(address(), this->client(one.file));
        error_code failed = client.handshake();
        if (!failed)
            failed = [&] { // TLS 1.3: the alert comes behind its own handshake
                const auto got = client.read_to_end();
                BOOST_TEST(got.bytes == "");
                return got.how == ending::close_notify ? error_code()
                                                       : error_code(reason::tls_handshake);
            }();
        BOOST_TEST(failed.failed(), one.words);
        BOOST_REQUIRE(log.wait_for("handshake failed", ++n));
        BOOST_TEST(log.of("handshake failed").at(n - 1).at("what") == one.words);
        BOOST_TEST(log.of("handshake failed").at(n - 1).at("reason") == "tls_handshake");
    }
    BOOST_TEST(until([&] { return refused(reason::tls_handshake) == n; }));
    BOOST_TEST(upstream.count() == 1u);
}

BOOST_AUTO_TEST_CASE(a_port_scan_of_a_tls_port_is_a_probe) {
    if (!ready()) return;
    start();
    connect().close();
    connect().reset();
    tls_client silent(address(), client());
    BOOST_TEST(!silent.handshake());
    silent.finish();
    BOOST_TEST((silent.read_to_end().how == ending::close_notify));
    BOOST_TEST(until_probes(3));
    BOOST_TEST(log.count("handshake failed") == 0u);
    BOOST_TEST(log.count("exchange") == 0u);
}

BOOST_AUTO_TEST_CASE(sessions_are_resumed_in_both_versions) {
    if (!ready() || !have("openssl")) return;
    config.receive_idle = 500ms; // it never half-closes
    start();
    for (const std::string version : {"-tls1_2", "-tls1_3"}) {
        const std::string file = made->path("session" + version);
        const auto connect = [&](const std::string& way) {
            child_process one({"openssl", "s_client", "-connect", to_string(address()), "-CAfile",
                               made->path("ca.pem"), "-servername", "server.test", version, way,
                               file, "-ign_eof"},
                              {}, "");
            one.wait();
            return one.output();
        };
        connect("-sess_out");
        BOOST_TEST(connect("-sess_in").find("Reused, TLSv1") != std::string::npos, version);
    }
}

BOOST_AUTO_TEST_CASE(new_files_are_for_new_connections_and_old_ones_go_on) {
    if (!ready()) return;
    upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    start();
    const auto before = door().tls_expires();
    tls_client old(address(), client());
    BOOST_TEST(!old.handshake());
    old.send("begun before ");
    made->make("server", {.name = "renewed", .until = "20300101000000Z"});
    reload();
    BOOST_TEST((door().tls_expires() != before));
    tls_client fresh(address(), client());
    BOOST_TEST(!fresh.handshake());
    old.send("and ended after").finish();
    fresh.send("fresh").finish();
    upstream.open_gate();
    BOOST_TEST(old.read_to_end().bytes == "begun before and ended after");
    BOOST_TEST(fresh.read_to_end().bytes == "fresh");
    // What is wrong is said by name, and changes nothing.
    const auto renewed = door().tls_expires();
    made->make("other");
    made->write("server.key", made->read("other.key"));
    try {
        reload();
        BOOST_ERROR("a key that does not fit is taken");
    } catch (const config_error& wrong) {
        BOOST_REQUIRE(wrong.problems().size() == 1u);
        BOOST_TEST(wrong.problems()[0].field == "tls_key");
        BOOST_TEST(wrong.problems()[0].message.find("is not the key of the certificate in") !=
                   std::string::npos);
    }
    BOOST_TEST((door().tls_expires() == renewed));
    BOOST_TEST(secure_exchange("still there").bytes == "still there");
}

BOOST_AUTO_TEST_CASE(a_client_in_the_handshake_is_seen_in_that_stage) {
    if (!ready()) return;
    start();
    raw_client slow = connect();
    slow.send("\x16\x03\x01");
    BOOST_TEST(until([&] {
        const auto all = door().session_views(1);
        return all.size() == 1 && all[0].stage == session_stage::handshake;
    }));
    slow.close();
}

BOOST_AUTO_TEST_CASE(python) {
    if (!ready() || !have("python3")) return;
    start();
    for (const std::string version : {"1.2", "1.3"}) {
        for (const std::string& payload : {std::string("hello"), some_bytes(300'000)}) {
            child_process client({"python3", "-c", python_client, "127.0.0.1", port(),
                                  made->path("ca.pem"), version},
                                 {}, payload);
            BOOST_TEST((client.wait() == 0), client.error());
            BOOST_TEST((client.output() == payload));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
