#include "of_each_thread.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstdlib>
#include <thread>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

std::atomic<int> alive{0};

struct counted {
    counted() { ++alive; }
    ~counted() { --alive; }
    counted(const counted&) = delete;
    int value = 0;
};

struct other;

using mine = finpost::detail::of_each_thread<counted>;

} // namespace

BOOST_AUTO_TEST_SUITE(of_each_thread)

BOOST_AUTO_TEST_CASE(each_thread_has_its_own_until_it_ends) {
    std::array<counted*, 2> seen{};
    for (counted*& one : seen) {
        std::thread([&one] {
            one = mine::get();
            BOOST_TEST(one != nullptr);
            BOOST_TEST(one->value == 0);
            one->value = 1;
            BOOST_TEST(mine::get() == one);
            BOOST_TEST((finpost::detail::of_each_thread<counted, other>::get() != one));
            BOOST_TEST(alive == 2);
        }).join();
        BOOST_TEST(alive == 0);
    }
}

// A destructor of a `thread_local` would end the process here: it is noted in memory that is not
// there.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
BOOST_AUTO_TEST_CASE(without_memory_there_is_none_and_nothing_else_happens) {
    const pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
        const rlimit nothing{0, 0};
        ::setrlimit(RLIMIT_AS, &nothing);
        // Whatever the allocator still has.
        for (std::size_t size = 1 << 20; size >= 1; size /= 2)
            while (std::malloc(size) != nullptr) {
            }
        ::_exit(finpost::detail::of_each_thread<std::array<char, 5000>>::get() == nullptr ? 0 : 1);
    }
    int status = -1;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_TEST(status == 0);
}
#endif

BOOST_AUTO_TEST_SUITE_END()
