// Files are read once for a start, and once for a change: what was validated is what runs.
#include "support/certificates.hpp"
#include "support/child_process.hpp"
#include "support/counted_opens.hpp"
#include "support/daemon.hpp"

#include "finpost/gateway.hpp"
#include "finpost/http_upstream.hpp"
#include "finpost/metrics.hpp"

#include <boost/asio/io_context.hpp>

#include <csignal>
#include <map>
#include <memory>
#include <optional>
#include <string>

using namespace finpost;
using namespace finpost::test;

namespace {

using counts = std::map<std::string, int>;

struct fixture {
    fixture() {
        if (!have("openssl")) return;
        made = std::make_shared<certificates>();
        for (const char* const name : {"server", "client"}) made->make(name);
        opens.emplace(made->folder().path());
    }
    bool ready() const { return made != nullptr; }

    void is_taken(const counts& expected) {
        const counts found = opens->take();
        for (const auto& [file, count] : found)
            BOOST_TEST_MESSAGE(file << " was opened " << count << " times");
        BOOST_TEST((found == expected));
    }

    boost::asio::io_context io;
    metrics counters;
    std::shared_ptr<certificates> made;
    std::optional<counted_opens> opens;
};

const counts listener_files{{"server.pem", 1}, {"server.key", 1}};
const counts upstream_files{{"ca.pem", 1}, {"client.pem", 1}, {"client.key", 1}};
const counts all_files = [] {
    counts all = listener_files;
    all.insert(upstream_files.begin(), upstream_files.end());
    return all;
}();

} // namespace

BOOST_FIXTURE_TEST_SUITE(read_once, fixture)

BOOST_AUTO_TEST_CASE(by_a_gateway_that_starts_and_by_one_that_is_changed) {
    if (!ready()) return;
    gateway_config config;
    config.listen = {address("127.0.0.1:0")};
    config.tls.cert = made->path("server.pem");
    config.tls.key = made->path("server.key");
    gateway serving(io.get_executor(), config, handler(), counters);
    serving.start();
    is_taken(listener_files);
    serving.change({{config, handler()}});
    is_taken(listener_files);
    // The files may go between the two: what runs is what was validated.
    std::optional<gateway> another(std::in_place, io.get_executor(), config, handler(), counters);
    made->write("server.pem", "no certificate");
    another->start();
    BOOST_TEST(another->tls_expires().has_value());
}

BOOST_AUTO_TEST_CASE(by_an_upstream) {
    if (!ready()) return;
    upstream_config config;
    config.endpoints = {parse_http_url("https://127.0.0.1:1/").value()};
    config.tls.ca = made->path("ca.pem");
    config.tls.cert = made->path("client.pem");
    config.tls.key = made->path("client.key");
    http_upstream upstream(io.get_executor(), config, counters);
    is_taken(upstream_files);
    BOOST_TEST(upstream.renew_tls().empty());
    is_taken(upstream_files);
}

BOOST_AUTO_TEST_CASE(by_finpostd_when_it_starts_and_when_it_is_reloaded) {
    if (!ready()) return;
    bare_gateway one({"--listen", "127.0.0.1:0", "--admin", "off", "--log-format", "json",
                      "--upstream", "https://127.0.0.1:1/", "--upstream-ca", made->path("ca.pem"),
                      "--upstream-cert", made->path("client.pem"), "--upstream-key",
                      made->path("client.key"), "--tls-cert", made->path("server.pem"), "--tls-key",
                      made->path("server.key")});
    one.wait_ready();
    is_taken(all_files);
    one.process().signal(SIGHUP);
    BOOST_TEST(one.process().wait_for_error("\"event\":\"reloaded\""), one.log());
    is_taken(all_files);
}

BOOST_AUTO_TEST_CASE(by_a_check) {
    if (!ready()) return;
    bare_gateway one({"--check", "--demo", "--listen", "127.0.0.1:0", "--admin", "off",
                      "--tls-cert", made->path("server.pem"), "--tls-key",
                      made->path("server.key")});
    BOOST_TEST(one.ended() == 0, one.log());
    is_taken(listener_files);
}

BOOST_AUTO_TEST_SUITE_END()
