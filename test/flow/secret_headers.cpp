// Header fields whose values are read from files and variables, as the service and an operator see
// them.
#include "support/daemon.hpp"
#include "support/gateway_fixture.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>

using namespace finpost;
using namespace finpost::test;

namespace {

struct fixture {
    // Written whole, as whatever renews tokens would.
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path(name) + ".new") << text;
        std::filesystem::permissions(path(name) + ".new", std::filesystem::perms::owner_read);
        std::filesystem::rename(path(name) + ".new", path(name));
    }
    std::string path(const std::string& name) const { return folder.path() / name; }
    std::string reference(const std::string& name) const { return "{file:" + path(name) + '}'; }

    strings flags(strings more = {}) const {
        strings all{"--listen",     "127.0.0.1:0",
                    "--admin",      "127.0.0.1:0",
                    "--log-format", "json",
                    "--upstream",   "http://" + to_string(service.address()),
                    "--header",     "Authorization: Bearer " + reference("token"),
                    "--header",     "X-Tenant: {env:FINPOST_TENANT}-{peer.ip}"};
        all.insert(all.end(), more.begin(), more.end());
        return all;
    }
    // The value of a field with which the service sees the next exchange.
    std::string arrives(const socket_address& there, const std::string& field) const {
        BOOST_TEST(exchange(there, "x").bytes == "x");
        return service.requests().back().field(field);
    }

    temporary_folder folder;
    scripted_upstream service;
};

const strings tenant{"FINPOST_TENANT=plant seven"};

} // namespace

BOOST_FIXTURE_TEST_SUITE(secret_headers, fixture)

BOOST_AUTO_TEST_CASE(the_service_gets_what_the_file_and_the_variable_hold) {
    write("token", "SECRET{request.id}\n");
    bare_gateway one(flags(), tenant);
    one.wait_ready();
    BOOST_TEST(arrives(one.listens(), "Authorization") == "Bearer SECRET{request.id}");
    BOOST_TEST(arrives(one.listens(), "X-Tenant") == "plant seven-127.0.0.1");
    const std::string page = one.get("/config");
    BOOST_TEST(has(page, "Authorization: Bearer " + reference("token")), page);
    BOOST_TEST(has(page, "X-Tenant: {env:FINPOST_TENANT}-{peer.ip}"), page);
    for (const std::string& text : {page, one.get("/metrics"), one.get("/sessions"), one.log()})
        BOOST_TEST((!has(text, "SECRET") && !has(text, "plant seven")), text);
}

BOOST_AUTO_TEST_CASE(a_hangup_takes_the_new_value_and_a_broken_file_changes_nothing) {
    write("token", "first");
    bare_gateway one(flags(), tenant);
    one.wait_ready();
    const auto there = one.listens();
    BOOST_TEST(arrives(there, "Authorization") == "Bearer first");
    write("token", "second");
    BOOST_TEST(arrives(there, "Authorization") == "Bearer first");
    one.process().signal(SIGHUP);
    BOOST_REQUIRE(one.process().wait_for_error("\"event\":\"reloaded\""));
    BOOST_TEST(arrives(there, "Authorization") == "Bearer second");
    write("token", "LEAKED\nhalf");
    one.process().signal(SIGHUP);
    BOOST_REQUIRE(one.process().wait_for_error("\"event\":\"reload failed\""));
    BOOST_TEST(has(one.log(), "--header: \\\"Authorization\\\": " + reference("token") +
                                  ": byte 7 is not printable ASCII"),
               one.log());
    BOOST_TEST(!has(one.log(), "LEAKED"), one.log());
    BOOST_TEST(arrives(there, "Authorization") == "Bearer second");
}

BOOST_AUTO_TEST_CASE(a_check_shows_references_and_names_each_that_leads_nowhere) {
    write("token", "SECRET");
    std::filesystem::permissions(path("token"), std::filesystem::perms::others_read,
                                 std::filesystem::perm_options::add);
    bare_gateway good(flags({"--check"}), tenant);
    BOOST_TEST(good.ended() == 0, good.log());
    const std::string shown = good.process().output();
    BOOST_TEST(has(shown, "Authorization: Bearer " + reference("token")), shown);
    BOOST_TEST(has(good.log(), "every user of this machine can read the file"), good.log());
    BOOST_TEST((!has(shown, "SECRET") && !has(good.log(), "SECRET")), good.log());
    std::filesystem::remove(path("token"));
    bare_gateway bad(flags({"--check"}));
    BOOST_TEST(bad.ended() == 2);
    BOOST_TEST(has(bad.log(), "--header: \"Authorization\": " + reference("token") +
                                  ": cannot be read: No such file or directory\n"),
               bad.log());
    BOOST_TEST(has(bad.log(), "--header: \"X-Tenant\": {env:FINPOST_TENANT}: is not set\n"),
               bad.log());
    bare_gateway started(flags());
    BOOST_TEST(started.ended() == 2);
}

BOOST_AUTO_TEST_SUITE_END()
