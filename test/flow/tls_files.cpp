// What is wrong with certificates and keys is said before anybody connects.
#include "support/certificates.hpp"
#include "support/child_process.hpp"

#include "finpost/tls_context.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <optional>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using option = tls_problem::option;

namespace {

bool holds(const std::string& text, const std::string& part) {
    return text.find(part) != text.npos;
}

// One problem, of this option, with these words in it.
void expect(const tls_made& made, option where, const std::string& words) {
    BOOST_TEST(!made.context);
    BOOST_REQUIRE(made.problems.size() == 1u);
    BOOST_TEST((made.problems[0].where == where));
    BOOST_TEST(holds(made.problems[0].message, words), made.problems[0].message);
}

struct files {
    files() {
        if (!have("openssl")) return;
        made.emplace();
        made->make("server");
    }
    bool skipped() const { return !made; }
    tls_options with(const std::string& ca, const std::string& cert, const std::string& key) const {
        tls_options out;
        if (!ca.empty()) out.ca = made->path(ca);
        if (!cert.empty()) out.cert = made->path(cert);
        if (!key.empty()) out.key = made->path(key);
        return out;
    }
    std::optional<certificates> made;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(tls_files, files)

BOOST_AUTO_TEST_CASE(good_files_make_a_context) {
    if (skipped()) return;
    const tls_made client = make_client_tls(with("ca.pem", "server.pem", "server.key"));
    BOOST_TEST(client.problems.empty());
    BOOST_TEST(client.warnings.empty());
    BOOST_TEST(!!client.context);
    BOOST_REQUIRE(client.context.expires());
    BOOST_TEST((*client.context.expires() ==
                tls_context::time_point(std::chrono::sys_days(std::chrono::year(2045) / 1 / 1))));
    BOOST_TEST(!!make_client_tls({}).context); // the system's certificates
    BOOST_TEST(!make_client_tls({}).context.expires());
    tls_options server = with("ca.pem", "server.pem", "server.key");
    server.client_auth = tls_client_auth::required;
    BOOST_TEST(!!make_server_tls(server).context);
    // Both in one file.
    made->write("both.pem", made->read("server.key") + made->read("server.pem"));
    BOOST_TEST(!!make_server_tls(with("", "both.pem", "")).context);
    BOOST_TEST(!tls_context());
}

BOOST_AUTO_TEST_CASE(each_file_is_named_with_what_is_wrong) {
    if (skipped()) return;
    made->write("empty.pem", "");
    made->write("text.pem", "-----BEGIN NOTHING-----\nAAAA\n-----END NOTHING-----\n");
    made->write("cut.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    made->write("huge.pem", std::string(5u << 20, 'x'));
    const auto path = [this](const char* name) { return '"' + made->path(name) + "\": "; };
    expect(make_client_tls(with("none.pem", "", "")), option::ca,
           path("none.pem") + "No such file or directory");
    expect(make_client_tls(with(".", "", "")), option::ca, "Is a directory");
    expect(make_client_tls(with("empty.pem", "", "")), option::ca,
           path("empty.pem") + "is not a PEM file");
    expect(make_client_tls(with("text.pem", "", "")), option::ca, "holds no certificate");
    expect(make_client_tls(with("cut.pem", "", "")), option::ca, "malformed");
    expect(make_client_tls(with("huge.pem", "", "")), option::ca, "larger than");
    expect(make_client_tls(with("", "text.pem", "server.key")), option::cert,
           "holds no certificate");
    expect(make_client_tls(with("", "cut.pem", "server.key")), option::cert,
           "number 1 in it is malformed");
    expect(make_client_tls(with("", "server.pem", "server.pem")), option::key,
           "holds no private key");
    expect(make_client_tls(with("", "server.pem", "none")), option::key,
           path("none") + "No such file");
    expect(make_client_tls(with("", "", "server.key")), option::cert, "is missing");
    expect(make_server_tls({}), option::cert, "is missing");
}

BOOST_AUTO_TEST_CASE(all_problems_are_told_at_once) {
    if (skipped()) return;
    tls_options wrong = with("none", "none", "none");
    wrong.server_name = "two words";
    const tls_made got = make_client_tls(wrong);
    BOOST_TEST(got.problems.size() == 4u);
    BOOST_TEST(!got.context);
}

BOOST_AUTO_TEST_CASE(a_key_of_another_certificate_is_told_with_both_files) {
    if (skipped()) return;
    made->make("other");
    const tls_made got = make_client_tls(with("", "server.pem", "other.key"));
    expect(got, option::key, "other.key\": is not the key of the certificate in");
    BOOST_TEST(holds(got.problems[0].message, "server.pem"));
}

BOOST_AUTO_TEST_CASE(a_key_with_a_passphrase_is_refused_and_nobody_is_asked) {
    if (skipped()) return;
    made->write("locked.key", made->read("server.key"));
    made->lock("locked.key", "secret");
    expect(make_client_tls(with("", "server.pem", "locked.key")), option::key, "passphrase");
}

BOOST_AUTO_TEST_CASE(an_expired_certificate_is_a_warning_with_its_date) {
    if (skipped()) return;
    certificates::wanted old, early;
    old.until = "20210304050607Z";
    early.from = "20440101000000Z";
    made->make("old", old);
    made->make("early", early);
    const tls_made expired = make_server_tls(with("", "old.pem", "old.key"));
    BOOST_TEST(!!expired.context);
    BOOST_REQUIRE(expired.warnings.size() == 1u);
    BOOST_TEST((expired.warnings[0].where == option::cert));
    BOOST_TEST(holds(expired.warnings[0].message, "old.pem\": expired on 2021-03-04 05:06:07 UTC"),
               expired.warnings[0].message);
    const tls_made unborn = make_server_tls(with("", "early.pem", "early.key"));
    BOOST_REQUIRE(unborn.warnings.size() == 1u);
    BOOST_TEST(holds(unborn.warnings[0].message, "not valid before 2044-01-01"));
}

BOOST_AUTO_TEST_CASE(asking_clients_for_certificates_needs_to_know_whose) {
    if (skipped()) return;
    for (const auto auth : {tls_client_auth::optional, tls_client_auth::required}) {
        tls_options server = with("", "server.pem", "server.key");
        server.client_auth = auth;
        expect(make_server_tls(server), option::ca, "is missing");
    }
}

BOOST_AUTO_TEST_CASE(days_are_counted_down_past_the_end) {
    const tls_context::time_point end(std::chrono::sys_days(std::chrono::year(2030) / 6 / 15));
    BOOST_TEST(days_left(end, end - 72h) == 3);
    BOOST_TEST(days_left(end, end - 71h) == 2);
    BOOST_TEST(days_left(end, end - 1h) == 0);
    BOOST_TEST(days_left(end, end + 1h) == -1);
}

BOOST_AUTO_TEST_CASE(words_for_client_authentication_are_read_back) {
    for (const std::string_view word : {"required", "optional", "off"})
        BOOST_TEST(to_string(parse_tls_client_auth(word).value()) == word);
    BOOST_TEST(parse_tls_client_auth("none").error().message ==
               "\"none\": expected off, optional or required");
}

BOOST_AUTO_TEST_CASE(a_chain_in_the_wrong_order_is_told_as_that) {
    if (skipped()) return;
    made->write("upside_down.pem", made->read("ca.pem") + made->read("server.pem"));
    expect(make_server_tls(with("", "upside_down.pem", "server.key")), option::cert,
           "is in the wrong order: the certificate of the key is number 2 in it");
    made->make("other");
    made->write("mixed.pem",
                made->read("server.pem") + made->read("other.pem") + made->read("ca.pem"));
    const tls_made mixed = make_server_tls(with("", "mixed.pem", "server.key"));
    BOOST_TEST(!!mixed.context);
    BOOST_REQUIRE(mixed.warnings.size() == 1u);
    BOOST_TEST(holds(mixed.warnings[0].message, "number 2 is not the issuer of number 1"),
               mixed.warnings[0].message);
    made->write("good.pem", made->read("server.pem") + made->read("ca.pem"));
    BOOST_TEST(make_server_tls(with("", "good.pem", "server.key")).warnings.empty());
}

BOOST_AUTO_TEST_CASE(a_server_name_in_another_writing_is_refused) {
    tls_options options;
    options.server_name = "127.000.000.010";
    expect(make_client_tls(options), option::server_name, "did you mean 127.0.0.10?");
}

BOOST_AUTO_TEST_SUITE_END()
