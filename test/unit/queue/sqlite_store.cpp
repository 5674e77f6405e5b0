// What the embedded store does beside the contract.
#include "queue/sqlite_store.hpp"

#include "unit/queue/failing_syncs.hpp"
#include "unit/queue/sqlite_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t large = 300 << 10;

struct fixture : sqlite_fixture {
    // Asks for so many puts at once, and waits for all.
    std::size_t put_at_once(std::size_t count, std::size_t size = 100) {
        std::size_t good = 0;
        for (std::size_t i = 0; i < count; ++i) {
            std::vector<new_payload> batch;
            batch.push_back(make_payload(std::string(size, 'x')));
            store->async_put(std::move(batch), [&](error_code ec) { good += ec ? 0 : 1; });
        }
        io.restart();
        io.run();
        return good;
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_store, fixture)

BOOST_AUTO_TEST_CASE(its_files_are_for_nobody_else) {
    BOOST_TEST(!open().put(make_payload(std::string(large, 'x'))));
    std::vector<std::string> files = payload_files();
    BOOST_TEST(files.size() == 1u);
    for (const std::string name : {"queue.db", "queue.db-wal", "lock", "reserve"})
        files.push_back(file(name));
    for (const std::string& each : files) {
        struct stat about {};
        BOOST_REQUIRE_MESSAGE(::stat(each.c_str(), &about) == 0, each);
        BOOST_TEST((about.st_mode & 0777) == 0600u, each);
    }
    BOOST_TEST(!fs::exists(file("queue.db-shm"))); // one connection needs none
}

BOOST_AUTO_TEST_CASE(a_second_one_is_told_who_has_the_directory) {
    open();
    finpost::detail::sqlite_store_options again = options;
    const auto second = finpost::detail::sqlite_store::open(again);
    BOOST_REQUIRE(!second.has_value());
    BOOST_TEST(second.error().message ==
               directory() + ": is in use by process " + std::to_string(::getpid()));
    close();
    BOOST_TEST(try_open() == "");
}

BOOST_AUTO_TEST_CASE(what_waits_while_it_syncs_shares_the_next_sync) {
    open();
    std::size_t good = 0;
    const auto put = [&] {
        std::vector<new_payload> batch;
        batch.push_back(make_payload("x"));
        store->async_put(std::move(batch), [&](error_code ec) { good += ec ? 0 : 1; });
    };
    const std::size_t before = syncs();
    {
        const hanging_syncs hanging;
        put();
        BOOST_REQUIRE(hanging.wait_for_a_sync());
        for (int i = 0; i < 500; ++i) put();
    }
    io.run();
    BOOST_TEST(good == 501u);
    BOOST_TEST(syncs() - before == 2u);
}

BOOST_AUTO_TEST_CASE(what_changes_nothing_needs_no_sync) {
    queue_client& queue = open();
    const std::size_t before = syncs();
    queue.claim(8);
    queue.list();
    queue.stats();
    BOOST_TEST(syncs() == before);
}

BOOST_AUTO_TEST_CASE(a_newer_schema_is_refused_in_words) {
    open();
    close();
    edit("update settings set version = 2");
    BOOST_TEST(try_open() == file("queue.db") +
                                 ": its schema has version 2, and this finpost knows 1: use the "
                                 "finpost that wrote it, or a newer one");
    edit("update settings set version = 1");
    BOOST_TEST(try_open() == "");
}

BOOST_AUTO_TEST_CASE(a_database_of_somebody_else_is_refused) {
    fs::create_directory(directory());
    fs::permissions(directory(), fs::perms::owner_all);
    edit("create table cats(name text)");
    BOOST_TEST(try_open() == file("queue.db") + ": it is not a queue of finpost's");
    std::ofstream(file("queue.db")) << std::string(8192, 'x');
    BOOST_TEST(try_open() == file("queue.db") + ": it cannot be opened: file is not a database");
}

BOOST_AUTO_TEST_CASE(leases_of_a_process_that_has_ended_are_free) {
    BOOST_TEST(!open().put(make_payload("a")));
    BOOST_TEST(client->claim(1, 1h).value.payloads.size() == 1u);
    BOOST_TEST(client->claim(1, 1h).value.payloads.empty());
    BOOST_TEST(reopen().claim(1, 1h).value.payloads.size() == 1u);
}

BOOST_AUTO_TEST_CASE(large_payloads_are_files_until_they_are_delivered) {
    BOOST_TEST(!open().put(make_payload(std::string(256 << 10, 'x'))));
    BOOST_TEST(payload_files().empty());
    BOOST_TEST(!client->put(make_payload(std::string((256 << 10) + 1, 'y'))));
    BOOST_TEST(payload_files().size() == 1u);
    const auto claimed = client->claim(2);
    BOOST_REQUIRE(claimed.value.payloads.size() == 2u);
    BOOST_TEST(claimed.value.payloads[1].body.spilled());
    BOOST_TEST(client->delivered({claimed.value.payloads[1].entry.id}).value == 1u);
    BOOST_TEST(payload_files().empty());
}

BOOST_AUTO_TEST_CASE(a_payload_that_comes_in_a_file_is_stored) {
    for (const std::size_t size : {std::size_t{1000}, large}) {
        new_payload one = make_payload(std::string(size, 'z'));
        BOOST_REQUIRE(
            !one.body.spill(std::move(spill_file::create(folder.path().string()).value())));
        BOOST_TEST(!(store ? *client : open()).put(std::move(one)));
        const auto claimed = client->claim(1);
        BOOST_REQUIRE(claimed.value.payloads.size() == 1u);
        BOOST_TEST((claimed.value.payloads[0].body.text() == std::string(size, 'z')));
    }
}

BOOST_AUTO_TEST_CASE(files_without_a_row_are_removed_at_the_start) {
    BOOST_TEST(!open().put(make_payload(std::string(large, 'x'))));
    close();
    std::ofstream(file("payloads/0190163d-8694-739b-aea5-966c26f8ad91.1")) << "text";
    std::ofstream(file("payloads/0190163d-8694-739b-aea5-966c26f8ad91.2.tmp")) << "text";
    open();
    BOOST_TEST(payload_files().size() == 1u);
    BOOST_TEST(log.of("queue files removed").at(0).at("files") == "2");
    BOOST_TEST(client->claim(1).value.payloads.size() == 1u);
}

BOOST_AUTO_TEST_CASE(what_a_loss_of_power_has_left_beside_the_database_is_removed) {
    BOOST_TEST(!open().put(make_payload("a")));
    close();
    const std::vector<std::string> remains{"queue.db-journal", "queue.db.new", "queue.db.new-wal"};
    for (const std::string& each : remains) std::ofstream(file(each)) << std::string(4096, '\0');
    open();
    for (const std::string& each : remains) BOOST_TEST(!fs::exists(file(each)), each);
    BOOST_TEST(client->claim(1).value.payloads.size() == 1u);
}

// Else it grows with each process that is killed before it has moved it.
BOOST_AUTO_TEST_CASE(a_start_moves_a_long_log_that_a_killed_process_has_left) {
    BOOST_TEST(!open().put(make_payload("a")));
    options.directory = directory() + "-killed";
    fs::copy(directory(), options.directory, fs::copy_options::recursive);
    const auto before = fs::file_size(options.directory + "/queue.db");
    options.long_log = 1;
    reopen();
    BOOST_TEST(fs::file_size(options.directory + "/queue.db") > before);
    BOOST_TEST(client->claim(1).value.payloads.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_due_time_beyond_the_longest_wait_is_of_a_clock_that_was_set) {
    options.longest_wait = 1h;
    BOOST_TEST(!open().put(make_payload("a")));
    const auto claimed = client->claim(1);
    BOOST_TEST(!client->failed(held(claimed.value.payloads.at(0)), 100h)); // bounded
    BOOST_TEST((client->claim(1).value.next_due == 1h));
    close();
    now -= 1000h;
    open();
    const auto again = client->claim(1);
    BOOST_REQUIRE(again.value.payloads.size() == 1u);
    BOOST_TEST((again.value.payloads[0].age == -1000h));
}

BOOST_AUTO_TEST_CASE(a_lease_and_a_pause_end_by_the_clock) {
    BOOST_TEST(!open().put(make_payload("a")));
    BOOST_TEST(client->claim(1, 10s).value.payloads.size() == 1u);
    now += 9999ms;
    BOOST_TEST((client->claim(1, 10s).value.next_due == 1ms));
    now += 1ms;
    const auto claimed = client->claim(1, 10s);
    BOOST_REQUIRE(claimed.value.payloads.size() == 1u);
    BOOST_TEST((claimed.value.payloads[0].age == 10s));
    BOOST_TEST((client->stats().oldest == 10s));
    BOOST_TEST(!client->failed(held(claimed.value.payloads[0]), 5s));
    now += 4999ms;
    BOOST_TEST(client->claim(1).value.payloads.empty());
    now += 1ms;
    BOOST_TEST(client->claim(1).value.payloads.size() == 1u);
}

BOOST_AUTO_TEST_CASE(the_log_stays_short_and_space_is_given_back) {
    open();
    for (int i = 0; i < 40; ++i) BOOST_TEST(put_at_once(10, 200 << 10) == 10u); // 80 MB
    BOOST_TEST(fs::file_size(file("queue.db-wal")) < (32u << 20));
    BOOST_TEST(fs::file_size(file("queue.db")) > (60u << 20));
    while (client->drop({}, {.most = 100}).value > 0) continue;
    close(); // when it has nothing else to do, it gives space back
    BOOST_TEST(fs::file_size(file("queue.db")) < (40u << 20));
    BOOST_TEST(fs::file_size(file("queue.db-wal")) == 0u);
    BOOST_TEST(open().stats().bytes == 0u);
}

// In any order: what a start and a claim cost does not grow with what waits.
BOOST_AUTO_TEST_CASE(a_million_payloads_are_ready_at_once) {
    for (const bool ordered : {false, true}) {
        options.ordered = ordered;
        open();
        close();
        edit("pragma synchronous = off; begin; "
             "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000) "
             "insert into payloads select i, printf('%08x-0000-7000-8000-%012x', " +
             std::to_string(ordered) +
             ", i), '', '', 'records', '192.0.2.1', 1, '', 1, 1, 0, 0, 0, 0, iif(i > 1 and " +
             std::to_string(ordered) +
             ", 9223372036854775807, 1), 0, '', 0, '', null, '' from n; "
             "with recursive n(i) as (select 1 union all select i + 1 from n where i < 1000000) "
             "insert into bodies select i, x'' from n; "
             "update totals set payloads = 1000000 where state = 0; commit");
        const auto began = std::chrono::steady_clock::now();
        open();
        BOOST_TEST(client->claim(1).value.payloads.size() == 1u);
        BOOST_TEST(client->stats().of(queue_state::waiting).payloads == 1'000'000u);
        BOOST_TEST((std::chrono::steady_clock::now() - began < 5s));
        for (int i = 0; i < 100; ++i) {
            BOOST_TEST(client->delivered({client->list({}, {.most = 1}).value.at(0).id}).value ==
                       1u);
            BOOST_TEST(client->claim(1).value.payloads.size() == 1u);
        }
        BOOST_TEST((std::chrono::steady_clock::now() - began < 10s));
        close();
        fs::remove_all(directory());
    }
}

BOOST_AUTO_TEST_CASE(who_only_looks_after_a_queue_leaves_its_order_as_it_is) {
    options.ordered = true;
    std::vector<new_payload> two;
    two.push_back(make_payload("first"));
    two.push_back(make_payload("second"));
    BOOST_TEST(!open().put(std::move(two)));
    options.ordered = false;
    options.keep_order = true;
    auto rows = reopen().list().value;
    BOOST_REQUIRE(rows.size() == 2u);
    BOOST_TEST(rows[0].due.has_value());
    BOOST_TEST(!rows[1].due.has_value()); // behind the other
    BOOST_TEST(client->drop({.ids = {rows[0].id}}).value == 1u);
    BOOST_TEST(client->list().value.at(0).due.has_value());
    options.keep_order = false;
    BOOST_TEST(!reopen().put(make_payload("third")));
    rows = client->list().value;
    BOOST_TEST(rows.at(1).due.has_value());
    close();
}

BOOST_AUTO_TEST_CASE(one_that_is_closed_may_outlive_its_thread) {
    BOOST_TEST(!open().put(make_payload("a")));
    client.reset();
    const std::unique_ptr<queue_store> held = std::move(store);
    dynamic_cast<finpost::detail::sqlite_store&>(*held).close();
    close(); // joins the thread, and takes it away
    BOOST_TEST(open().list().value.size() == 1u);
    close();
}

BOOST_AUTO_TEST_CASE(commits_are_measured) {
    histogram commits;
    options.commit_seconds = &commits;
    BOOST_TEST(!open().put(make_payload("a")));
    std::uint64_t count = 0;
    for (const std::uint64_t each : commits.read().buckets) count += each;
    BOOST_TEST(count == 1u);
    close();
}

BOOST_AUTO_TEST_SUITE_END()
