#include "config/options.hpp"

#include "config/help.hpp"
#include "config/option_table.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <initializer_list>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

using namespace finpost;
using namespace std::chrono_literals;

namespace {

// The variables of whoever runs the tests must not decide them.
struct no_variables {
    no_variables() { clear(); }
    ~no_variables() { clear(); }
    static void clear() {
        std::vector<std::string> names;
        for (char** one = environ; *one != nullptr; ++one) {
            const std::string_view entry(*one);
            if (entry.starts_with("FINPOST_")) names.emplace_back(entry.substr(0, entry.find('=')));
        }
        for (const std::string& name : names) ::unsetenv(name.c_str());
    }
    static void set(const char* name, const char* value) { ::setenv(name, value, 1); }
};

finpost::options read(std::initializer_list<const char*> flags) {
    std::vector<const char*> argv{"finpostd"};
    argv.insert(argv.end(), flags);
    return read_options(static_cast<int>(argv.size()), argv.data());
}

std::string all(const std::vector<std::string>& problems) {
    std::string text;
    for (const std::string& one : problems) text += one + '\n';
    return text;
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != text.npos; }

} // namespace

BOOST_FIXTURE_TEST_SUITE(options, no_variables)

BOOST_AUTO_TEST_CASE(what_is_not_given_is_as_documented) {
    const auto given = read({"--demo"});
    BOOST_TEST(all(given.problems) == "");
    const daemon_config& config = given.config;
    BOOST_TEST(config.demo);
    BOOST_REQUIRE(config.gateway.listen.size() == 1u);
    BOOST_TEST(to_string(config.gateway.listen.front()) == "127.0.0.1:5000");
    BOOST_TEST(to_string(config.admin.value()) == "127.0.0.1:9180");
    BOOST_TEST(config.gateway.max_payload == 16u << 20);
    BOOST_TEST(config.upstream.max_reply == 16u << 20);
    BOOST_TEST(config.gateway.max_buffered == 1u << 30);
    BOOST_TEST(config.gateway.max_connections == 10'000u);
    BOOST_TEST(config.upstream.content_type == "application/octet-stream");
    BOOST_TEST((config.gateway.receive_idle == 10s && config.gateway.receive_total == 60s));
    BOOST_TEST((config.upstream.connect == 3s && config.upstream.total == 30s));
    BOOST_TEST((config.gateway.reply_total == 30s));
    BOOST_TEST((config.drain == 30s && config.drain_delay == 0s));
    BOOST_TEST((config.log.level == log_level::info && config.log.format == log_format::automatic));
}

BOOST_AUTO_TEST_CASE(every_flag_reaches_its_field) {
    const auto given = read({"--listen",
                             "127.0.0.1:0",
                             "--listen=[::1]:7",
                             "--upstream",
                             "http://a:1/x",
                             "--upstream",
                             "http://b:2/x",
                             "--decode",
                             "base64",
                             "--encode",
                             "base64",
                             "--content-type",
                             "text/plain",
                             "--method",
                             "PUT",
                             "--header",
                             "X-Site: Berlin",
                             "--header=X-Peer:{peer.ip}",
                             "--max-payload",
                             "1KiB",
                             "--max-reply",
                             "2KiB",
                             "--max-buffered",
                             "3MiB",
                             "--stream-above",
                             "64KiB",
                             "--max-connections",
                             "4",
                             "--max-per-source",
                             "5",
                             "--accept-rate",
                             "6",
                             "--allow",
                             "10.0.0.0/8",
                             "--allow",
                             "::1",
                             "--deny",
                             "10.1.0.0/16",
                             "--min-rate",
                             "7KiB",
                             "--receive-idle",
                             "8ms",
                             "--receive-total",
                             "9s",
                             "--upstream-connect",
                             "10s",
                             "--upstream-total",
                             "11m",
                             "--upstream-keep-alive",
                             "16s",
                             "--resolve-every",
                             "17s",
                             "--health-path",
                             "/h",
                             "--health-every",
                             "18s",
                             "--health-timeout",
                             "19s",
                             "--reply-total",
                             "12s",
                             "--on-refusal",
                             "reset",
                             "--on-status",
                             "relay",
                             "--foreign",
                             "probe",
                             "--on-client-reset",
                             "cancel",
                             "--threads",
                             "13",
                             "--admin",
                             "off",
                             "--drain",
                             "0s",
                             "--drain-delay",
                             "15s",
                             "--log-level",
                             "debug",
                             "--log-format",
                             "text",
                             "--log-file",
                             "/tmp/x",
                             "--access-log",
                             "refused"});
    BOOST_TEST(all(given.problems) == "");
    const daemon_config& config = given.config;
    const gateway_config& gate = config.gateway;
    const upstream_config& up = config.upstream;
    BOOST_REQUIRE(gate.listen.size() == 2u);
    BOOST_TEST(to_string(gate.listen[1]) == "[::1]:7");
    BOOST_REQUIRE(gate.allow.size() == 2u && gate.deny.size() == 1u);
    BOOST_TEST(to_string(gate.allow[1]) == "::1/128");
    BOOST_TEST(to_string(gate.deny[0]) == "10.1.0.0/16");
    BOOST_REQUIRE(up.endpoints.size() == 2u);
    BOOST_TEST(to_string(up.endpoints[1]) == "http://b:2/x");
    BOOST_TEST((gate.decode == codec::base64 && gate.encode == codec::base64));
    BOOST_TEST(up.content_type == "text/plain");
    BOOST_TEST((up.keep_alive == 16s && up.resolve_every == 17s));
    BOOST_TEST(up.health_path == "/h");
    BOOST_TEST((up.health_every == 18s && up.health_timeout == 19s));
    BOOST_TEST(up.method == "PUT");
    BOOST_REQUIRE(up.headers.size() == 2u);
    BOOST_TEST((up.headers[1] == http_header{"X-Peer", "{peer.ip}"}));
    BOOST_TEST(read({"--upstream", "http://a", "--path", "/{peer.ip}"}).config.upstream.path ==
               "/{peer.ip}");
    BOOST_TEST(gate.max_payload == 1024u);
    BOOST_TEST(up.max_reply == 2048u);
    BOOST_TEST(gate.max_buffered == 3u << 20);
    BOOST_TEST(gate.stream_above.value() == 64u << 10);
    BOOST_TEST(gate.max_connections == 4u);
    BOOST_TEST(gate.max_per_source == 5u);
    BOOST_TEST(gate.accept_rate == 6u);
    BOOST_TEST(gate.min_rate == 7u << 10);
    BOOST_TEST((gate.receive_idle == 8ms && gate.receive_total == 9s && gate.reply_total == 12s));
    BOOST_TEST((up.connect == 10s && up.total == 11min));
    BOOST_TEST((gate.on_refusal == refusal_style::reset && up.on_status == status_policy::relay));
    BOOST_TEST((gate.on_client_reset == client_reset_policy::cancel));
    BOOST_TEST((gate.access_log == access_log::refused));
    BOOST_TEST((gate.foreign == foreign_policy::probe));
    BOOST_TEST(config.threads == 13u);
    BOOST_TEST(!config.admin);
    BOOST_TEST((config.drain == 0s && config.drain_delay == 15s));
    BOOST_TEST((config.log.level == log_level::debug && config.log.format == log_format::text));
    BOOST_TEST(config.log.file == "/tmp/x");
}

BOOST_AUTO_TEST_CASE(a_flag_wins_over_its_variable) {
    set("FINPOST_MAX_PAYLOAD", "1KiB");
    set("FINPOST_MAX_REPLY", "2KiB");
    set("FINPOST_DEMO", "on");
    set("FINPOST_THREADS", "3");
    const auto given = read({"--max-payload", "4KiB"});
    BOOST_TEST(all(given.problems) == "");
    BOOST_TEST(given.config.demo);
    BOOST_TEST(given.config.gateway.max_payload == 4096u);
    BOOST_TEST(given.config.upstream.max_reply == 2048u);
    set("FINPOST_DEMO", "off");
    BOOST_TEST(has(all(read({}).problems), "--upstream: no URL"));
}

BOOST_AUTO_TEST_CASE(a_variable_takes_a_list_with_commas_and_a_flag_does_not) {
    set("FINPOST_LISTEN", "127.0.0.1:0,[::1]:0");
    set("FINPOST_UPSTREAM", "http://a/x,http://b/x");
    const auto given = read({});
    BOOST_TEST(all(given.problems) == "");
    BOOST_TEST(given.config.gateway.listen.size() == 2u);
    BOOST_TEST(given.config.upstream.endpoints.size() == 2u);
    const auto flag = read({"--upstream", "http://a/x?list=1,2"});
    BOOST_REQUIRE(flag.config.upstream.endpoints.size() == 1u);
    BOOST_TEST(flag.config.upstream.endpoints.front().target == "/x?list=1,2");
}

BOOST_AUTO_TEST_CASE(every_problem_is_told_at_once_and_names_its_flag) {
    set("FINPOST_ENCODE", "rot13");
    const auto given = read({"--max-payload",
                             "1x",
                             "--receive-idle",
                             "-3s",
                             "--bogus",
                             "3",
                             "--threads",
                             "0",
                             "--listen",
                             "localhost:1",
                             "--decode=foo",
                             "--max-connections",
                             "0",
                             "--drain",
                             "5",
                             "stray",
                             "--max-reply",
                             "0",
                             "--log-level",
                             "loud",
                             "--upstream-connect",
                             "0s",
                             "--header",
                             "X",
                             "--method",
                             "GET"});
    const std::string text = all(given.problems);
    for (const char* part :
         {"--max-payload: \"1x\"", "--receive-idle: \"-3s\"", "\"--bogus\"", "--threads: \"0\"",
          "--listen: \"localhost:1\"", "--decode: \"foo\"",
          "--max-connections: ", "--drain: \"5\" has no unit", "\"stray\"",
          "--max-reply: ", "--log-level: \"loud\"", "--upstream-connect: ", "--encode: \"rot13\"",
          "--upstream: no URL", "--header: \"X\"", "--method: \"GET\""})
        BOOST_TEST(has(text, part), part << " in:\n" << text);
    BOOST_TEST(given.problems.size() == 16u);
}

BOOST_AUTO_TEST_CASE(a_problem_between_two_flags_names_both_as_flags) {
    const auto given = read({"--demo", "--max-payload", "2MiB", "--max-buffered", "1MiB"});
    BOOST_REQUIRE(given.problems.size() == 1u);
    BOOST_TEST(has(given.problems[0], "--max-buffered: must be at least --max-payload (2MiB)"));
}

BOOST_AUTO_TEST_CASE(a_payload_needs_somewhere_to_go_and_only_one_place) {
    BOOST_TEST(has(all(read({}).problems), "--demo brings a service of its own"));
    BOOST_TEST(has(all(read({"--demo", "--upstream", "http://a/"}).problems), "--demo: "));
    // A URL that cannot be read is one problem, not two.
    BOOST_TEST(read({"--upstream", "ftp://a/"}).problems.size() == 1u);
    BOOST_TEST(read({"--upstream", "https://a/"}).problems.empty());
    BOOST_TEST(has(all(read({"--upstream", "http://a/", "--upstream-insecure"}).problems),
                   "--upstream-insecure: has no effect"));
}

BOOST_AUTO_TEST_CASE(a_flag_without_its_value_or_given_twice_is_a_problem) {
    BOOST_TEST(has(all(read({"--demo", "--threads"}).problems), "\"--threads\" needs a value"));
    BOOST_TEST(has(all(read({"--demo", "--threads", "1", "--threads", "2"}).problems),
                   "--threads: given more than once"));
}

BOOST_AUTO_TEST_CASE(spilling_has_a_size_or_is_off) {
    BOOST_TEST(read({"--demo"}).config.gateway.spill_above == 4u << 20);
    BOOST_TEST(read({"--demo", "--spill-above", "64KiB"}).config.gateway.spill_above == 64u << 10);
    BOOST_TEST(read({"--demo", "--spill-above", "off"}).config.gateway.spill_above == 0u);
    BOOST_TEST(has(all(read({"--demo", "--spill-above", "0"}).problems),
                   "--spill-above: must be above zero"));
    BOOST_TEST(read({"--demo", "--spill-dir", "/var/tmp"}).config.gateway.spill_dir == "/var/tmp");
    BOOST_TEST(has(all(read({"--demo", "--spill-dir", "/nonexistent"}).problems),
                   "--spill-dir: no file can be made in \"/nonexistent\""));
}

BOOST_AUTO_TEST_CASE(help_and_version_are_answered_whatever_else_is_wrong) {
    BOOST_TEST((read({"--bogus", "--help"}).what == finpost::options::action::help));
    BOOST_TEST((read({"-h"}).what == finpost::options::action::help));
    BOOST_TEST((read({"--version"}).what == finpost::options::action::version));
}

BOOST_AUTO_TEST_CASE(a_share_of_traces_is_a_number_from_0_to_1_or_off) {
    const auto share = [](const char* text) {
        return read({"--demo", "--trace-sampled", text}).config.gateway.trace_sampled;
    };
    BOOST_TEST(share("0.25") == 0.25);
    BOOST_TEST(share("1") == 1.0);
    BOOST_TEST(share("off") == 0.0);
    for (const char* wrong : {"1.01", "-0.1", "half", "0.5x", "1e-3", "nan", "inf", ""}) {
        const std::string text = all(read({"--demo", "--trace-sampled", wrong}).problems);
        BOOST_TEST(has(text, "--trace-sampled: "), wrong);
    }
}

BOOST_AUTO_TEST_CASE(a_health_check_needs_the_admin_address_and_nothing_else) {
    const finpost::options asked =
        read({"--health", "--admin", "127.0.0.1:9999", "--max-payload", "huge"});
    BOOST_TEST((asked.what == finpost::options::action::health));
    BOOST_TEST(asked.problems.empty());
    BOOST_TEST(asked.config.admin->port() == 9999);
    BOOST_TEST(has(all(read({"--health", "--admin", "x"}).problems), "--admin: "));
    BOOST_TEST(has(all(read({"--health", "--what"}).problems), "unknown option"));
}

BOOST_AUTO_TEST_CASE(the_help_names_every_flag_and_variable_and_fits_a_terminal) {
    const std::string text = help_text();
    for (const option_row& row : option_table()) {
        BOOST_TEST(has(text, row.flag), row.flag);
        BOOST_TEST(has(text, row.environment()), row.environment());
        const auto texts = row.default_texts();
        BOOST_TEST(has(text, texts.empty() ? row.without : texts.front()), row.flag);
    }
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        BOOST_TEST(line.size() <= 100u, line);
        BOOST_TEST(!line.ends_with(' '), line);
    }
}

// A compose file with a variable that nobody has set must not open the gateway to everybody.
BOOST_AUTO_TEST_CASE(an_empty_variable_is_what_an_empty_flag_is) {
    for (const option_row& row : option_table()) {
        BOOST_TEST_CONTEXT(row.flag) {
            clear();
            const std::string flag(row.flag);
            const bool wrong =
                row.is_switch() || !read({"--demo", flag.c_str(), ""}).problems.empty();
            set(row.environment().c_str(), "");
            const auto given = row.flag == "--demo" ? read({}) : read({"--demo"});
            BOOST_TEST(has(all(given.problems), "(from " + row.environment() + ")\n") == wrong,
                       all(given.problems));
        }
    }
    for (const char* name :
         {"FINPOST_ALLOW", "FINPOST_TLS_CERT", "FINPOST_TLS_CLIENT_AUTH", "FINPOST_CONFIG"}) {
        clear();
        set(name, "");
        BOOST_TEST(has(all(read({"--demo"}).problems), name), name);
    }
}

BOOST_AUTO_TEST_CASE(a_variable_that_nobody_reads_is_a_problem_but_not_one_of_kubernetes) {
    set("FINPOST_ALOW", "10.0.0.0/8");
    BOOST_TEST(has(all(read({"--demo"}).problems),
                   "FINPOST_ALOW: unknown variable: did you mean FINPOST_ALLOW?"));
    BOOST_TEST(read({"--health"}).problems.empty());
    clear();
    set("FINPOST_SERVICE_HOST", "10.0.0.1");
    set("FINPOST_SERVICE_PORT", "5000");
    set("FINPOST_SERVICE_PORT_TCP", "5000");
    set("FINPOST_PORT", "tcp://10.0.0.1:5000");
    set("FINPOST_PORT_5000_TCP", "tcp://10.0.0.1:5000");
    set("FINPOST_PORT_5000_TCP_ADDR", "10.0.0.1");
    set("FINPOST_GW_PORT", "udp://10.0.0.1:53");
    BOOST_TEST(all(read({"--demo"}).problems) == "");
    set("FINPOST_PORT", "5000");
    BOOST_TEST(has(all(read({"--demo"}).problems), "FINPOST_PORT: unknown variable"));
}

BOOST_AUTO_TEST_CASE(who_mistypes_is_told_what_was_meant) {
    BOOST_TEST(
        has(all(read({"--demo", "--max-paylod", "1KiB"}).problems), "did you mean --max-payload?"));
    BOOST_TEST(has(all(read({"--demo", "check"}).problems), "did you mean --check?"));
    BOOST_TEST(has(all(read({"--demo", "--decode", "bas64"}).problems), "did you mean base64?"));
    BOOST_TEST(has(all(read({"--demo", "--log-level", "inf"}).problems), "did you mean info?"));
    BOOST_TEST(has(all(read({"--demo", "--max-payload", "16MB"}).problems), "did you mean 16MiB?"));
    BOOST_TEST(has(all(read({"--demo", "--drain", "10 sec"}).problems), "did you mean 10s?"));
    BOOST_TEST(has(all(read({"--upstream", "localhost:3000"}).problems),
                   "did you mean http://localhost:3000?"));
    BOOST_TEST(has(all(read({"--demo", "--connect"}).problems), "--connect: is for --check only"));
    BOOST_TEST(has(all(read({"--demo", "--", "x"}).problems), "unexpected argument \"x\""));
    BOOST_TEST(all(read({"--demo", "--"}).problems) == "");
}

BOOST_AUTO_TEST_CASE(a_list_in_one_flag_is_told_to_be_given_twice) {
    const auto wrong = [](const char* flag, const char* text) {
        return all(read({"--demo", flag, text}).problems);
    };
    BOOST_TEST(
        has(all(read({"--upstream", "http://a/x,http://b/x"}).problems), "give the flag twice"));
    BOOST_TEST(has(wrong("--listen", "127.0.0.1:1,127.0.0.1:2"), "give the flag twice"));
    BOOST_TEST(has(wrong("--allow", "10.0.0.1,10.0.0.2"), "give the flag twice"));
    BOOST_TEST(all(read({"--upstream", "http://a/x?list=1,2"}).problems) == "");
}

BOOST_AUTO_TEST_CASE(nothing_before_the_colon_is_every_address_of_both_families) {
    for (const char* text : {":5000", "*:5000"}) {
        const auto given = read({"--demo", "--listen", text});
        BOOST_TEST(all(given.problems) == "");
        BOOST_REQUIRE(given.config.gateway.listen.size() == 2u);
        BOOST_TEST(to_string(given.config.gateway.listen[0]) == "0.0.0.0:5000");
        BOOST_TEST(to_string(given.config.gateway.listen[1]) == "[::]:5000");
    }
    BOOST_TEST(
        has(all(read({"--demo", "--admin", ":9180"}).problems), "0.0.0.0:9180 or [::]:9180"));
    BOOST_TEST(has(all(read({"--demo", "--listen", "*:x"}).problems), "--listen: "));
}

BOOST_AUTO_TEST_CASE(addresses_that_take_each_other_away_are_a_problem_before_anything_is_bound) {
    const auto wrong = [](std::initializer_list<const char*> flags) {
        return all(read(flags).problems);
    };
    BOOST_TEST(
        has(wrong({"--demo", "--listen", "127.0.0.1:9180"}), "and the admin port, 127.0.0.1:9180"));
    BOOST_TEST(
        has(wrong({"--demo", "--listen", "0.0.0.0:9180"}), "and the admin port, 127.0.0.1:9180"));
    BOOST_TEST(has(wrong({"--demo", "--listen", "0.0.0.0:5000", "--listen", "127.0.0.1:5000"}),
                   "cannot stand together"));
    BOOST_TEST(has(wrong({"--demo", "--listen", "[::1]:5000", "--listen", "[::]:5000"}),
                   "cannot stand together"));
    BOOST_TEST(wrong({"--demo", "--listen", "0.0.0.0:5000", "--listen", "[::]:5000"}) == "");
    BOOST_TEST(wrong({"--demo", "--listen", "127.0.0.1:0", "--listen", "0.0.0.0:0", "--admin",
                      "127.0.0.1:0"}) == "");
}

BOOST_AUTO_TEST_SUITE_END()
