// What the disk fails to read may be read later: it is put off, and set aside when that goes on.
#include "unit/queue/failing_syncs.hpp"
#include "unit/queue/sqlite_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <string>
#include <utility>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t large = 300 << 10;
constexpr const char* not_read = "queue payload not read";

struct fixture : sqlite_fixture {
    ~fixture() { fail_reads(0); }

    std::size_t claimed() {
        const auto got = client->claim(50);
        BOOST_TEST(!got.ec);
        return got.value.payloads.size();
    }
    std::uint64_t count(queue_state state) { return client->stats().of(state).payloads; }
    // Each pause of a payload that cannot be read, and a claim behind it.
    void pass_pauses(int pauses) {
        for (std::chrono::milliseconds pause = 1s; pauses > 0; --pauses, pause *= 2) {
            now += pause;
            BOOST_TEST(claimed() == 0u);
        }
    }
    void open_with(const std::vector<std::string>& bodies) {
        std::vector<new_payload> batch;
        for (const std::string& each : bodies) batch.push_back(make_payload(each));
        BOOST_REQUIRE(!open().put(std::move(batch)));
        reopen();
    }
    // The sectors of a page are bad.
    void lose_page(const std::string& which) {
        close();
        const std::int64_t at = offset_of_page(which);
        fail_reads(EIO, file("queue.db"), at, at + page_size);
        open();
        BOOST_TEST(log.count("queue damaged") == 1u);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_unread, fixture)

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_for_once_is_read_again) {
    open_with({std::string(large, 'x'), "small"});
    fail_reads(EIO, payload_files().at(0));
    BOOST_TEST(claimed() == 1u); // the other one
    const auto record = log.of(not_read).at(0);
    BOOST_TEST(record.at("what") == "Input/output error");
    BOOST_TEST(record.at("times") == "1");
    BOOST_TEST(record.at("retry_ms") == "1000");
    const auto listed = client->list().value.at(0);
    BOOST_TEST(record.at("id") == listed.id.text());
    BOOST_TEST(listed.last_error == "it cannot be read: Input/output error");
    BOOST_TEST(listed.attempts == 0u);
    BOOST_TEST(count(queue_state::waiting) == 2u);
    BOOST_TEST(count(queue_state::set_aside) == 0u);
    fail_reads(0);
    const auto at_once = client->claim(50);
    BOOST_TEST(at_once.value.payloads.empty());
    BOOST_TEST((at_once.value.next_due == 1s));
    now += 1s;
    const auto later = client->claim(50);
    BOOST_REQUIRE(later.value.payloads.size() == 1u);
    BOOST_TEST((later.value.payloads[0].body.text() == std::string(large, 'x')));
    BOOST_TEST(log.count("queue payload set aside") == 0u);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_for_two_minutes_is_set_aside) {
    open_with({std::string(large, 'x')});
    fail_reads(EIO, payload_files().at(0));
    BOOST_TEST(claimed() == 0u);
    pass_pauses(6);
    BOOST_TEST(count(queue_state::set_aside) == 0u);
    BOOST_TEST(log.count(not_read) == 7u);
    now += 64s;
    BOOST_TEST(claimed() == 0u);
    BOOST_TEST(count(queue_state::set_aside) == 1u);
    BOOST_TEST(log.of("queue payload set aside").at(0).at("what") ==
               "it cannot be read: Input/output error");
    // Whoever replays it has it read at once, and again for as long.
    BOOST_TEST(client->replay().value == 1u);
    BOOST_TEST(claimed() == 0u);
    BOOST_TEST(log.of(not_read).back().at("times") == "1");
    BOOST_TEST(count(queue_state::waiting) == 1u);
    fail_reads(0);
    now += 1s;
    BOOST_TEST(claimed() == 1u);
}

BOOST_AUTO_TEST_CASE(of_one_source_nobody_overtakes_what_cannot_be_read) {
    options.ordered = true;
    open_with({std::string(large, 'x'), "small"});
    fail_reads(EIO, payload_files().at(0));
    BOOST_TEST(claimed() == 0u);
    fail_reads(0);
    now += 1s;
    const auto first = client->claim(50).value.payloads;
    BOOST_REQUIRE(first.size() == 1u);
    BOOST_TEST(first[0].entry.size == large);
}

BOOST_AUTO_TEST_CASE(a_body_in_the_database_that_cannot_be_read) {
    open_with({"first", std::string(100'000, 'x'), "third"});
    lose_page("name = 'bodies' and pagetype = 'overflow'");
    const auto others = client->claim(50).value.payloads;
    BOOST_REQUIRE(others.size() == 2u);
    BOOST_TEST(client->delivered({others[0].entry.id, others[1].entry.id}).value == 2u);
    BOOST_TEST(log.of(not_read).at(0).at("what") == "disk I/O error (266)");
    BOOST_TEST(log.count("queue write failed") == 0u);
    pass_pauses(6);
    BOOST_TEST(count(queue_state::set_aside) == 0u);
    now += 64s;
    BOOST_TEST(claimed() == 0u);
    BOOST_TEST(count(queue_state::set_aside) == 1u);
    BOOST_TEST(log.of("queue payload set aside").at(0).at("what") ==
               "it cannot be read: disk I/O error (266)");
}

BOOST_AUTO_TEST_CASE(a_body_in_the_database_that_cannot_be_read_for_once) {
    open_with({std::string(100'000, 'x')});
    lose_page("name = 'bodies' and pagetype = 'overflow'");
    BOOST_TEST(claimed() == 0u);
    fail_reads(0);
    now += 1s;
    const auto later = client->claim(50).value.payloads;
    BOOST_REQUIRE(later.size() == 1u);
    BOOST_TEST((later[0].body.text() == std::string(100'000, 'x')));
}

BOOST_AUTO_TEST_CASE(rows_that_cannot_be_read_hold_up_nobody_and_are_given_up_in_words) {
    open_with(std::vector<std::string>(300, "x"));
    lose_page("name = 'payloads' and pagetype = 'leaf'");
    std::size_t delivered = 0;
    for (int i = 0; i < 300; ++i) { // the last ones are one by one in the way
        const auto got = client->claim(50);
        std::vector<request_id> ids;
        for (const auto& each : got.value.payloads) ids.push_back(each.entry.id);
        if (!ids.empty()) delivered += client->delivered(ids).value;
        now += 1s;
    }
    BOOST_TEST(delivered > 200u);
    BOOST_TEST(log.count("queue salvaged") == 1u);
    const auto salvaged = log.of("queue salvaged").at(0);
    BOOST_TEST(std::stoull(salvaged.at("lost")) + delivered == 300u);
    fail_reads(0);
    BOOST_TEST(client->list().value.empty());
    BOOST_TEST(!client->put(make_payload("next")));
    BOOST_TEST(claimed() == 1u);
}

// It is in the way of what is delivered, and of no claim.
BOOST_AUTO_TEST_CASE(an_index_that_cannot_be_read_is_made_anew_after_two_minutes) {
    open_with(std::vector<std::string>(300, "x"));
    lose_page("name = 'payloads_by_id' and pagetype = 'leaf'");
    const auto all = client->claim(300).value.payloads;
    BOOST_REQUIRE(all.size() == 300u);
    int seconds = 0;
    std::size_t delivered = 0;
    for (const stored_payload& each : all) {
        for (; client->delivered({each.entry.id}).ec == queue_error::failed && seconds < 300;
             ++seconds)
            now += 1s;
        ++delivered;
    }
    BOOST_TEST(delivered == 300u);
    BOOST_TEST(seconds >= 127);
    BOOST_TEST(seconds < 140);
    BOOST_TEST(count(queue_state::waiting) == 0u);
    BOOST_TEST(log.count("queue salvaged") == 1u);
    BOOST_TEST(log.of("queue salvaged").at(0).at("lost") == "0");
    BOOST_TEST(log.count("queue write failed") == 0u);
}

BOOST_AUTO_TEST_CASE(a_log_that_cannot_be_read_is_said_at_the_start) {
    open_with({"first"});
    BOOST_TEST(!client->put(make_payload("second")));
    fail_syncs(EIO, 0, 1'000'000);
    BOOST_TEST((client->put(make_payload("lost")) == queue_error::failed));
    client->stats();
    close(); // the log stays
    fail_syncs(0);
    fail_reads(EIO, file("queue.db-wal"));
    BOOST_TEST(try_open() == file("queue.db-wal") + ": Input/output error");
    fail_reads(0);
    BOOST_TEST(open().claim(2).value.payloads.size() == 2u);
}

BOOST_AUTO_TEST_CASE(a_database_that_cannot_be_read_is_said_at_the_start) {
    open_with({"first"});
    close();
    fail_reads(EIO, file("queue.db"));
    BOOST_TEST(try_open() == file("queue.db") + " cannot be opened: disk I/O error (266)");
    fail_reads(0);
    BOOST_TEST(open().claim(1).value.payloads.size() == 1u);
}

BOOST_AUTO_TEST_SUITE_END()
