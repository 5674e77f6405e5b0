// SQLite and nothing else: payloads, no two alike, are inserted, so many a transaction, each of
// which is on the disk before the next begins (WAL, synchronous=FULL), as the queue of finpostd
// does it.
//
//   sqlite_loop FILE SIZE BATCH SECONDS
//
// Prints one JSON object: rows a second, and the median time of a transaction.
// Left out: clients, ids that must be new, checksums, states, leases, bytes that are kept count of.
#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;

void check(sqlite3* database, int got) {
    if (got == SQLITE_OK || got == SQLITE_DONE) return;
    std::fprintf(stderr, "sqlite_loop: %s\n", sqlite3_errmsg(database));
    std::exit(1);
}

void run(sqlite3* database, const char* sql) {
    check(database, sqlite3_exec(database, sql, nullptr, nullptr, nullptr));
}

void insert(sqlite3* database, sqlite3_stmt* statement, const std::string& body) {
    check(database, sqlite3_bind_blob64(statement, 1, body.data(), body.size(), SQLITE_STATIC));
    check(database, sqlite3_step(statement));
    check(database, sqlite3_reset(statement));
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fputs("sqlite_loop FILE SIZE BATCH SECONDS\n", stderr);
        return 2;
    }
    const std::size_t size = std::strtoull(argv[2], nullptr, 10);
    const long batch = std::max(1L, std::strtol(argv[3], nullptr, 10));
    const std::chrono::duration<double> seconds(std::strtod(argv[4], nullptr));
    sqlite3* database = nullptr;
    check(database, sqlite3_open(argv[1], &database));
    run(database, "pragma locking_mode = exclusive");
    run(database, "pragma journal_mode = wal");
    run(database, "pragma synchronous = full");
    run(database, "create table payloads(sequence integer primary key, body blob not null)");
    sqlite3_stmt* statement = nullptr;
    check(database, sqlite3_prepare_v2(database, "insert into payloads(body) values (?)", -1,
                                       &statement, nullptr));
    std::mt19937_64 random(1);
    std::string body(size, '\0');
    std::vector<double> took;
    long rows = 0;
    const auto began = clock_type::now();
    while (clock_type::now() - began < seconds) {
        const auto before = clock_type::now();
        run(database, "begin immediate");
        for (long i = 0; i < batch; ++i) {
            for (std::size_t at = 0; at < body.size(); at += 64)
                body[at] = static_cast<char>(random());
            insert(database, statement, body);
        }
        run(database, "commit");
        took.push_back(std::chrono::duration<double>(clock_type::now() - before).count());
        rows += batch;
    }
    const double elapsed = std::chrono::duration<double>(clock_type::now() - began).count();
    std::nth_element(took.begin(), took.begin() + static_cast<std::ptrdiff_t>(took.size() / 2),
                     took.end());
    std::printf("{\"rows_per_s\":%.1f,\"median_us\":%.1f}\n", static_cast<double>(rows) / elapsed,
                took[took.size() / 2] * 1e6);
    check(database, sqlite3_finalize(statement));
    check(database, sqlite3_close(database));
}
