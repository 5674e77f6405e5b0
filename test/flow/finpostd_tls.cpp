// TLS as somebody sees it who runs the gateway: its files, --check, a reload, the metrics.
#include "support/certificates.hpp"
#include "support/daemon.hpp"
#include "support/scripted_upstream.hpp"
#include "support/tls_client.hpp"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

struct fixture {
    fixture() {
        if (!have("openssl")) return;
        made = std::make_shared<certificates>();
        made->make("server");
    }
    bool ready() const { return made != nullptr; }
    strings flags(strings more = {}) const {
        strings all{"--tls-cert", made->path("server.pem"), "--tls-key", made->path("server.key")};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    tls_context client() const {
        tls_options options;
        options.ca = made->path("ca.pem");
        return make_client_tls(options).context;
    }
    double expiry(bare_gateway& one) const {
        return one.sample("finpost_tls_certificate_expiry_seconds{side=\"listener\"}");
    }
    std::shared_ptr<certificates> made;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(finpostd_tls, fixture)

BOOST_AUTO_TEST_CASE(its_clients_are_served_and_its_certificate_is_in_the_metrics) {
    if (!ready()) return;
    demo_gateway one(flags());
    BOOST_TEST(tls_exchange(one.listens(), client(), "hello").bytes == "hello");
    BOOST_TEST(expiry(one) > 86'400 * 365.0);
}

BOOST_AUTO_TEST_CASE(a_reload_warns_once_of_each_certificate) {
    if (!ready()) return;
    made->make("old", {.until = "20210304050607Z"});
    const auto upstream = [&](const std::string& port) {
        return "listen = '127.0.0.1:0'\nadmin = 'off'\nlog_format = 'json'\nupstream = "
               "'https://127.0.0.1:" +
               port + "/'\nupstream_cert = '" + made->path("old.pem") + "'\nupstream_key = '" +
               made->path("old.key") + "'\n";
    };
    const auto warnings = [](const std::string& log) {
        std::size_t n = 0;
        for (auto at = log.find("expired on 2021"); at != log.npos;
             at = log.find("expired on 2021", at + 1))
            ++n;
        return n;
    };
    made->write("gateway.toml", upstream("1"));
    bare_gateway one({"--config", made->path("gateway.toml")});
    one.wait_ready();
    const std::size_t at_start = warnings(one.log());
    BOOST_TEST(at_start >= 1u);
    made->write("gateway.toml", upstream("2")); // another upstream, which is made anew
    one.process().signal(SIGHUP);
    BOOST_TEST(one.process().wait_for_error("\"event\":\"reloaded\""), one.log());
    BOOST_TEST(warnings(one.log()) == 2 * at_start, one.log());
}

BOOST_AUTO_TEST_CASE(without_tls_there_is_no_such_metric) {
    demo_gateway one;
    BOOST_TEST(one.get("/metrics").find("finpost_tls_") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_reload_takes_new_certificates_or_names_what_is_wrong) {
    if (!ready()) return;
    made->write("gateway.toml",
                "listen = '127.0.0.1:0'\nadmin = '127.0.0.1:0'\nlog_format = 'json'\ndemo = true\n"
                "tls_cert = '" +
                    made->path("server.pem") + "'\ntls_key = '" + made->path("server.key") + "'\n");
    bare_gateway one({"--config", made->path("gateway.toml")});
    one.wait_ready();
    const double before = expiry(one);
    tls_client old(one.listens(), client());
    BOOST_TEST(!old.handshake());
    made->make("server", {.until = "20300101000000Z"});
    one.process().signal(SIGHUP);
    BOOST_TEST(one.process().wait_for_error("\"event\":\"reloaded\""), one.log());
    BOOST_TEST(expiry(one) < before - 86'400);
    made->make("other");
    made->write("server.key", made->read("other.key"));
    one.process().signal(SIGHUP);
    BOOST_TEST(one.process().wait_for_error("\"event\":\"reload failed\""), one.log());
    BOOST_TEST(has(one.log(), "tls_key: "), one.log());
    BOOST_TEST(has(one.log(), "is not the key of the certificate in"), one.log());
    BOOST_TEST(tls_exchange(one.listens(), client(), "hello").bytes == "hello");
    old.send("through it all").finish();
    BOOST_TEST(old.read_to_end().bytes == "through it all");
}

// As in a container that is configured by variables.
BOOST_AUTO_TEST_CASE(
    without_a_file_a_hangup_takes_new_certificates_authorities_and_a_new_log_file) {
    if (!ready()) return;
    made->write("clients.pem", made->read("ca.pem"));
    const std::string log = made->path("log");
    const auto logged_in = [&](const std::string& file, std::string_view text) {
        return until([&] { return has(made->read(file), text); });
    };
    bare_gateway one({}, {"FINPOST_TLS_CERT=" + made->path("server.pem"),
                          "FINPOST_TLS_KEY=" + made->path("server.key"),
                          "FINPOST_TLS_CLIENT_CA=" + made->path("clients.pem"),
                          "FINPOST_TLS_CLIENT_AUTH=required", "FINPOST_DEMO=1",
                          "FINPOST_LISTEN=127.0.0.1:0", "FINPOST_ADMIN=127.0.0.1:0",
                          "FINPOST_LOG_FILE=" + log});
    BOOST_REQUIRE(logged_in("log", "\"pid\":"));
    const std::string start = made->read("log");
    const socket_address listens = address(logged(start, "ready", "listen"));
    const socket_address admin = address(logged(start, "ready", "admin"));
    const auto answer = [&](const certificates& whose) {
        tls_options options;
        options.ca = made->path("ca.pem");
        options.cert = whose.path("server.pem");
        options.key = whose.path("server.key");
        return tls_exchange(listens, make_client_tls(options).context, "hello").bytes;
    };
    certificates another;
    another.make("server");
    BOOST_TEST(answer(*made) == "hello");
    BOOST_TEST(answer(another) != "hello");
    const auto expiry = [&] {
        const std::string page = http_get(admin, "/metrics");
        const std::string name = "\nfinpost_tls_certificate_expiry_seconds{side=\"listener\"} ";
        return std::strtod(page.c_str() + page.find(name) + name.size(), nullptr);
    };
    const double before = expiry();
    made->write("clients.pem", another.read("ca.pem"));
    made->make("server", {.until = "20300101000000Z"});
    std::filesystem::rename(log, log + ".old");
    one.process().signal(SIGHUP);
    BOOST_REQUIRE(logged_in("log", "\"event\":\"reloaded\""));
    BOOST_TEST(expiry() < before - 86'400);
    BOOST_TEST(answer(another) == "hello");
    BOOST_TEST(answer(*made) != "hello");
    // What is wrong is told, and nothing changes.
    another.make("other");
    made->write("server.key", another.read("other.key"));
    one.process().signal(SIGHUP);
    BOOST_REQUIRE(logged_in("log", "\"event\":\"reload failed\""));
    BOOST_TEST(has(made->read("log"), "is not the key of the certificate in"));
    BOOST_TEST(answer(another) == "hello");
}

BOOST_AUTO_TEST_CASE(a_check_names_every_file_that_is_wrong_and_shows_those_that_are_right) {
    if (!ready()) return;
    bare_gateway good(flags({"--check", "--demo", "--listen", "127.0.0.1:0", "--admin", "off"}));
    BOOST_TEST(good.ended() == 0, good.log());
    BOOST_TEST(has(good.process().output(), "tls_cert = \"" + made->path("server.pem") + '"'),
               good.process().output());
    BOOST_TEST(has(good.log() + good.process().output(), "server.pem is valid for "), good.log());
    bare_gateway bad({"--check", "--upstream", "https://127.0.0.1:1/", "--tls-cert", "/nowhere.pem",
                      "--tls-client-auth", "required", "--upstream-ca", made->path("server.key"),
                      "--admin", "off"});
    BOOST_TEST(bad.ended() == 2);
    for (const char* const part :
         {"--tls-cert: ", "--tls-client-ca: is missing", "--upstream-ca: "})
        BOOST_TEST(has(bad.log(), part), bad.log());
}

BOOST_AUTO_TEST_CASE(an_upstream_that_nobody_verifies_is_said_at_the_start) {
    bare_gateway one({"--upstream", "https://127.0.0.1:1/", "--upstream-insecure", "--listen",
                      "127.0.0.1:0", "--admin", "off", "--log-format", "json"});
    one.wait_ready();
    BOOST_TEST(has(one.log(), "\"event\":\"upstream not verified\""), one.log());
}

BOOST_AUTO_TEST_SUITE_END()
