#pragma once

#include "queue/sqlite_store.hpp"
#include "support/log_recorder.hpp"
#include "support/temporary_folder.hpp"
#include "unit/queue/queue_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/test/unit_test.hpp>

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace finpost::test {

/// A SQLite store in a folder, with a log, a clock that stands still, and a way past it into its
/// database.
struct sqlite_fixture {
    using time_point = queue_entry::time_point;
    static constexpr std::int64_t page_size = 4096;

    sqlite_fixture() {
        options.directory = directory();
        options.executor = io.get_executor();
        options.now = [this] { return now; };
        options.log = log.as_logger();
    }
    ~sqlite_fixture() { close(); }

    std::string directory() const { return (folder.path() / "queue").string(); }
    std::string file(const std::string& name) const { return directory() + '/' + name; }

    /// What is wrong; empty when it is open.
    std::string try_open() {
        thread = std::make_unique<boost::asio::thread_pool>(1);
        options.thread = thread->get_executor();
        auto opened = finpost::detail::sqlite_store::open(options);
        if (!opened) return opened.error().message;
        store = std::move(*opened);
        client.emplace(*store, io);
        return {};
    }
    queue_client& open() {
        BOOST_REQUIRE_EQUAL(try_open(), "");
        return *client;
    }
    void close() {
        client.reset();
        store.reset();
        if (thread) thread->join();
        thread.reset();
    }
    queue_client& reopen() {
        close();
        return open();
    }

    /// As an operator would by `sqlite3 DIR/queue.db`, while it is closed.
    void edit(const std::string& sql) const {
        sqlite3* database = nullptr;
        BOOST_REQUIRE_EQUAL(::sqlite3_open(file("queue.db").c_str(), &database), SQLITE_OK);
        char* error = nullptr;
        const int done = ::sqlite3_exec(database, sql.c_str(), nullptr, nullptr, &error);
        BOOST_REQUIRE_MESSAGE(done == SQLITE_OK, (error != nullptr ? error : ""));
        ::sqlite3_close(database);
    }

    /// Where a page of that table or index is in the database, while that is closed; SQLite's table
    /// `dbstat` says what `which` can be. Of several it is the one in the middle.
    std::int64_t offset_of_page(const std::string& which) const {
        sqlite3* database = nullptr;
        BOOST_REQUIRE_EQUAL(::sqlite3_open(file("queue.db").c_str(), &database), SQLITE_OK);
        const std::string sql = "with pages as (select * from dbstat where " + which +
                                ") select pageno from pages order by path limit 1 offset "
                                "(select count(*) / 2 from pages)";
        sqlite3_stmt* statement = nullptr;
        BOOST_REQUIRE_EQUAL(::sqlite3_prepare_v2(database, sql.c_str(), -1, &statement, nullptr),
                            SQLITE_OK);
        BOOST_REQUIRE_EQUAL(::sqlite3_step(statement), SQLITE_ROW);
        const int page = ::sqlite3_column_int(statement, 0);
        ::sqlite3_finalize(statement);
        ::sqlite3_close(database);
        return std::int64_t{page - 1} * page_size;
    }

    std::vector<std::string> payload_files() const {
        std::vector<std::string> names;
        for (const auto& each : std::filesystem::directory_iterator(file("payloads")))
            names.push_back(each.path().string());
        return names;
    }

    temporary_folder folder;
    log_recorder log;
    time_point now{std::chrono::hours(500'000)};
    boost::asio::io_context io;
    finpost::detail::sqlite_store_options options;
    std::unique_ptr<boost::asio::thread_pool> thread;
    std::unique_ptr<queue_store> store;
    std::optional<queue_client> client;
};

} // namespace finpost::test
