// Rows D16, S3, S4 and S15: more bytes than there is memory, and a disk that is full, broken or
// slow.
#include "faults/failing_files.hpp"
#include "support/gateway_fixture.hpp"
#include "support/temporary_folder.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

struct fixture : gateway_fixture {
    fixture() {
        config.spill_above = 64 << 10;
        config.spill_dir = folder.path().string();
    }
    std::string failure() { return log.of("spilling failed").at(0).at("what"); }
    temporary_folder folder;
};

// No file of this process may be larger while it lives: what a full disk looks like from inside.
class small_files {
public:
    explicit small_files(rlim_t most) : handled_(std::signal(SIGXFSZ, SIG_IGN)) {
        ::getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit limit{most, before_.rlim_max};
        ::setrlimit(RLIMIT_FSIZE, &limit);
    }
    ~small_files() {
        ::setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handled_);
    }
    small_files(const small_files&) = delete;
    small_files& operator=(const small_files&) = delete;

private:
    rlimit before_{};
    void (*handled_)(int);
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(spilling, fixture)

BOOST_AUTO_TEST_CASE(S4_a_full_disk_refuses_that_exchange_alone_and_is_told_once) {
    start();
    const std::string large = some_bytes(3'000'000), fits = some_bytes(500'000);
    {
        const small_files limit(1 << 20);
        for (int i = 0; i < 3; ++i) {
            expect_refusal(exchange(large), reason::spill_failed);
            BOOST_TEST(exchange("small").bytes == "small");
        }
        BOOST_TEST(log.count("spilling failed") == 1u);
        BOOST_TEST(failure() == "File too large");
        BOOST_TEST(log.of("spilling failed").at(0).at("dir") == folder.path().string());
        BOOST_TEST(log.count("spilling works again") == 0u);
        BOOST_TEST(upstream.count() == 3u);
    }
    BOOST_TEST((exchange(large).bytes == large));
    BOOST_TEST(log.count("spilling works again") == 1u);
    BOOST_TEST(log.of("spilling works again").at(0).at("refused") == "3");
    BOOST_TEST((exchange(fits).bytes == fits));
    BOOST_TEST(log.count("spilling works again") == 1u);
}

BOOST_AUTO_TEST_CASE(S4_a_reply_that_the_disk_does_not_take_is_refused) {
    const std::string body = some_bytes(3'000'000);
    std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (std::size_t i = 0; i < body.size(); i += 0x10000) {
        const std::string piece = body.substr(i, 0x10000);
        char size[16];
        std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
        chunked += size + piece + "\r\n";
    }
    chunked += "0\r\n\r\n";
    start();
    const small_files limit(1 << 20);
    for (const std::string& whole : {response(200, body), chunked}) {
        upstream.by_default(scripted_upstream::raw(whole));
        expect_refusal(exchange("x"), reason::spill_failed);
    }
    upstream.by_default(scripted_upstream::close_delimited_echo());
    BOOST_TEST(exchange("still there").bytes == "still there");
    BOOST_TEST(log.count("upstream endpoint ejected") == 0u); // it is not the service's fault
}

BOOST_AUTO_TEST_CASE(S4_a_directory_that_is_gone_refuses_until_it_is_back) {
    start();
    const std::string large = some_bytes(1'000'000);
    std::filesystem::remove(folder.path());
    expect_refusal(exchange(large), reason::spill_failed);
    BOOST_TEST(failure() == "No such file or directory");
    BOOST_TEST(exchange("small").bytes == "small");
    std::filesystem::create_directory(folder.path());
    BOOST_TEST((exchange(large).bytes == large));
}

BOOST_AUTO_TEST_CASE(S4_whatever_the_disk_says_refuses_that_exchange_alone) {
    start();
    const std::string large = some_bytes(3'000'000);
    std::size_t n = 0;
    for (const int error : {ENOSPC, EDQUOT, EIO, EROFS}) {
        BOOST_TEST_CONTEXT(std::strerror(error)) {
            fail_writes(error, 1); // a part of it is in the file
            const auto got = exchange(large);
            fail_writes(0);
            expect_refusal(got, reason::spill_failed);
            BOOST_TEST(exchange("small").bytes == "small");
            BOOST_TEST((exchange(large).bytes == large));
            BOOST_TEST(log.count("spilling failed") == ++n);
            BOOST_TEST(log.of("spilling failed").at(n - 1).at("what") == std::strerror(error));
            BOOST_TEST(log.count("spilling works again") == n);
        }
    }
    BOOST_TEST(upstream.count() == 2 * n);
    BOOST_TEST(counters.spilled_bytes.value() == 0);
}

BOOST_AUTO_TEST_CASE(S4_a_disk_that_takes_a_little_at_a_time_takes_everything) {
    start();
    const std::string large = some_bytes(1'000'000);
    write_at_most(1'000);
    const auto got = exchange(large);
    write_at_most(0);
    BOOST_TEST((got.bytes == large));
    BOOST_TEST((upstream.requests().at(0).body == large));
    BOOST_TEST(log.count("spilling failed") == 0u);
}

// What was written cannot be read any more: nobody may take the part that could for the whole.
BOOST_AUTO_TEST_CASE(S3_a_payload_that_cannot_be_read_again_never_becomes_complete) {
    start();
    for (const std::size_t after : {0u, 1u}) {
        fail_reads(EIO, after);
        const auto got = exchange(some_bytes(3'000'000));
        fail_reads(0);
        expect_refusal(got, reason::spill_failed);
    }
    BOOST_TEST(failure() == "Input/output error");
    BOOST_TEST(exchange("small").bytes == "small");
    BOOST_TEST(upstream.wait_for_open_connections(1)); // that one's, which is kept
    BOOST_TEST(upstream.complete() == 1u);
    // A reset may take even the head with it.
    for (const auto& seen : upstream.requests())
        BOOST_TEST((seen.complete || (seen.cut && seen.by_reset)));
}

BOOST_AUTO_TEST_CASE(S3_a_reply_that_cannot_be_read_again_is_refused_or_reset) {
    const std::string large = some_bytes(3'000'000);
    upstream.by_default(scripted_upstream::raw(response(200, large)));
    start();
    fail_reads(EIO);
    const auto nothing_of_it = exchange("x");
    fail_reads(EIO, 1);
    const auto part_of_it = exchange("x");
    fail_reads(0);
    expect_refusal(nothing_of_it, reason::spill_failed);
    BOOST_TEST(part_of_it.bytes.size() < large.size());
    BOOST_TEST((part_of_it.how == raw_client::ending::reset));
    BOOST_TEST(access_line(2).at("reason") == "aborted_reply");
    BOOST_TEST(failure() == "Input/output error");
    BOOST_TEST((exchange("x").bytes == large));
}

// Files are written through the page cache, on the thread of their exchange; nothing waits for the
// disk itself.
BOOST_AUTO_TEST_CASE(S15_a_disk_that_hangs_holds_up_one_thread_and_loses_nothing) {
    loops = 4;
    start();
    const std::string large = some_bytes(1'000'000);
    std::vector<raw_client> others;
    std::future<raw_client::received> slow;
    {
        const hanging_disk disk;
        slow = std::async(std::launch::async, [&] { return exchange(large); });
        BOOST_REQUIRE(disk.wait_for_a_write());
        for (int i = 0; i < 40; ++i) { // whom the kernel gives to all of the threads
            others.push_back(connect());
            others.back().send(std::to_string(i)).half_close();
        }
        BOOST_TEST(until([this] { return counters.replied.value() > 0; }));
        BOOST_TEST((slow.wait_for(0s) == std::future_status::timeout));
    }
    for (std::size_t i = 0; i < others.size(); ++i)
        BOOST_TEST(others[i].read_to_end().bytes == std::to_string(i));
    BOOST_TEST((slow.get().bytes == large));
}

// The line: without it these would hold what there is and wait for each other.
BOOST_AUTO_TEST_CASE(D16_everybody_finishes_however_many_large_payloads_grow_at_once) {
    config.spill_above = 0;
    config.max_payload = 1 << 20;
    config.max_buffered = 4 << 20;
    config.max_connections = 100;
    start();
    std::atomic<bool> over{false};
    std::atomic<std::int64_t> most{0};
    std::thread watcher([&] {
        while (!over) {
            most = std::max(most.load(), counters.buffered_bytes.value());
            std::this_thread::yield();
        }
    });
    // All of them have sent the half before any goes on: together more than the budget.
    std::vector<raw_client> clients;
    const std::string data = some_bytes(1 << 20);
    for (int i = 0; i < 20; ++i) {
        clients.push_back(connect());
        clients.back().send(std::string_view(data).substr(0, 300'000));
    }
    BOOST_TEST(wait_for_bytes_in(20));
    std::vector<std::thread> rest;
    std::vector<std::string> got(clients.size());
    for (std::size_t i = 0; i < clients.size(); ++i) {
        rest.emplace_back([&, i] {
            clients[i].send(std::string_view(data).substr(300'000)).half_close();
            got[i] = clients[i].read_to_end().bytes;
        });
    }
    for (std::thread& one : rest) one.join();
    over = true;
    watcher.join();
    for (const std::string& one : got) BOOST_TEST((one == data));
    BOOST_TEST(most.load() <= static_cast<std::int64_t>(config.max_buffered));
}

BOOST_AUTO_TEST_CASE(D16_spilled_payloads_take_no_memory_from_others) {
    config.max_payload = config.max_buffered = 4 << 20;
    config.spill_above = 128 << 10;
    upstream.by_default(scripted_upstream::held(scripted_upstream::raw(response(200, "done"))));
    start();
    const std::string data = some_bytes(4 << 20);
    std::vector<raw_client> clients;
    for (int i = 0; i < 10; ++i) {
        clients.push_back(connect());
        clients.back().send(data).half_close();
    }
    BOOST_TEST(upstream.wait_for_requests(10));
    BOOST_TEST(until([this] { return counters.spilled_bytes.value() == 10 * (4 << 20); }));
    BOOST_TEST(until([this] { return counters.buffered_bytes.value() == 0; }));
    upstream.open_gate();
    for (raw_client& one : clients) BOOST_TEST(one.read_to_end().bytes == "done");
}

BOOST_AUTO_TEST_SUITE_END()
