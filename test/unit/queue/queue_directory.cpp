#include "queue/queue_directory.hpp"

#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <string>

#include <sys/stat.h>
#include <unistd.h>

using directory = finpost::detail::queue_directory;

namespace {

struct fixture {
    std::string path(const std::string& name = "queue") const {
        return (folder.path() / name).string();
    }
    static mode_t mode_of(const std::string& path) {
        struct stat about {};
        BOOST_REQUIRE(::lstat(path.c_str(), &about) == 0);
        return about.st_mode & 07777;
    }
    static std::string problem(const std::string& path) {
        const auto opened = directory::open(path);
        return opened ? "none" : opened.error().message;
    }
    finpost::test::temporary_folder folder;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(queue_directory, fixture)

BOOST_AUTO_TEST_CASE(it_is_made_with_its_ancestors_for_nobody_else) {
    const auto opened = directory::open(path("a/b/queue/"));
    BOOST_REQUIRE(opened.has_value());
    BOOST_TEST(opened->path() == path("a/b/queue"));
    for (const std::string each : {"a", "a/b", "a/b/queue", "a/b/queue/payloads"})
        BOOST_TEST(mode_of(path(each)) == 0700u, each);
    BOOST_TEST(mode_of(path("a/b/queue/lock")) == 0600u);
}

BOOST_AUTO_TEST_CASE(a_look_says_what_an_open_would_and_makes_nothing) {
    const auto look = [&](const std::string& at) {
        auto found = directory::look_at(at);
        return found.problem + found.in_use;
    };
    BOOST_TEST(look(path("a/b/queue/")) == "");
    BOOST_TEST(!std::filesystem::exists(path("a")));
    std::ofstream(path("file")) << "x";
    BOOST_TEST(look(path("file")) == path("file") + ": is not a directory");
    BOOST_TEST(look(path("file/queue")) == problem(path("file/queue")));
    BOOST_TEST(look(path("file/a/queue")) ==
               path("file/a/queue") + ": cannot be made: Not a directory");
    {
        const auto opened = directory::open(path());
        BOOST_TEST(directory::look_at(path()).problem == "");
        BOOST_TEST(directory::look_at(path()).in_use ==
                   path() + ": is in use by process " + std::to_string(::getpid()));
    }
    BOOST_TEST(look(path()) == "");
    BOOST_REQUIRE(::chmod(path().c_str(), 0770) == 0);
    BOOST_TEST(look(path()) == problem(path()));
}

BOOST_AUTO_TEST_CASE(the_lock_names_the_process_that_has_it) {
    const auto first = directory::open(path());
    BOOST_REQUIRE(first.has_value());
    BOOST_TEST(problem(path()) == path() + ": is in use by process " + std::to_string(::getpid()));
}

BOOST_AUTO_TEST_CASE(one_that_others_can_write_is_refused) {
    for (const mode_t mode : {0720u, 0702u}) {
        std::filesystem::create_directories(path());
        BOOST_REQUIRE(::chmod(path().c_str(), mode) == 0);
        BOOST_TEST(problem(path()) == path() + ": can be written by others: chmod 0700");
    }
    BOOST_REQUIRE(::chmod(path().c_str(), 0755) == 0);
    BOOST_TEST(problem(path()) == "none");
}

BOOST_AUTO_TEST_CASE(one_of_another_owner_is_refused) {
    if (::geteuid() != 0) return; // only root can make one
    std::filesystem::create_directories(path());
    BOOST_REQUIRE(::chown(path().c_str(), 4711, 4711) == 0);
    BOOST_TEST(problem(path()) ==
               path() + ": belongs to the user with the number 4711, and finpost runs as 0");
}

BOOST_AUTO_TEST_CASE(what_is_no_directory_is_refused) {
    std::ofstream(path()) << "text";
    BOOST_TEST(problem(path()) == path() + ": is not a directory");
    std::filesystem::create_directory_symlink(folder.path(), path("link"));
    BOOST_TEST(problem(path("link")) == path("link") + ": is not a directory");
    BOOST_TEST(problem("") == "the queue has no directory");
    BOOST_TEST(problem("/proc/nothing/here").starts_with("/proc/nothing: cannot be made: "));
}

BOOST_AUTO_TEST_SUITE_END()
