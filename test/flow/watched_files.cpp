// Files that change while `finpostd` runs, which looks at them by itself.
#include "support/certificates.hpp"
#include "support/daemon.hpp"
#include "support/gateway_fixture.hpp"
#include "support/temporary_folder.hpp"
#include "support/tls_client.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

using namespace finpost;
using namespace finpost::test;
namespace fs = std::filesystem;

namespace {

struct fixture {
    std::string path(const std::string& name) const { return folder.path() / name; }

    // As Kubernetes renews a volume: NAME -> ..data/NAME, and ..data leads to another directory.
    void publish(const std::string& version, const std::string& token) const {
        fs::create_directory(path(version));
        std::ofstream(path(version) + "/token") << token;
        fs::permissions(path(version) + "/token", fs::perms::owner_read);
        fs::create_symlink(version, path("..new"));
        fs::rename(path("..new"), path("..data"));
        if (!fs::is_symlink(path("token"))) fs::create_symlink("..data/token", path("token"));
    }

    strings flags(strings more = {}) const {
        strings all{"--listen",     "127.0.0.1:0",
                    "--admin",      "127.0.0.1:0",
                    "--upstream",   "http://" + to_string(service.address()),
                    "--log-format", "json",
                    "--header",     "X-Site: {file:" + path("token") + '}'};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    // The value with which the service sees the next exchange.
    std::string arrives(const bare_gateway& one) const {
        BOOST_TEST(exchange(one.listens(), "x").bytes == "x");
        return service.requests().back().field("X-Site");
    }

    temporary_folder folder;
    scripted_upstream service;
};

double reloads(bare_gateway& one, const std::string& result) {
    return one.sample("finpost_reloads_total{result=\"" + result + "\"}");
}

double is_good(bare_gateway& one) { return one.sample("finpost_last_reload_successful"); }

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (auto at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
    return n;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(watched_files, fixture)

BOOST_AUTO_TEST_CASE(a_secret_that_is_swapped_by_a_link_is_taken_and_a_broken_one_is_told_once) {
    publish("..1", "first");
    bare_gateway one(flags({"--reload-every", "1s"}));
    one.wait_ready();
    BOOST_TEST(arrives(one) == "first");
    BOOST_TEST(is_good(one) == 1);
    publish("..2", "second\n");
    BOOST_REQUIRE(until([&] { return reloads(one, "ok") == 1; }));
    BOOST_TEST(arrives(one) == "second");
    BOOST_TEST(one.process().wait_for_error("\"files\":\"" + path("token") + '"'), one.log());

    publish("..3", "half\nwritten");
    BOOST_REQUIRE(until([&] { return reloads(one, "failed") == 1; }));
    BOOST_TEST(is_good(one) == 0);
    BOOST_TEST(arrives(one) == "second");
    // The looks go on, as the next reload shows, and have nothing more to say of it.
    const std::time_t now = std::time(nullptr);
    BOOST_REQUIRE(until([&] { return std::time(nullptr) > now + 2; }));
    BOOST_TEST(reloads(one, "failed") == 1);
    BOOST_TEST(count(one.log(), "\"event\":\"reload problem\"") == 1u, one.log());

    publish("..4", "third");
    BOOST_REQUIRE(until([&] { return reloads(one, "ok") == 2; }));
    BOOST_TEST(is_good(one) == 1);
    BOOST_TEST(one.sample("finpost_last_reload_success_timestamp_seconds") >= double(now));
    BOOST_TEST(arrives(one) == "third");
}

BOOST_AUTO_TEST_CASE(a_certificate_that_is_replaced_is_taken_when_its_key_is_there_too) {
    if (!have("openssl")) return;
    certificates made;
    made.make("server");
    made.make("other", {.until = "20300101000000Z"});
    publish("..1", "x");
    bare_gateway one(flags({"--reload-every", "1s", "--tls-cert", made.path("server.pem"),
                            "--tls-key", made.path("server.key")}));
    one.wait_ready();
    const auto expiry = [&] {
        return one.sample("finpost_tls_certificate_expiry_seconds{side=\"listener\"}");
    };
    const double before = expiry();
    made.write("server.pem", made.read("other.pem"));
    BOOST_REQUIRE(until([&] { return reloads(one, "failed") == 1; })); // another key
    BOOST_TEST(expiry() > before - 1'000);
    made.write("server.key", made.read("other.key"));
    BOOST_REQUIRE(until([&] { return reloads(one, "ok") == 1; }));
    BOOST_TEST(expiry() < before - 86'400);
    tls_options options;
    options.ca = made.path("ca.pem");
    BOOST_TEST(tls_exchange(one.listens(), make_client_tls(options).context, "hello").bytes ==
               "hello");
}

BOOST_AUTO_TEST_CASE(a_configuration_file_that_changes_is_read_and_may_end_the_looking) {
    const auto write = [&](const std::string& every, const std::string& most) {
        std::ofstream(path("finpost.toml"))
            << "listen = '127.0.0.1:0'\nadmin = '127.0.0.1:0'\nlog_format = 'json'\ndemo = true\n"
            << "reload_every = '" + every + "'\nmax_payload = " + most + '\n';
    };
    write("1s", "10");
    bare_gateway one({"--config", path("finpost.toml")});
    one.wait_ready();
    BOOST_TEST(exchange(one.listens(), "hello!").bytes == "hello!");
    write("off", "5");
    BOOST_REQUIRE(until([&] { return reloads(one, "ok") == 1; }));
    BOOST_TEST(refusal_reason(exchange(one.listens(), "hello!").bytes) == "too_large");
    BOOST_TEST(has(one.get("/config"), "\nreload_every = \"off\"\n"));
    // It takes a signal now.
    write("off", "10");
    const std::time_t now = std::time(nullptr);
    BOOST_REQUIRE(until([&] { return std::time(nullptr) > now + 2; }));
    BOOST_TEST(reloads(one, "ok") == 1);
    one.process().signal(SIGHUP);
    BOOST_REQUIRE(until([&] { return reloads(one, "ok") == 2; }));
}

BOOST_AUTO_TEST_SUITE_END()
