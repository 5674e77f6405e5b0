// What is damaged is set aside and said; everything else goes on.
#include "unit/queue/failing_syncs.hpp"
#include "unit/queue/sqlite_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include <sys/resource.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t large = 300 << 10;

struct fixture : sqlite_fixture {
    // A page of that table or index, somewhere in its middle, becomes noise.
    void destroy_page_of(const std::string& name) {
        const auto at = offset_of_page("name = '" + name + "' and pagetype = 'leaf'");
        std::fstream all(file("queue.db"), std::ios::in | std::ios::out | std::ios::binary);
        all.seekp(at);
        all << std::string(page_size, '\x5a');
        BOOST_REQUIRE(all.good());
    }

    // Claims and delivers until nothing is due, and says how many were whole.
    std::size_t deliver_all() {
        std::size_t whole = 0;
        for (;;) {
            const auto claimed = client->claim(50);
            BOOST_REQUIRE(!claimed.ec);
            if (claimed.value.payloads.empty()) return whole;
            std::vector<request_id> ids;
            for (const stored_payload& each : claimed.value.payloads) {
                BOOST_TEST((each.body.text() == std::string(1500, 'x')));
                ids.push_back(each.entry.id);
            }
            const auto delivered = client->delivered(ids);
            BOOST_REQUIRE(!delivered.ec);
            whole += delivered.value;
        }
    }
    void put_many() {
        std::vector<new_payload> batch;
        for (int i = 0; i < 300; ++i) batch.push_back(make_payload(std::string(1500, 'x')));
        BOOST_REQUIRE(!open().put(std::move(batch)));
        close();
    }
    std::uint64_t set_aside() { return client->stats().of(queue_state::set_aside).payloads; }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(sqlite_damage, fixture)

BOOST_AUTO_TEST_CASE(a_body_that_is_not_what_was_stored) {
    for (const std::string body : {"one", "two", "six"}) {
        new_payload each = make_payload(body);
        BOOST_TEST(!(store ? *client : open()).put(std::move(each)));
    }
    close();
    edit("update bodies set body = 'tvo' where body = cast('two' as blob)");
    open();
    const auto claimed = client->claim(2); // it makes room for another
    BOOST_REQUIRE(claimed.value.payloads.size() == 2u);
    BOOST_TEST(claimed.value.payloads[0].body.text() == "one");
    BOOST_TEST(claimed.value.payloads[1].body.text() == "six");
    const auto aside = client->list({.state = queue_state::set_aside}).value;
    BOOST_REQUIRE(aside.size() == 1u);
    BOOST_TEST(log.of("queue payload set aside").at(0).at("id") == aside[0].id.text());
    BOOST_TEST(client->stats().of(queue_state::set_aside).bytes == 3u);
    BOOST_TEST(client->stats().of(queue_state::waiting).payloads == 2u);
    // Whoever decides sees what is left of it.
    BOOST_TEST(client->show(aside[0].id).value.value().body.text() == "tvo");
    BOOST_TEST(client->drop({.state = queue_state::set_aside}).value == 1u);
    BOOST_TEST(set_aside() == 0u);
}

BOOST_AUTO_TEST_CASE(a_body_that_is_missing_or_shorter) {
    for (const std::string body : {"one", "two"})
        BOOST_TEST(!(store ? *client : open()).put(make_payload(body)));
    close();
    edit("delete from bodies where sequence = 1; update bodies set body = 'tw'");
    BOOST_TEST(open().claim(8).value.payloads.empty());
    BOOST_TEST(set_aside() == 2u);
    BOOST_TEST(client->replay().value == 2u); // an operator may try again
    BOOST_TEST(client->claim(8).value.payloads.empty());
    BOOST_TEST(set_aside() == 2u);
    BOOST_TEST(client->drop().value == 2u);
}

BOOST_AUTO_TEST_CASE(a_file_that_is_missing_is_found_at_the_start) {
    BOOST_TEST(!open().put(make_payload(std::string(large, 'x'))));
    BOOST_TEST(!client->put(make_payload("small")));
    const std::string name = payload_files().at(0);
    close();
    std::filesystem::rename(name, file("kept"));
    open();
    BOOST_TEST(log.of("queue payload set aside").at(0).at("what") == "its file is missing");
    BOOST_TEST(set_aside() == 1u);
    BOOST_TEST(client->claim(8).value.payloads.size() == 1u);
    reopen();
    BOOST_TEST(log.count("queue payload set aside") == 1u); // once
    // It has been found again.
    std::filesystem::rename(file("kept"), name);
    BOOST_TEST(client->replay().value == 1u);
    BOOST_TEST((client->claim(1).value.payloads.at(0).body.text() == std::string(large, 'x') ||
                client->claim(1).value.payloads.at(0).body.text() == std::string(large, 'x')));
}

BOOST_AUTO_TEST_CASE(a_database_that_is_missing_costs_no_files) {
    BOOST_TEST(!open().put(make_payload(std::string(large, 'x'))));
    close();
    std::filesystem::rename(file("queue.db"), file("kept"));
    BOOST_TEST(try_open() == file("queue.db") + ": it is missing, and there are files in " +
                                 file("payloads") + ": bring it back, or move them away");
    std::filesystem::rename(file("kept"), file("queue.db"));
    BOOST_TEST(open().claim(1).value.payloads.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_file_that_goes_or_changes_is_found_when_it_is_claimed) {
    BOOST_TEST(!open().put(make_payload(std::string(large, 'x'))));
    BOOST_TEST(!client->put(make_payload(std::string(large, 'y'))));
    const auto files = payload_files();
    std::filesystem::remove(files.at(0));
    std::fstream changed(files.at(1), std::ios::in | std::ios::out);
    changed.seekp(large / 2);
    changed << 'z' << std::flush;
    const auto claimed = client->claim(8);
    BOOST_TEST(!claimed.ec);
    BOOST_TEST(claimed.value.payloads.empty());
    BOOST_TEST(set_aside() == 2u);
}

// A damaged page: the database is made anew from what can be read.
BOOST_AUTO_TEST_CASE(without_descriptors_nothing_is_set_aside) {
    BOOST_TEST(!open().put(make_payload(std::string(large, 'x'))));
    rlimit before{};
    BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
    const rlimit none{0, before.rlim_max};
    BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
    const auto claimed = client->claim(1);
    BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
    BOOST_TEST((claimed.ec == queue_error::failed));
    BOOST_TEST(set_aside() == 0u);
    BOOST_TEST(!store->fatal());
    BOOST_TEST(client->claim(1).value.payloads.size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_page_of_bodies_is_noise) {
    put_many();
    destroy_page_of("bodies");
    open();
    BOOST_TEST(log.count("queue damaged") == 1u);
    const std::size_t whole = deliver_all();
    BOOST_TEST(whole >= 290u);
    BOOST_TEST(whole < 300u);
    BOOST_TEST(whole + set_aside() == 300u);
    const auto salvaged = log.of("queue salvaged").at(0);
    BOOST_TEST(salvaged.at("lost") == "0");
    BOOST_TEST(std::filesystem::exists(salvaged.at("kept")));
    BOOST_TEST(!client->put(make_payload(std::string(1500, 'x')))); // and it goes on
    BOOST_TEST(deliver_all() == 1u);
    reopen();
    BOOST_TEST(log.count("queue damaged") == 1u);
    BOOST_TEST(client->drop().value == 300 - whole);
}

BOOST_AUTO_TEST_CASE(a_page_of_rows_is_noise) {
    put_many();
    destroy_page_of("payloads");
    open();
    const std::size_t whole = deliver_all();
    BOOST_TEST(whole >= 250u);
    BOOST_TEST(whole < 300u);
    BOOST_TEST(log.of("queue salvaged").at(0).number("lost") == 300.0 - static_cast<double>(whole));
    BOOST_TEST(client->stats().bytes == 0u);
    BOOST_TEST(!client->put(make_payload(std::string(1500, 'x'))));
    BOOST_TEST(deliver_all() == 1u);
    reopen();
    BOOST_TEST(deliver_all() == 0u);
}

BOOST_AUTO_TEST_CASE(a_page_of_an_index_is_noise) {
    for (const std::string index : {"payloads_due", "payloads_by_state", "payloads_by_id"}) {
        put_many();
        destroy_page_of(index);
        open();
        BOOST_TEST(!client->put(make_payload(std::string(1500, 'x'))), index);
        BOOST_TEST(deliver_all() == 301u, index);
        close();
    }
}

BOOST_AUTO_TEST_CASE(without_room_for_a_salvage_everything_else_goes_on) {
    put_many();
    destroy_page_of("bodies");
    open();
    fail_writes(ENOSPC, file("queue.db.new").c_str());
    std::size_t seen = 0;
    error_code ec;
    while (!ec && seen < 300) {
        const auto claimed = client->claim(1);
        ec = claimed.ec;
        seen += claimed.value.payloads.size();
    }
    BOOST_TEST((ec == queue_error::failed));
    BOOST_TEST(log.count("queue not salvaged") > 0u);
    BOOST_TEST(!store->fatal().has_value());
    BOOST_TEST(!std::filesystem::exists(file("queue.db.new")));
    BOOST_TEST(!client->put(make_payload("x")));
    fail_writes(0);
    reopen();
    std::size_t whole = 0;
    for (auto claimed = client->claim(50); !claimed.value.payloads.empty();
         claimed = client->claim(50))
        whole += claimed.value.payloads.size();
    BOOST_TEST(whole >= 291u);
    BOOST_TEST(whole + set_aside() == 301u);
}

BOOST_AUTO_TEST_CASE(in_order_a_lost_row_makes_way) {
    options.ordered = true;
    put_many(); // of one source
    destroy_page_of("payloads");
    open();
    std::size_t delivered = 0;
    for (auto claimed = client->claim(9); !claimed.value.payloads.empty();
         claimed = client->claim(9)) {
        BOOST_REQUIRE(claimed.value.payloads.size() == 1u);
        BOOST_REQUIRE(!client->delivered({claimed.value.payloads[0].entry.id}).ec);
        ++delivered;
    }
    BOOST_TEST(delivered +
                   static_cast<std::size_t>(log.of("queue salvaged").at(0).number("lost")) ==
               300u);
    BOOST_TEST(client->list().value.empty());
}

BOOST_AUTO_TEST_CASE(in_order_what_was_replayed_stays_behind_what_is_due) {
    options.ordered = true;
    BOOST_TEST(!open().put(make_payload("replayed")));
    BOOST_TEST(!client->dead(held(client->claim(1).value.payloads.at(0))));
    BOOST_TEST(!client->put(make_payload("due")));
    BOOST_TEST(client->replay().value == 1u);
    close();
    destroy_page_of("payloads_due");
    open();
    const auto claimed = client->claim(9);
    BOOST_TEST(log.count("queue salvaged") == 1u);
    BOOST_REQUIRE(claimed.value.payloads.size() == 1u);
    BOOST_TEST(claimed.value.payloads[0].body.text() == "due");
}

BOOST_AUTO_TEST_CASE(a_row_that_makes_no_sense_stops_nobody) {
    BOOST_TEST(!open().put(make_payload("one")));
    BOOST_TEST(!client->put(make_payload("two")));
    close();
    edit("update payloads set id = 'x' where sequence = 1");
    BOOST_TEST(open().list().value.size() == 1u);
    const auto claimed = client->claim(8);
    BOOST_REQUIRE(claimed.value.payloads.size() == 1u);
    BOOST_TEST(claimed.value.payloads[0].body.text() == "two");
    BOOST_TEST(log.of("queue salvaged").at(0).at("lost") == "1");
}

BOOST_AUTO_TEST_CASE(what_is_left_of_a_salvage_that_was_cut_is_no_harm) {
    put_many();
    std::ofstream(file("queue.db.new")) << "half";
    destroy_page_of("bodies");
    open();
    BOOST_TEST(deliver_all() >= 290u);
    BOOST_TEST(!std::filesystem::exists(file("queue.db.new")));
}

BOOST_AUTO_TEST_SUITE_END()
