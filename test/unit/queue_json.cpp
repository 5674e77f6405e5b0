#include "control/queue_json.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <string>

using namespace finpost;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

queue_entry some_entry() {
    queue_entry entry{.id = parse_request_id("0190163d-8694-739b-aea5-966c26f8ad91").value()};
    entry.idempotency_key = "key";
    entry.sequence = 7;
    entry.listener = "scales";
    entry.upstream = "records";
    entry.peer = parse_socket_address("192.0.2.7:4216").value();
    entry.local = parse_socket_address("[2001:db8::1]:5000").value();
    entry.accepted_at = queue_entry::time_point(1'700'000'000'123ms);
    entry.waiting_since = entry.accepted_at;
    entry.size = 5;
    entry.crc32c = 4'000'000'000u;
    entry.attempts = 2;
    entry.due = queue_entry::time_point(1'700'000'001'000ms);
    entry.last_status = 503;
    entry.last_error = "upstream_status";
    return entry;
}

} // namespace

BOOST_AUTO_TEST_SUITE(queue_json)

BOOST_AUTO_TEST_CASE(a_time_is_iso_8601_in_utc) {
    BOOST_TEST(iso_time({}) == "1970-01-01T00:00:00.000Z");
    BOOST_TEST(iso_time(queue_entry::time_point(1'700'000'000'123ms)) ==
               "2023-11-14T22:13:20.123Z");
    BOOST_TEST(iso_time(queue_entry::time_point(-1ms)) == "1969-12-31T23:59:59.999Z");
}

BOOST_AUTO_TEST_CASE(what_is_listed_are_eleven_fields) {
    BOOST_TEST(json::serialize(listed(to_json(some_entry()))) ==
               R"({"id":"0190163d-8694-739b-aea5-966c26f8ad91","state":"waiting",)"
               R"("listener":"scales","upstream":"records","peer":"192.0.2.7:4216",)"
               R"("accepted_at":"2023-11-14T22:13:20.123Z","size":5,"attempts":2,)"
               R"("due":"2023-11-14T22:13:21.000Z","last_status":503,)"
               R"("last_error":"upstream_status"})");
    BOOST_CHECK_THROW(listed({{"id", "x"}}), std::exception);
}

BOOST_AUTO_TEST_CASE(what_does_not_wait_is_never_due) {
    queue_entry dead = some_entry();
    dead.state = queue_state::dead;
    BOOST_TEST(to_json(dead).at("due").is_null());
    queue_entry behind = some_entry();
    behind.due.reset();
    BOOST_TEST(to_json(behind).at("due").is_null());
    BOOST_TEST(to_json(some_entry()).at("lease_until").is_null());
}

BOOST_AUTO_TEST_CASE(any_bytes_become_json) {
    queue_entry entry = some_entry();
    entry.tls_name = std::string("a\xff\xc3\x28 b\0\x1b", 8);
    entry.last_error = "\xc3\xa9";
    const json::value back = json::parse(json::serialize(to_json(entry)));
    BOOST_TEST(back.at("tls_name").as_string() ==
               std::string("a\xef\xbf\xbd\xef\xbf\xbd( b\0\x1b", 12));
    BOOST_TEST(back.at("last_error").as_string() == "\xc3\xa9");
    BOOST_TEST(back.at("crc32c").to_number<std::uint64_t>() == 4'000'000'000u);
}

BOOST_AUTO_TEST_CASE(a_state_is_one_of_three_words) {
    for (const queue_state state : all_queue_states)
        BOOST_TEST((parse_queue_state(to_string(state)).value() == state));
    BOOST_TEST(parse_queue_state("deda").error().message ==
               "\"deda\": expected waiting, dead or set_aside");
}

BOOST_AUTO_TEST_CASE(ids_are_read_back_and_nothing_else) {
    const std::vector<request_id> ids{request_id::generate(), request_id::generate()};
    BOOST_TEST((parse_ids(json::serialize(ids_to_json(ids))).value() == ids));
    const auto wrong = [](const std::string& text) { return parse_ids(text).error().message; };
    BOOST_TEST(wrong("[") == "the body is no JSON object");
    BOOST_TEST(wrong("[]") == "the body is no JSON object");
    BOOST_TEST(wrong("{}") == "\"ids\" must be an array of 1 to 1000 ids");
    BOOST_TEST(wrong(R"({"ids":[]})") == "\"ids\" must be an array of 1 to 1000 ids");
    BOOST_TEST(wrong(R"({"ids":["x"]})") == "an id of \"ids\": \"x\" is not a request id");
    BOOST_TEST(wrong(R"({"ids":[1]})") == "an id of \"ids\": no text");
    const std::vector<request_id> many(1001, ids[0]);
    BOOST_TEST(wrong(json::serialize(ids_to_json(many))) ==
               "\"ids\" must be an array of 1 to 1000 ids");
}

BOOST_AUTO_TEST_CASE(a_text_that_is_deep_is_refused) {
    BOOST_TEST(!parse_object("{\"a\":" + std::string(1000, '[') + std::string(1000, ']') + '}'));
    BOOST_TEST(parse_object("{\"a\":[[1]]}").has_value());
}

BOOST_AUTO_TEST_SUITE_END()
