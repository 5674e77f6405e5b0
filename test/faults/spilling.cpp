// Rows D16 and S4: more bytes than there is memory, and more than the disk takes.
#include "support/gateway_fixture.hpp"
#include "support/temporary_folder.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <thread>

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
    BOOST_TEST(log.count("upstream endpoint avoided") == 0u); // it is not the service's fault
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
