// A disk that is full, fails or hangs.
#include "unit/queue/failing_syncs.hpp"
#include "unit/queue/sqlite_fixture.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t large = 300 << 10;

struct fixture : sqlite_fixture {
    ~fixture() {
        fail_syncs(0);
        fail_writes(0);
    }
    std::uint64_t waiting() { return client->stats().of(queue_state::waiting).payloads; }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_failures, fixture)

BOOST_AUTO_TEST_CASE(a_full_disk_stores_nothing_and_closes_nothing) {
    BOOST_TEST(!open().put(make_payload("a")));
    for (const int error : {ENOSPC, EDQUOT}) {
        fail_writes(error);
        BOOST_TEST((client->put(make_payload("b")) == queue_error::full));
        BOOST_TEST((client->put(make_payload(std::string(large, 'x'))) == queue_error::full));
        fail_writes(0);
        BOOST_TEST(waiting() == 1u);
        BOOST_TEST(payload_files().empty());
    }
    BOOST_TEST(log.count("queue disk full") > 0u);
    BOOST_TEST(log.count("queue write failed") == 0u);
    BOOST_TEST(!client->put(make_payload("b")));
    BOOST_TEST(!client->put(make_payload(std::string(large, 'x'))));
    BOOST_TEST(waiting() == 3u);
    BOOST_TEST(fs::file_size(file("reserve")) == (4u << 20)); // made again
}

BOOST_AUTO_TEST_CASE(on_a_full_disk_the_reserve_lets_what_is_delivered_go) {
    BOOST_TEST(!open().put(make_payload("a")));
    const auto claimed = client->claim(1);
    fail_writes(ENOSPC, file("reserve").c_str()); // room for the database once that is gone
    const auto delivered = client->delivered({claimed.value.payloads.at(0).entry.id});
    BOOST_TEST(!delivered.ec);
    BOOST_TEST(delivered.value == 1u);
    BOOST_TEST(!fs::exists(file("reserve")));
    BOOST_TEST(waiting() == 0u);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_done_on_a_full_disk_changes_nothing) {
    BOOST_TEST(!open().put(make_payload("a")));
    const auto claimed = client->claim(1);
    fail_writes(ENOSPC);
    BOOST_TEST(
        (client->delivered({claimed.value.payloads.at(0).entry.id}).ec == queue_error::full));
    BOOST_TEST((client->claim(1, 0ms).ec == error_code()));
    fail_writes(0);
    BOOST_TEST(waiting() == 1u);
    BOOST_TEST(client->delivered({claimed.value.payloads.at(0).entry.id}).value == 1u);
}

BOOST_AUTO_TEST_CASE(it_starts_on_a_full_disk) {
    BOOST_TEST(!open().put(make_payload("a")));
    close();
    fail_writes(ENOSPC, file("queue.db").c_str());
    BOOST_TEST(try_open() == "");
    BOOST_TEST(client->list().value.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_disk_that_takes_nothing_is_found_at_the_start) {
    BOOST_TEST(!open().put(make_payload("a")));
    close();
    fail_writes(EIO);
    BOOST_TEST(try_open() != "");
    fail_writes(0);
    BOOST_TEST(try_open() == "");
    BOOST_TEST(client->list().value.size() == 1u);
}

BOOST_AUTO_TEST_CASE(after_a_failed_sync_nothing_is_acknowledged_and_it_goes_on) {
    BOOST_TEST(!open().put(make_payload("before")));
    for (const int error : {EIO, ENOSPC}) {
        fail_syncs(error);
        BOOST_TEST((client->put(make_payload("lost")) == queue_error::failed));
        BOOST_TEST(!client->put(make_payload("after")));
    }
    BOOST_TEST(!store->fatal().has_value());
    BOOST_TEST(log.count("queue write failed") == 2u);
    BOOST_TEST(log.count("queue writes again") == 2u);
    reopen();
    std::vector<std::string> texts;
    for (const auto& each : client->claim(9).value.payloads)
        if (each.body.text() != "lost") texts.emplace_back(each.body.text());
    BOOST_TEST((texts == std::vector<std::string>{"before", "after", "after"}));
}

BOOST_AUTO_TEST_CASE(a_lease_is_held_on_after_a_failed_sync) {
    BOOST_TEST(!open().put(make_payload("a")));
    const auto claimed = client->claim(1);
    fail_syncs(EIO);
    BOOST_TEST((client->put(make_payload("b")) == queue_error::failed));
    BOOST_TEST(!client->failed(held(claimed.value.payloads.at(0)), 1h));
}

BOOST_AUTO_TEST_CASE(all_of_a_group_is_unknown_after_a_failed_sync) {
    open();
    std::size_t unknown = 0;
    const auto put = [&] {
        std::vector<new_payload> batch;
        batch.push_back(make_payload("x"));
        store->async_put(std::move(batch),
                         [&](error_code ec) { unknown += ec == queue_error::failed ? 1 : 0; });
    };
    {
        const hanging_syncs hanging;
        put();
        BOOST_REQUIRE(hanging.wait_for_a_sync());
        fail_syncs(EIO, 1);
        for (int i = 0; i < 10; ++i) put();
    }
    io.run();
    BOOST_TEST(unknown >= 10u);
}

BOOST_AUTO_TEST_CASE(a_disk_that_syncs_nothing_any_more_is_fatal) {
    BOOST_TEST(!open().put(make_payload("a")));
    fail_syncs(EIO, 0, 1'000'000);
    BOOST_TEST((client->put(make_payload("b")) == queue_error::failed));
    client->stats(); // behind the attempt to go on
    BOOST_REQUIRE(store->fatal().has_value());
    BOOST_TEST(store->fatal()->starts_with(directory() + ": "));
    BOOST_TEST(log.count("queue failed") == 1u);
    fail_syncs(0);
    BOOST_TEST((client->put(make_payload("c")) == queue_error::failed)); // only a restart helps
    BOOST_TEST((client->claim(1).ec == queue_error::failed));
    reopen();
    BOOST_TEST(!store->fatal().has_value());
    BOOST_TEST(client->claim(1).value.payloads.at(0).body.text() == "a");
}

// The log of the process before may be in memory only: it had a failed sync, and nobody knows.
BOOST_AUTO_TEST_CASE(what_a_log_has_is_written_again_before_it_is_gone_on_with) {
    BOOST_TEST(!open().put(make_payload("a")));
    fail_syncs(EIO, 0, 1'000'000);
    BOOST_TEST((client->put(make_payload("b")) == queue_error::failed));
    client->stats();
    close(); // the log stays
    BOOST_REQUIRE(fs::file_size(file("queue.db-wal")) > 0);
    fail_syncs(EIO);
    BOOST_TEST(try_open() == file("queue.db-wal") + ": Input/output error");
    fail_syncs(0);
    BOOST_TEST(open().claim(1).value.payloads.at(0).body.text() == "a");
}

BOOST_AUTO_TEST_CASE(a_checkpoint_whose_sync_fails_is_noticed) {
    open();
    // The log is long after some puts; then the database is synced, and that fails.
    std::size_t failed = 0;
    for (int i = 0; i < 80 && failed == 0; ++i) {
        fail_syncs(EIO, 1); // the commit's own sync is good
        BOOST_TEST(!client->put(make_payload(std::string(200 << 10, 'x'))));
        client->stats(); // behind the checkpoint
        failed = log.count("queue write failed");
    }
    fail_syncs(0);
    BOOST_TEST(failed == 1u);
    BOOST_TEST(log.count("queue writes again") == 1u);
    const std::uint64_t before = waiting();
    reopen();
    BOOST_TEST(waiting() == before);
    std::size_t whole = 0;
    for (const auto& each : client->claim(100).value.payloads)
        whole += each.body.text() == std::string(200 << 10, 'x') ? 1 : 0;
    BOOST_TEST(whole == before);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_synced_is_not_believed_in) {
    open();
    fail_syncs(EIO);
    BOOST_TEST((client->put(make_payload(std::string(large, 'x'))) == queue_error::failed));
    BOOST_TEST(payload_files().empty());
    BOOST_TEST(waiting() == 0u);
    BOOST_TEST(!client->put(make_payload(std::string(large, 'x'))));
    BOOST_TEST(waiting() == 1u);
}

BOOST_AUTO_TEST_CASE(a_name_that_cannot_be_synced_is_unknown) {
    open();
    fail_syncs(EIO, 1); // the file's is good, its directory's is not
    BOOST_TEST((client->put(make_payload(std::string(large, 'x'))) == queue_error::failed));
    BOOST_TEST(waiting() == 0u);
    BOOST_TEST(payload_files().empty());
    BOOST_TEST(!client->put(make_payload(std::string(large, 'x'))));
}

BOOST_AUTO_TEST_CASE(a_hanging_disk_keeps_nobody_who_gives_up) {
    open();
    asio::cancellation_signal first;
    asio::cancellation_signal second;
    std::vector<error_code> ends(2, queue_error::not_found);
    const auto put = [&](std::size_t i, asio::cancellation_signal& signal) {
        std::vector<new_payload> batch;
        batch.push_back(make_payload(std::to_string(i)));
        store->async_put(std::move(batch),
                         asio::bind_cancellation_slot(signal.slot(),
                                                      [&ends, i](error_code ec) { ends[i] = ec; }));
    };
    {
        const hanging_syncs hanging;
        put(0, first);
        BOOST_REQUIRE(hanging.wait_for_a_sync());
        put(1, second);
        first.emit(asio::cancellation_type::terminal);
        second.emit(asio::cancellation_type::terminal);
        io.run(); // ends while the disk hangs
        BOOST_TEST((ends[0] == queue_error::failed));
        BOOST_TEST((ends[1] == asio::error::operation_aborted));
    }
    const auto left = client->list().value;
    BOOST_REQUIRE(left.size() == 1u); // the one that had begun was stored in the end
    BOOST_TEST(client->show(left[0].id).value.value().body.text() == "0");
}

BOOST_AUTO_TEST_SUITE_END()
