#include "finpost/spill_file.hpp"

#include "support/temporary_folder.hpp"

#include "finpost/payload.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

using finpost::error_code;
using finpost::payload;

namespace {

// Counts, and has so much.
class space : public finpost::byte_budget {
public:
    explicit space(std::size_t most) : left(most) {}
    bool try_take(std::size_t n) noexcept override {
        if (n > left) return false;
        left -= n;
        return true;
    }
    void give_back(std::size_t n) noexcept override { left += n; }
    std::size_t left;
};

struct fixture {
    std::unique_ptr<finpost::spill_file> file(finpost::byte_budget* within = nullptr) {
        return std::move(finpost::spill_file::create(folder.path().string(), within).value());
    }
    // A spilled payload of this text.
    payload spilled(std::string_view text, finpost::byte_budget* within = nullptr) {
        payload made(text);
        BOOST_REQUIRE(!made.spill(file(within)));
        return made;
    }
    finpost::test::temporary_folder folder;
};

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

std::string read(const payload& from, std::size_t offset, std::size_t n) {
    std::string text(n, '\0');
    const auto got = from.read(offset, std::as_writable_bytes(std::span(text)));
    text.resize(got.value());
    return text;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(spill_file, fixture)

BOOST_AUTO_TEST_CASE(it_has_no_name_and_is_nobody_elses) {
    const auto one = file();
    BOOST_TEST(std::filesystem::is_empty(folder.path()));
    struct stat what {};
    BOOST_REQUIRE(::fstat(one->fd(), &what) == 0);
    BOOST_TEST(what.st_nlink == 0u);
    BOOST_TEST((what.st_mode & 0777) == 0600u);
    BOOST_TEST((::fcntl(one->fd(), F_GETFD) & FD_CLOEXEC) != 0);
}

BOOST_AUTO_TEST_CASE(a_directory_that_is_not_there_is_an_error) {
    const auto made = finpost::spill_file::create((folder.path() / "missing").string());
    BOOST_TEST((made.error() == boost::system::errc::no_such_file_or_directory));
}

BOOST_AUTO_TEST_CASE(what_is_appended_is_read_back_at_any_place) {
    const auto one = file();
    std::string all(1'000'000, '\0');
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>(i * 7 % 251);
    BOOST_TEST(!one->append(bytes_of(std::string_view(all).substr(0, 10))));
    BOOST_TEST(!one->append(bytes_of(std::string_view(all).substr(10))));
    BOOST_TEST(one->size() == all.size());
    std::string part(600'000, '\0');
    BOOST_TEST(one->read(5, std::as_writable_bytes(std::span(part))).value() == part.size());
    BOOST_TEST((part == all.substr(5, part.size())));
    BOOST_TEST(one->read(999'999, std::as_writable_bytes(std::span(part))).value() == 1u);
    BOOST_TEST(one->read(1'000'000, std::as_writable_bytes(std::span(part))).value() == 0u);
}

BOOST_AUTO_TEST_CASE(it_takes_its_space_and_gives_it_back) {
    space disk(100);
    {
        const auto one = file(&disk);
        BOOST_TEST(!one->append(bytes_of(std::string(60, 'x'))));
        BOOST_TEST((one->append(bytes_of(std::string(41, 'x'))) ==
                    boost::system::errc::no_space_on_device));
        BOOST_TEST(one->size() == 60u);
        BOOST_TEST(!one->truncate(50));
        BOOST_TEST(disk.left == 50u);
    }
    BOOST_TEST(disk.left == 100u);
}

BOOST_AUTO_TEST_CASE(a_spilled_payload_holds_no_memory_and_reads_as_before) {
    space memory(1 << 20), disk(1 << 20);
    payload one(&memory);
    BOOST_REQUIRE(one.append(bytes_of("head and body")));
    one.remove_prefix(5);
    BOOST_TEST(!one.spill(file(&disk)));
    BOOST_TEST(one.spilled());
    BOOST_TEST(memory.left == 1u << 20);
    BOOST_TEST(disk.left == (1u << 20) - 8);
    BOOST_TEST(one.size() == 8u);
    BOOST_TEST(read(one, 0, 100) == "and body");
    BOOST_TEST(one.text() == "and body");
    BOOST_TEST(one.writable().empty());
    BOOST_TEST(!one.reserve(1));
    BOOST_TEST(one.append(bytes_of(" and more")));
    BOOST_TEST(one.text() == "and body and more");
    one.remove_prefix(4);
    one.truncate(4);
    BOOST_TEST(one.text() == "body");
    BOOST_TEST(read(one, 1, 100) == "ody");
    BOOST_TEST(one.append(bytes_of("!")));
    BOOST_TEST(one.text() == "body!");
    payload other(std::move(one));
    BOOST_TEST(other.text() == "body!");
    BOOST_TEST(one.empty());
    BOOST_TEST(!one.spilled());
    other = payload();
    BOOST_TEST(disk.left == 1u << 20);
}

BOOST_AUTO_TEST_CASE(what_is_there_already_is_not_written_again) {
    payload one("0123456789");
    auto begun = file();
    BOOST_TEST(!begun->append(one.bytes().first(4)));
    BOOST_TEST(!one.spill(std::move(begun)));
    BOOST_TEST(one.text() == "0123456789");
    BOOST_TEST(one.file()->size() == 10u);
}

BOOST_AUTO_TEST_CASE(a_payload_that_finds_no_space_is_as_it_was) {
    space disk(5);
    payload one("0123456789");
    BOOST_TEST(one.spill(file(&disk)).failed());
    BOOST_TEST(!one.spilled());
    BOOST_TEST(one.text() == "0123456789");
    payload two = spilled("01234", &disk);
    BOOST_TEST(!two.append(bytes_of("5")));
    BOOST_TEST(two.text() == "01234");
    BOOST_TEST(disk.left == 0u);
}

BOOST_AUTO_TEST_CASE(what_is_changed_in_the_mapping_is_changed_in_the_file) {
    payload one = spilled("0123456789");
    one.data()[3] = std::byte{'x'};
    BOOST_TEST(read(one, 0, 100) == "012x456789");
}

BOOST_AUTO_TEST_CASE(a_file_that_has_a_name_is_read_and_not_changed) {
    const std::string path = (folder.path() / "named").string();
    std::ofstream(path) << "0123456789";
    payload one(std::move(finpost::spill_file::open(path).value()));
    BOOST_TEST(one.spilled());
    BOOST_TEST(one.size() == 10u);
    BOOST_TEST(read(one, 3, 4) == "3456");
    one.data()[0] = std::byte{'x'};
    BOOST_TEST(one.text() == "x123456789");
    BOOST_TEST(!one.append(bytes_of("abc")));
    std::filesystem::remove(path); // what is open stays readable
    BOOST_TEST(read(one, 0, 4) == "0123");
    BOOST_TEST((finpost::spill_file::open(path).error() ==
                boost::system::errc::no_such_file_or_directory));
}

BOOST_AUTO_TEST_SUITE_END()
