// Row S10: the wall clock jumps, and only log lines and identifiers notice.
#include "faults/downstream_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <ctime>
#include <string>

#include <sys/syscall.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

std::atomic<std::int64_t> jump_seconds{0};

std::int64_t wall_clock() {
    return std::chrono::duration_cast<std::chrono::seconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
}

// The wall clock of this process is elsewhere while this lives.
class clock_jump {
public:
    explicit clock_jump(std::int64_t seconds) { jump_seconds = seconds; }
    ~clock_jump() { jump_seconds = 0; }
};

} // namespace

// Stands before the C library's: a program's own functions are found first, by libraries as well.
extern "C" int clock_gettime(clockid_t which, timespec* now) noexcept {
    const auto done = static_cast<int>(::syscall(SYS_clock_gettime, which, now));
    if (which == CLOCK_REALTIME) now->tv_sec += jump_seconds.load();
    return done;
}

BOOST_FIXTURE_TEST_SUITE(process_clock, downstream_fixture)

BOOST_AUTO_TEST_CASE(S10_a_jump_of_the_wall_clock_ends_nothing_early_and_nothing_late) {
    config.receive_idle = 1s;
    start();
    const std::int64_t now = wall_clock();
    for (const std::int64_t jump : {std::int64_t{3600}, std::int64_t{-3600}, -now, -now - 86400}) {
        BOOST_TEST_CONTEXT("a jump of " << jump << " s") {
            raw_client under_way = connect();
            under_way.send("first half, ");
            raw_client silent = connect();
            silent.send("no end");
            BOOST_TEST(until([&] { return sessions() == 2; }));
            const auto began = std::chrono::steady_clock::now();
            const clock_jump there(jump);
            BOOST_TEST(wall_clock() - now - jump <= 60); // it has jumped
            under_way.send("second half").half_close();
            BOOST_TEST(under_way.read_to_end().bytes == "first half, second half");
            expect_served();
            BOOST_TEST(refusal_reason(silent.read_to_end().bytes) == "receive_timeout");
            const auto took = std::chrono::steady_clock::now() - began;
            BOOST_TEST((took > 500ms && took < 10s));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
