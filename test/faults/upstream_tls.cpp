// Rows U19 and U20, and U5 and U6 over TLS: services that cannot prove who they are, stall, or cut.
#include "support/child_process.hpp"
#include "support/tls_front.hpp"
#include "support/tls_gateway.hpp"

#include <boost/test/unit_test.hpp>

#include <optional>
#include <string>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using manner = tls_front::manner;

namespace {

struct fixture : tls_gateway {
    fixture() { config.tls = {}; }

    // The scripted upstream behind TLS with this certificate.
    void serve(const std::string& cert = "server", manner how = manner::proper,
               tls_client_auth auth = tls_client_auth::off) {
        tls_options options = identity(cert);
        options.client_auth = auth;
        if (auth != tls_client_auth::off) options.ca = made->path("ca.pem");
        front.emplace(make_server_tls(options).context, upstream.address(), how);
        service.endpoints = {front->url()};
        service.tls.ca = made->path("ca.pem");
        service.tls.server_name = "server.test";
    }
    void teardown() {
        upstream.open_gate();
        if (forwarded_) forwarder().close();
        front.reset();
        gateway_fixture::teardown();
    }
    void begin() {
        start();
        forwarded_ = true;
    }
    std::string failed(std::size_t n = 1) {
        BOOST_REQUIRE(log.wait_for("upstream handshake failed", n));
        return log.of("upstream handshake failed").at(n - 1).at("what");
    }
    // Refused before a byte of a request was sent, and these words are in the log.
    void expect_unreachable(const std::string& words) {
        expect_refusal(exchange("hello"), reason::upstream_unreachable);
        BOOST_TEST(failed() == words);
        BOOST_TEST(upstream.count() == 0u);
    }

    std::optional<tls_front> front;

private:
    bool forwarded_ = false;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(upstream_tls, fixture)

BOOST_AUTO_TEST_CASE(payloads_of_any_size_go_over_kept_connections) {
    if (!ready()) return;
    serve();
    begin();
    for (const std::size_t size : {1u, 15'000u, 16'384u, 40'000u, 3'000'000u})
        BOOST_TEST((exchange(some_bytes(size)).bytes == some_bytes(size)));
    BOOST_TEST(front->agreed() == 1u);
    BOOST_TEST(upstream.requests().at(0).field("Host") == to_string(front->address()));
    upstream.by_default(scripted_upstream::chunked_echo());
    BOOST_TEST((exchange(some_bytes(300'000)).bytes == some_bytes(300'000)));
}

BOOST_AUTO_TEST_CASE(a_new_connection_resumes_the_session_of_the_last) {
    if (!ready()) return;
    serve();
    begin();
    for (int i = 0; i < 3; ++i) {
        BOOST_TEST(exchange("hello").bytes == "hello");
        BOOST_TEST(upstream.close_idle());
        BOOST_TEST(until([&] { return upstream.open_connections() == 0u; }));
    }
    BOOST_TEST(exchange("hello").bytes == "hello");
    BOOST_TEST(front->agreed() >= 4u);
    BOOST_TEST(front->resumed() + 1 >= front->agreed());
}

BOOST_AUTO_TEST_CASE(new_files_are_for_new_connections) {
    if (!ready()) return;
    made->make("own");
    serve("server", manner::proper, tls_client_auth::required);
    service.tls.cert = made->path("own.pem");
    service.tls.key = made->path("own.key");
    begin();
    BOOST_TEST(exchange("hello").bytes == "hello");
    const auto before = forwarder().tls_expires();
    made->make("own", {.until = "20300101000000Z"});
    BOOST_TEST(forwarder().renew_tls().empty());
    BOOST_TEST((forwarder().tls_expires() != before));
    made->write("own.key", "no key");
    BOOST_TEST(forwarder().renew_tls().at(0).field == "upstream_key");
    BOOST_TEST(exchange("still").bytes == "still");
}

BOOST_AUTO_TEST_CASE(U19_a_service_that_cannot_prove_who_it_is_gets_nothing) {
    if (!ready()) return;
    struct bad {
        certificates::wanted how;
        const char* words;
    };
    certificates::wanted expired, unborn, self, other, with_nul;
    expired.until = "20210304050607Z";
    unborn.from = "20440101000000Z";
    self.self_signed = true;
    other.alternatives = "DNS:other.test";
    with_nul.alternatives = "DER:30:14:82:12:73:65:72:76:65:72:2e:74:65:73:74:00:2e:65:76:69:6c:2e";
    std::size_t n = 0;
    for (const bad& one :
         {bad{expired, "certificate has expired"}, bad{unborn, "certificate is not yet valid"},
          bad{self, "self-signed certificate"}, bad{other, "hostname mismatch"},
          bad{with_nul, "hostname mismatch"}}) {
        made->make("bad", one.how);
        fixture each;
        each.made = made;
        each.serve("bad");
        each.begin();
        each.expect_unreachable(one.words);
        each.teardown();
        ++n;
    }
    BOOST_TEST(n == 5u);
}

// RFC 9525: a common name is whatever somebody called it.
BOOST_AUTO_TEST_CASE(U19_a_common_name_proves_nothing) {
    if (!ready()) return;
    made->make("old", {.name = "server.test", .alternatives = ""});
    serve("old");
    begin();
    expect_unreachable("hostname mismatch");
}

BOOST_AUTO_TEST_CASE(U19_an_authority_in_between_may_be_trusted_alone) {
    if (!ready()) return;
    made->make("middle", {.name = "in between", .alternatives = "", .authority = true});
    made->make("leaf", {.signer = "middle"});
    made->make("other");
    serve("leaf");
    service.tls.ca = made->path("middle.pem");
    begin();
    BOOST_TEST(exchange("hello").bytes == "hello");
    // What the root has signed itself is not believed by that.
    fixture each;
    each.made = made;
    each.serve("other");
    each.service.tls.ca = made->path("middle.pem");
    each.begin();
    each.expect_unreachable("unable to get local issuer certificate");
    each.teardown();
}

BOOST_AUTO_TEST_CASE(U19_an_unknown_authority_is_not_believed) {
    if (!ready()) return;
    const certificates strangers;
    serve();
    service.tls.ca = strangers.path("ca.pem");
    begin();
    expect_unreachable("unable to get local issuer certificate");
}

BOOST_AUTO_TEST_CASE(U19_the_host_of_the_url_is_the_name_unless_another_is_given) {
    if (!ready()) return;
    made->make("address", {.name = "x", .alternatives = "IP:127.0.0.1"});
    serve("address");
    service.tls.server_name.clear();
    begin();
    BOOST_TEST(exchange("hello").bytes == "hello");
}

BOOST_AUTO_TEST_CASE(U19_a_stalled_handshake_ends_within_the_connect_limit) {
    if (!ready()) return;
    serve("server", manner::mute);
    service.connect = 300ms;
    begin();
    const auto began = std::chrono::steady_clock::now();
    expect_unreachable("it took too long");
    BOOST_TEST((std::chrono::steady_clock::now() - began < 5s));
}

BOOST_AUTO_TEST_CASE(U19_a_service_without_tls_gets_no_plain_text_instead) {
    if (!ready()) return;
    service.endpoints = {
        parse_http_url("https://" + to_string(upstream.address()) + "/upload").value()};
    service.tls.ca = made->path("ca.pem");
    service.connect = 500ms;
    begin();
    expect_refusal(exchange("hello"), reason::upstream_unreachable);
    BOOST_TEST(upstream.count() == 0u);
}

BOOST_AUTO_TEST_CASE(U19_a_service_that_does_not_take_our_certificate_is_unreachable) {
    if (!ready()) return;
    serve("server", manner::proper, tls_client_auth::required);
    begin();
    expect_refusal(exchange("hello"), reason::upstream_unreachable);
    BOOST_TEST(failed().starts_with("the other side refused: "), failed());
    BOOST_TEST(upstream.count() == 0u);
}

BOOST_AUTO_TEST_CASE(U19_nor_is_one_that_does_not_take_it_reachable_for_a_stream) {
    if (!ready()) return;
    config.stream_above = 1'000;
    serve("server", manner::proper, tls_client_auth::required);
    begin();
    raw_client client = connect();
    client.send(some_bytes(5'000)); // its end does not come before the answer
    expect_refusal(client.read_to_end(), reason::upstream_unreachable);
    BOOST_TEST(failed().starts_with("the other side refused: "), failed());
    BOOST_TEST(upstream.count() == 0u);
}

BOOST_AUTO_TEST_CASE(U19_the_next_endpoint_is_asked_when_one_cannot_prove_itself) {
    if (!ready()) return;
    made->make("bad", {.alternatives = "DNS:other.test"});
    serve();
    tls_front wrong(make_server_tls(identity("bad")).context, upstream.address());
    service.endpoints = {wrong.url(), front->url()};
    begin();
    for (int i = 0; i < 4; ++i) BOOST_TEST(exchange("hello").bytes == "hello");
    // An exchange finds it, or the gateway's own first look.
    BOOST_REQUIRE(log.wait_for("upstream endpoint ejected"));
    const auto told = log.of("upstream endpoint ejected").front();
    BOOST_TEST(told.at("what").ends_with("hostname mismatch"), told.at("what"));
}

BOOST_AUTO_TEST_CASE(U19_without_verification_anybody_is_believed_and_the_log_says_so) {
    if (!ready()) return;
    made->make("bad", {.alternatives = "DNS:other.test", .self_signed = true});
    serve("bad");
    service.tls.verify = false;
    begin();
    BOOST_TEST(exchange("hello").bytes == "hello");
    BOOST_TEST(log.count("upstream not verified") == 1u);
}

BOOST_AUTO_TEST_CASE(U19_a_health_check_finds_the_same) {
    if (!ready()) return;
    made->make("bad", {.alternatives = "DNS:other.test"});
    serve("bad");
    service.health_path = "/health";
    begin();
    BOOST_REQUIRE(log.wait_for("upstream endpoint ejected"));
    BOOST_TEST(!forwarder().endpoints().at(0).up);
    BOOST_TEST((forwarder().endpoints().at(0).last_error == reason::upstream_unreachable));
}

BOOST_AUTO_TEST_CASE(U19_a_health_check_goes_over_tls) {
    if (!ready()) return;
    serve();
    service.health_path = "/health";
    begin();
    BOOST_TEST(upstream.wait_for_requests(1));
    BOOST_TEST(upstream.requests().at(0).request_line() == "GET /health HTTP/1.1");
    BOOST_TEST(exchange("hello").bytes == "hello");
    BOOST_TEST(forwarder().endpoints().at(0).up);
}

BOOST_AUTO_TEST_CASE(U20_the_end_of_a_connection_is_said_and_no_answer_to_it_is_waited_for) {
    if (!ready()) return;
    serve();
    upstream.by_default(scripted_upstream::raw(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"));
    begin();
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 5; ++i) BOOST_TEST(exchange("hello").bytes == "ok");
    BOOST_TEST((std::chrono::steady_clock::now() - began < 5s));
    BOOST_TEST(until([this] { return front->goodbyes() == 5u; }));
}

BOOST_AUTO_TEST_CASE(U5_a_response_cut_in_its_middle_is_never_relayed) {
    if (!ready()) return;
    for (const manner how : {manner::proper, manner::cut}) {
        for (const std::string part :
             {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "HTTP/1.1 200",
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"}) {
            fixture each;
            each.made = made;
            each.serve("server", how);
            each.upstream.by_default(scripted_upstream::raw_then_fin(part));
            each.begin();
            each.expect_refusal(each.exchange("hello"), reason::upstream_incomplete);
            each.teardown();
        }
    }
}

BOOST_AUTO_TEST_CASE(U6_a_body_up_to_the_connections_end_is_whole_only_with_a_close_notify) {
    if (!ready()) return;
    serve();
    upstream.by_default(scripted_upstream::close_delimited_echo());
    begin();
    BOOST_TEST((exchange(some_bytes(100'000)).bytes == some_bytes(100'000)));
    fixture cut;
    cut.made = made;
    cut.serve("server", manner::cut);
    cut.upstream.by_default(scripted_upstream::close_delimited_echo());
    cut.begin();
    cut.expect_refusal(cut.exchange("hello"), reason::upstream_incomplete);
    cut.teardown();
}

BOOST_AUTO_TEST_SUITE_END()
