#include "queue/durable_file.hpp"

#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <sys/stat.h>

namespace fs = std::filesystem;
using namespace finpost;
using finpost::test::temporary_folder;
using existing = durable_file::existing;

namespace {

struct fixture {
    std::string path() const { return (folder.path() / "file").string(); }
    parsed<bool> write(const std::string& text, existing what) const {
        auto file = durable_file::create(path());
        if (!file) return file.error();
        const auto written = file->write(std::as_bytes(std::span(text)));
        if (!written) return written.error();
        return file->commit(what);
    }
    std::string content() const {
        std::ifstream in(path(), std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    std::size_t names() const {
        const fs::directory_iterator all(folder.path());
        return static_cast<std::size_t>(std::distance(begin(all), end(all)));
    }
    temporary_folder folder;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(durable_file, fixture)

BOOST_AUTO_TEST_CASE(it_has_its_name_when_it_is_whole) {
    {
        auto file = finpost::durable_file::create(path()).value();
        BOOST_TEST(file.write(std::as_bytes(std::span("half", 4))).has_value());
        BOOST_TEST(!fs::exists(path()));
    }
    BOOST_TEST(names() == 0u); // and what was not finished leaves nothing
    BOOST_TEST(write(std::string("a\0b", 3), existing::keep).value());
    BOOST_TEST(content() == std::string("a\0b", 3));
    BOOST_TEST(names() == 1u);
    struct stat about {};
    BOOST_REQUIRE(::stat(path().c_str(), &about) == 0);
    BOOST_TEST((about.st_mode & 07777) == 0600u);
}

BOOST_AUTO_TEST_CASE(another_file_is_kept_or_replaced_as_asked) {
    BOOST_TEST(write("first", existing::keep).value());
    BOOST_TEST(!write("other", existing::keep).value());
    BOOST_TEST(!write("firsT", existing::keep).value());
    BOOST_TEST(!write("first and more", existing::keep).value());
    BOOST_TEST(write("first", existing::keep).value());
    BOOST_TEST(!write("first", existing::keep_first).value());
    BOOST_TEST(content() == "first");
    BOOST_TEST(write("new", existing::replace).value());
    BOOST_TEST(content() == "new");
    BOOST_TEST(names() == 1u);
}

BOOST_AUTO_TEST_CASE(what_is_no_file_is_never_replaced) {
    BOOST_REQUIRE(::mkfifo(path().c_str(), 0600) == 0);
    BOOST_TEST(write("a", existing::replace).error().message ==
               path() + ": is there, and is no file");
    BOOST_TEST(write("", existing::keep).has_error());
    BOOST_TEST(fs::is_fifo(path()));
    fs::remove(path());
    fs::create_symlink("nowhere", path());
    BOOST_TEST(write("a", existing::replace).has_error());
    BOOST_TEST(write("a", existing::keep).has_error());
    BOOST_TEST(fs::is_symlink(path()));
    BOOST_TEST(names() == 1u);
}

BOOST_AUTO_TEST_CASE(a_directory_is_our_own) {
    const std::string inside = path();
    BOOST_TEST(make_own_directory(inside).has_value());
    BOOST_TEST((fs::status(inside).permissions() == fs::perms::owner_all));
    BOOST_TEST(make_own_directory(inside).has_value());
    fs::permissions(inside, fs::perms::group_write, fs::perm_options::add);
    BOOST_TEST(make_own_directory(inside).error().message ==
               inside + ": can be written by others: chmod 0700");
    BOOST_TEST(make_own_directory(inside + "/a/b").has_error());
    std::ofstream(inside + "/file") << "x";
    BOOST_TEST(make_own_directory(inside + "/file").error().message ==
               inside + "/file: is no directory");
}

BOOST_AUTO_TEST_SUITE_END()
