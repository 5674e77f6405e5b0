// Both sides of TLS against each other, on a pair of connected sockets.
#include "tls_connection.hpp"

#include "support/certificates.hpp"
#include "support/child_process.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::detail;
using namespace finpost::test;
using role = tls_connection::role;

namespace {

struct pair_of_sockets {
    pair_of_sockets() {
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd.data()) == 0);
    }
    ~pair_of_sockets() {
        ::close(fd[0]);
        if (fd[1] >= 0) ::close(fd[1]);
    }
    void close_second() { ::close(std::exchange(fd[1], -1)); }
    std::array<int, 2> fd{};
};

struct both {
    transfer client, server;
};

both handshake(tls_connection& client, tls_connection& server) {
    both last;
    for (int i = 0; i < 20; ++i) {
        last.client = client.handshake();
        last.server = server.handshake();
        const auto over = [](const transfer& one) { return one.wait_for == readiness::none; };
        if (over(last.client) && over(last.server)) break;
        if (last.client.error || last.server.error) break;
    }
    return last;
}

struct fixture {
    fixture() {
        if (!have("openssl")) return;
        made.emplace();
        made->make("server");
        trusting = client_with("", "");
        server = server_with(tls_client_auth::off);
    }
    tls_context client_with(const std::string& cert, const std::string& name) const {
        tls_options options;
        options.ca = made->path("ca.pem");
        options.server_name = name;
        if (!cert.empty()) options.cert = made->path(cert + ".pem");
        if (!cert.empty()) options.key = made->path(cert + ".key");
        return make_client_tls(options).context;
    }
    tls_context server_with(tls_client_auth auth) const {
        tls_options options;
        options.ca = made->path("ca.pem");
        options.cert = made->path("server.pem");
        options.key = made->path("server.key");
        options.client_auth = auth;
        return make_server_tls(options).context;
    }
    // The name of a client with this certificate, as the server sees it.
    std::string name_seen(const certificates::wanted& one) {
        made->make("client", one);
        const tls_context client = client_with("client", ""),
                          asking = server_with(tls_client_auth::optional);
        pair_of_sockets pair;
        tls_connection left(client, role::client, pair.fd[0], "server.test");
        tls_connection right(asking, role::server, pair.fd[1]);
        const both last = handshake(left, right);
        BOOST_TEST(!last.server.error);
        BOOST_TEST((last.server.wait_for == readiness::none));
        BOOST_TEST(left.peer_name() == "server.test");
        return right.peer_name();
    }
    std::optional<certificates> made;
    tls_context trusting, server;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(tls_connection, fixture)

BOOST_AUTO_TEST_CASE(after_a_close_notify_the_other_direction_goes_on_for_as_long_as_it_likes) {
    if (!made) return;
    pair_of_sockets pair;
    finpost::detail::tls_connection client(trusting, role::client, pair.fd[0], "server.test");
    finpost::detail::tls_connection gateway(server, role::server, pair.fd[1]);
    BOOST_TEST(!handshake(client, gateway).client.error);
    const std::string hello = "hello";
    BOOST_TEST(client.write_some(std::as_bytes(std::span(hello))).size == 5u);
    const transfer ended = client.close_notify();
    BOOST_TEST(!ended.error);
    BOOST_TEST((ended.wait_for == readiness::none));
    std::array<std::byte, 100> buffer{};
    BOOST_TEST(gateway.read_some(buffer).size == 5u);
    BOOST_TEST(gateway.read_some(buffer).ended);
    // More than the kernel takes: write and read in turns.
    const std::string answer(3'000'000, 'y');
    std::size_t written = 0, read = 0;
    while (read < answer.size()) {
        const auto rest = std::as_bytes(std::span(answer)).subspan(written);
        const transfer put = gateway.write_some(rest);
        BOOST_REQUIRE(!put.error);
        written += put.size;
        const transfer got = client.read_some(buffer);
        BOOST_REQUIRE(!got.error);
        BOOST_REQUIRE(!got.ended);
        read += got.size;
    }
    BOOST_TEST(!gateway.close_notify().error);
    BOOST_TEST(client.read_some(buffer).ended);
}

BOOST_AUTO_TEST_CASE(a_fin_without_a_close_notify_is_a_truncation_on_either_side) {
    if (!made) return;
    for (const bool of_client : {true, false}) {
        pair_of_sockets pair;
        finpost::detail::tls_connection client(trusting, role::client, pair.fd[0], "server.test");
        finpost::detail::tls_connection gateway(server, role::server, pair.fd[1]);
        BOOST_TEST(!handshake(client, gateway).client.error);
        finpost::detail::tls_connection& writer = of_client ? client : gateway;
        finpost::detail::tls_connection& reader = of_client ? gateway : client;
        const std::string half = "half of it";
        BOOST_TEST(!writer.write_some(std::as_bytes(std::span(half))).error);
        ::shutdown(pair.fd[of_client ? 0 : 1], SHUT_WR);
        std::array<std::byte, 100> buffer{};
        std::size_t n = 0;
        transfer got;
        while (!got.error && !got.ended && got.wait_for == readiness::none) {
            got = reader.read_some(buffer);
            n += got.size;
        }
        BOOST_TEST(n == half.size());
        BOOST_TEST(!got.ended);
        BOOST_TEST((got.error == reason::tls_truncated));
    }
}

BOOST_AUTO_TEST_CASE(an_end_in_the_handshake_is_a_failed_handshake) {
    if (!made) return;
    pair_of_sockets pair;
    finpost::detail::tls_connection client(trusting, role::client, pair.fd[0], "server.test");
    BOOST_TEST((client.handshake().wait_for == readiness::readable));
    ::shutdown(pair.fd[1], SHUT_WR);
    BOOST_TEST((client.handshake().error == reason::tls_handshake));
    BOOST_TEST(client.failure() == "the other side closed the connection");
}

BOOST_AUTO_TEST_CASE(plain_text_is_told_as_such) {
    if (!made) return;
    for (const auto as : {role::client, role::server}) {
        pair_of_sockets pair;
        finpost::detail::tls_connection one(as == role::client ? trusting : server, as, pair.fd[0],
                                            "server.test");
        one.handshake();
        const std::string text = "finpost: busy 017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n";
        BOOST_REQUIRE(::send(pair.fd[1], text.data(), text.size(), 0) > 0);
        BOOST_TEST((one.handshake().error == reason::tls_handshake));
        BOOST_TEST(one.failure() == "the other side does not speak TLS");
    }
}

BOOST_AUTO_TEST_CASE(writing_to_a_peer_that_is_gone_is_an_error_and_no_signal) {
    if (!made) return;
    struct restored {
        void (*before)(int) = std::signal(SIGPIPE, SIG_DFL); // which would end this program
        ~restored() { std::signal(SIGPIPE, before); }
    } const default_action;
    pair_of_sockets pair;
    finpost::detail::tls_connection client(trusting, role::client, pair.fd[0], "server.test");
    {
        finpost::detail::tls_connection gateway(server, role::server, pair.fd[1]);
        handshake(client, gateway);
    }
    pair.close_second();
    const std::string data = "x";
    const transfer put = client.write_some(std::as_bytes(std::span(data)));
    BOOST_TEST((put.error == boost::system::errc::broken_pipe));
}

BOOST_AUTO_TEST_CASE(a_client_that_knows_nobody_is_not_made) {
    if (!made) return;
    for (const std::string& nobody : {std::string(), std::string("a\0b", 3), std::string(300, 'x')})
        BOOST_CHECK_THROW(finpost::detail::tls_connection(trusting, role::client, 0, nobody),
                          std::invalid_argument);
    BOOST_CHECK_THROW(finpost::detail::tls_connection(tls_context(), role::server, 0),
                      std::invalid_argument);
}

BOOST_AUTO_TEST_CASE(the_peer_is_named_by_its_first_dns_name_or_its_common_name) {
    if (!made) return;
    certificates::wanted one;
    one.name = "common";
    one.alternatives = "IP:192.0.2.1,DNS:first.test,DNS:second.test";
    BOOST_TEST(name_seen(one) == "first.test");
    one.alternatives = "";
    BOOST_TEST(name_seen(one) == "common");
    one.name = "Press 12%\r\nX-Evil: 1"; // must never become a header of its own
    BOOST_TEST(name_seen(one) == "Press%2012%25%0D%0AX-Evil:%201");
    one.name = "common";
    one.alternatives = "DER:30:0e:82:0c:67:6f:6f:64:2e:74:65:73:74:00:2e:78"; // good.test\0.x
    BOOST_TEST(name_seen(one) == "");
}

BOOST_AUTO_TEST_CASE(a_client_without_a_certificate_has_no_name_and_may_not_be_let_in) {
    if (!made) return;
    for (const auto auth : {tls_client_auth::optional, tls_client_auth::required}) {
        const tls_context asking = server_with(auth);
        pair_of_sockets pair;
        finpost::detail::tls_connection client(trusting, role::client, pair.fd[0], "server.test");
        finpost::detail::tls_connection gateway(asking, role::server, pair.fd[1]);
        const both last = handshake(client, gateway);
        const bool refused = last.server.error == reason::tls_handshake;
        BOOST_TEST(refused == (auth == tls_client_auth::required));
        BOOST_TEST(gateway.peer_name() == "");
        if (refused) BOOST_TEST(gateway.failure() == "the client showed no certificate");
        // With TLS 1.3 the client learns it when it reads.
        std::array<std::byte, 100> buffer{};
        const transfer got = client.read_some(buffer);
        if (refused) BOOST_TEST((got.error == reason::tls_handshake));
        if (refused) BOOST_TEST(client.failure() == "the other side refused: certificate required");
    }
}

BOOST_AUTO_TEST_CASE(a_certificate_that_is_revoked_by_the_list_is_refused) {
    if (!made) return;
    made->make("revoked");
    made->revoke("revoked");
    for (const std::string name : {"server", "revoked"}) {
        tls_options theirs;
        theirs.cert = made->path(name + ".pem");
        theirs.key = made->path(name + ".key");
        tls_options ours;
        ours.ca = made->path("ca-with-list.pem");
        const tls_context left = make_client_tls(ours).context,
                          right = make_server_tls(theirs).context;
        pair_of_sockets pair;
        finpost::detail::tls_connection client(left, role::client, pair.fd[0], "server.test");
        finpost::detail::tls_connection gateway(right, role::server, pair.fd[1]);
        const both last = handshake(client, gateway);
        BOOST_TEST((last.client.error == reason::tls_handshake) == (name == "revoked"));
        if (last.client.error) BOOST_TEST(client.failure() == "certificate revoked");
        if (last.client.error) BOOST_TEST(client.description().verified == "certificate revoked");
    }
}

BOOST_AUTO_TEST_SUITE_END()
