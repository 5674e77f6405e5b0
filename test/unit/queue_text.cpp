#include "queue/queue_text.hpp"

#include "control/queue_json.hpp"

#include <boost/json/parse.hpp>
#include <boost/test/unit_test.hpp>

#include <string>

using namespace finpost;
namespace json = boost::json;

namespace {

json::object row(const std::string& listener, queue_state state = queue_state::waiting,
                 const std::string& error = {}) {
    queue_entry entry{.id = parse_request_id("0190163d-8694-739b-aea5-966c26f8ad91").value()};
    entry.listener = listener;
    entry.upstream = "records";
    entry.peer = parse_socket_address("192.0.2.7:4216").value();
    entry.state = state;
    entry.size = 12;
    entry.due = queue_entry::time_point(std::chrono::milliseconds(1'700'000'000'123));
    entry.last_status = error.empty() ? 0 : 422;
    entry.last_error = error;
    return to_json(entry);
}

} // namespace

BOOST_AUTO_TEST_SUITE(queue_text)

BOOST_AUTO_TEST_CASE(columns_are_aligned) {
    queue_table table;
    BOOST_TEST(table.page({row("scales"), row("a", queue_state::dead, "upstream_status")}) ==
               "ID                                    STATE    LISTENER  UPSTREAM  PEER            "
               "ACCEPTED                  SIZE  ATTEMPTS  DUE                       STATUS  LAST "
               "ERROR\n"
               "0190163d-8694-739b-aea5-966c26f8ad91  waiting  scales    records   192.0.2.7:4216  "
               "1970-01-01T00:00:00.000Z  12    0         2023-11-14T22:13:20.123Z  -       -\n"
               "0190163d-8694-739b-aea5-966c26f8ad91  dead     a         records   192.0.2.7:4216  "
               "1970-01-01T00:00:00.000Z  12    0         -                         422     "
               "upstream_status\n");
    // A page more has no head, and is as wide.
    BOOST_TEST(table.page({row("b")}) ==
               "0190163d-8694-739b-aea5-966c26f8ad91  waiting  b         records   192.0.2.7:4216  "
               "1970-01-01T00:00:00.000Z  12    0         2023-11-14T22:13:20.123Z  -       -\n");
    BOOST_TEST(table.page({}) == "");
}

BOOST_AUTO_TEST_CASE(an_empty_list_has_its_head) {
    queue_table table;
    BOOST_TEST(table.page({}).starts_with("ID  STATE  LISTENER"));
}

BOOST_AUTO_TEST_CASE(a_terminal_obeys_nothing_of_it) {
    queue_table table;
    const std::string text = table.page({row("\x1b[2J", queue_state::dead,
                                             "a\nb\r\x9b"
                                             "31m\x07")}) +
                             entry_text(row("\x1b]0;x\x07"));
    for (const char c : text) BOOST_TEST((c == '\n' || (c >= 0x20 && c < 0x7f)));
    BOOST_TEST((text.find("\\x1b[2J") != text.npos));
    BOOST_TEST((text.find("a\\x0ab\\x0d") != text.npos));
}

BOOST_AUTO_TEST_CASE(what_is_no_row_is_an_error) {
    queue_table table;
    BOOST_CHECK_THROW(table.page({{{"id", "x"}}}), std::exception);
}

BOOST_AUTO_TEST_CASE(stats_are_lines) {
    queue_stats stats;
    stats.of(queue_state::dead) = {2, 10};
    stats.bytes = 10;
    stats.max_bytes = 1024;
    stats.oldest = std::chrono::milliseconds(317);
    BOOST_TEST(stats_text(to_json(stats)) == "waiting          0 (0 bytes)\n"
                                             "dead             2 (10 bytes)\n"
                                             "set_aside        0 (0 bytes)\n"
                                             "delivering       0\n"
                                             "bytes            10\n"
                                             "max_bytes        1024\n"
                                             "oldest_seconds   0.317\n");
}

BOOST_AUTO_TEST_CASE(payloads_are_counted_in_words) {
    BOOST_TEST(payloads_text(0) == "0 payloads");
    BOOST_TEST(payloads_text(1) == "1 payload");
}

BOOST_AUTO_TEST_SUITE_END()
