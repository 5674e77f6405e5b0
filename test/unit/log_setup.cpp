#include "log/log_setup.hpp"

#include "support/temporary_folder.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace finpost;
using namespace std::chrono_literals;

namespace {

struct pipe_pair {
    pipe_pair() { BOOST_REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0); }
    ~pipe_pair() {
        ::close(ends[0]);
        close_write();
    }
    void close_write() {
        if (ends[1] >= 0) ::close(ends[1]);
        ends[1] = -1;
    }
    // Until it takes nothing more; without a line feed, so that it counts as no line.
    void fill() {
        const int flags = ::fcntl(ends[1], F_GETFL);
        ::fcntl(ends[1], F_SETFL, flags | O_NONBLOCK);
        const std::string some(4096, 'x');
        while (::write(ends[1], some.data(), some.size()) > 0) {
        }
        ::fcntl(ends[1], F_SETFL, flags);
    }
    std::string read_all() {
        close_write();
        std::string all;
        std::array<char, 4096> buffer{};
        for (ssize_t n = 1; n > 0;) {
            n = ::read(ends[0], buffer.data(), buffer.size());
            if (n > 0) all.append(buffer.data(), static_cast<std::size_t>(n));
        }
        return all;
    }
    std::array<int, 2> ends{};
};

log_config text_at(log_level level) {
    log_config config;
    config.level = level;
    config.format = log_format::text;
    return config;
}

std::string content(const std::string& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

std::size_t lines(const std::string& text) {
    return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

} // namespace

BOOST_AUTO_TEST_SUITE(log_setup)

BOOST_AUTO_TEST_CASE(everything_logged_is_written_by_the_stop_in_order) {
    pipe_pair out;
    finpost::log_setup log(text_at(log_level::info), out.ends[1], 1 << 20);
    for (int i = 0; i < 200; ++i) log.door()(log_level::info, "n", {{"i", std::int64_t{i}}});
    log.door()(log_level::debug, "hidden");
    BOOST_TEST(log.stop(10s));
    BOOST_TEST(log.dropped() == 0u);
    const std::string text = out.read_all();
    BOOST_TEST(lines(text) == 200u);
    std::size_t at = 0;
    for (int i = 0; i < 200; ++i) {
        const std::size_t found = text.find(" i=" + std::to_string(i) + '\n', at);
        BOOST_REQUIRE(found != text.npos);
        at = found;
    }
}

BOOST_AUTO_TEST_CASE(a_log_that_is_not_read_drops_and_counts_and_never_blocks) {
    pipe_pair out;
    out.fill();
    constexpr std::uint64_t written = 20'000; // far more than the queue holds
    finpost::log_setup log(text_at(log_level::info), out.ends[1], 10'000);
    const logger door = log.door();
    for (std::uint64_t i = 0; i < written; ++i)
        door(log_level::info, "line", {{"of", "some length"}});
    BOOST_TEST(log.dropped() > 0u);
    BOOST_TEST(!log.stop(100ms)); // bounded, although nobody reads
    const std::uint64_t dropped = log.dropped();
    BOOST_TEST(lines(out.read_all()) + dropped == written);
}

BOOST_AUTO_TEST_CASE(lines_after_the_stop_and_lines_nobody_can_read_count_as_dropped) {
    pipe_pair out;
    finpost::log_setup log(text_at(log_level::info), out.ends[1], 10'000);
    const logger door = log.door();
    log.stop(1s);
    door(log_level::info, "late");
    BOOST_TEST(log.dropped() == 1u);
    BOOST_TEST(lines(out.read_all()) == 0u);
}

BOOST_AUTO_TEST_CASE(several_threads_log_whole_lines) {
    pipe_pair out;
    finpost::log_setup log(text_at(log_level::info), out.ends[1], 1 << 20);
    std::string text;
    std::thread reader([&] {
        std::array<char, 4096> buffer{};
        for (ssize_t n = 1; n > 0;) {
            n = ::read(out.ends[0], buffer.data(), buffer.size());
            if (n > 0) text.append(buffer.data(), static_cast<std::size_t>(n));
        }
    });
    std::vector<std::thread> writers;
    for (int t = 0; t < 4; ++t) {
        writers.emplace_back([&log] {
            for (int i = 0; i < 1000; ++i) log.door()(log_level::info, "whole", {{"end", "here"}});
        });
    }
    for (std::thread& one : writers) one.join();
    const bool all = log.stop(20s);
    out.close_write();
    reader.join();
    BOOST_TEST(all);
    BOOST_TEST(lines(text) == 4000u);
    std::size_t whole = 0;
    for (std::size_t i = text.find(" whole end=here\n"); i != text.npos;
         i = text.find(" whole end=here\n", i + 1))
        ++whole;
    BOOST_TEST(whole == 4000u);
}

BOOST_AUTO_TEST_CASE(a_file_is_appended_to_and_one_that_cannot_be_opened_is_named) {
    std::string name = "/tmp/finpost-log-XXXXXX";
    const int fd = ::mkstemp(name.data());
    BOOST_REQUIRE(fd >= 0);
    BOOST_TEST(::write(fd, "before\n", 7) == 7);
    log_config config;
    config.file = name;
    {
        finpost::log_setup log(config);
        log.door()(log_level::info, "after");
    }
    std::array<char, 4096> buffer{};
    const ssize_t n = ::pread(fd, buffer.data(), buffer.size(), 0);
    const std::string text(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    ::close(fd);
    ::unlink(name.c_str());
    BOOST_TEST(text.starts_with("before\n{\"time\":"));
    BOOST_TEST(text.ends_with("\"event\":\"after\"}\n"));
    config.file = "/nonexistent/folder/log";
    BOOST_CHECK_EXCEPTION(finpost::log_setup{config}, std::system_error, [](const auto& error) {
        return std::string(error.what()).find("/nonexistent/folder/log") != std::string::npos;
    });
}

BOOST_AUTO_TEST_CASE(a_renamed_file_is_left_and_a_new_one_goes_on_without_losing_a_line) {
    const test::temporary_folder folder;
    log_config config = text_at(log_level::info);
    config.file = (folder.path() / "log").string();
    finpost::log_setup log(config);
    std::atomic<bool> stop{false};
    std::int64_t written = 0;
    std::thread writer([&] {
        for (; !stop; ++written) log.door()(log_level::info, "n", {{"i", written}});
    });
    constexpr int renames = 20;
    for (int i = 0; i < renames; ++i) {
        std::filesystem::rename(config.file, config.file + '.' + std::to_string(i));
        BOOST_TEST(log.reopen());
    }
    stop = true;
    writer.join();
    BOOST_TEST(log.stop(10s));
    BOOST_TEST(log.dropped() == 0u);
    std::string all;
    for (int i = 0; i < renames; ++i) all += content(config.file + '.' + std::to_string(i));
    all += content(config.file);
    std::int64_t next = 0;
    std::istringstream lines(all);
    for (std::string line; std::getline(lines, line); ++next)
        BOOST_TEST_REQUIRE(line.ends_with(" info n i=" + std::to_string(next)), line);
    BOOST_TEST(next == written);
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_opened_again_leaves_the_old_one_in_use) {
    const test::temporary_folder folder;
    log_config config = text_at(log_level::info);
    config.file = (folder.path() / "log").string();
    const std::string old = config.file + ".old";
    finpost::log_setup log(config);
    std::filesystem::rename(config.file, old);
    std::filesystem::create_directory(config.file);
    BOOST_CHECK_EXCEPTION(log.reopen(), std::system_error, [&](const auto& error) {
        return std::string(error.what()).find(config.file) != std::string::npos;
    });
    std::filesystem::remove(config.file);
    BOOST_REQUIRE(::mkfifo(config.file.c_str(), 0600) == 0); // no file, so nothing to go on with
    BOOST_CHECK_THROW(log.reopen(), std::system_error);
    log.door()(log_level::info, "after");
    log.stop(10s);
    BOOST_TEST(content(old).ends_with(" info after\n"));
}

BOOST_AUTO_TEST_CASE(a_named_pipe_that_nobody_reads_holds_up_nobody_and_keeps_lines_for_a_reader) {
    const test::temporary_folder folder;
    log_config config = text_at(log_level::info);
    config.file = (folder.path() / "pipe").string();
    BOOST_REQUIRE(::mkfifo(config.file.c_str(), 0600) == 0);
    finpost::log_setup log(config);
    log.door()(log_level::info, "early");
    BOOST_TEST(log.reopen());
    const int reader = ::open(config.file.c_str(), O_RDONLY | O_CLOEXEC);
    log.door()(log_level::info, "late");
    std::string text;
    std::array<char, 4096> buffer{};
    while (lines(text) < 2) {
        const ssize_t n = ::read(reader, buffer.data(), buffer.size());
        BOOST_REQUIRE(n > 0);
        text.append(buffer.data(), static_cast<std::size_t>(n));
    }
    BOOST_TEST(text.find(" info early\n") != text.npos);
    BOOST_TEST(text.ends_with(" info late\n"));
    ::close(reader);
    // And when it is full, lines are dropped.
    for (int i = 0; i < 200'000; ++i) log.door()(log_level::info, "nobody reads this");
    BOOST_TEST(!log.stop(100ms));
    BOOST_TEST(log.dropped() > 0u);
}

BOOST_AUTO_TEST_CASE(a_disk_that_was_full_leaves_no_half_line_in_front_of_a_whole_one) {
    const test::temporary_folder folder;
    log_config config = text_at(log_level::info);
    config.file = (folder.path() / "log").string();
    rlimit before{};
    BOOST_REQUIRE(::getrlimit(RLIMIT_FSIZE, &before) == 0);
    std::signal(SIGXFSZ, SIG_IGN);
    finpost::log_setup log(config);
    const rlimit full{10, before.rlim_max}; // not even a time stamp
    BOOST_REQUIRE(::setrlimit(RLIMIT_FSIZE, &full) == 0);
    log.door()(log_level::info, "lost");
    const bool lost = test::until([&] { return log.dropped() == 1; });
    log.door()(log_level::info, "lost");
    const bool lost_again = test::until([&] { return log.dropped() == 2; });
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, SIG_DFL);
    BOOST_TEST((lost && lost_again));
    log.door()(log_level::info, "whole");
    log.door()(log_level::info, "and another");
    BOOST_TEST(log.stop(10s));
    const std::string text = content(config.file);
    BOOST_TEST(lines(text) == 3u, text);
    BOOST_TEST(text.find('\n') == 10u, text); // the half of the first
    BOOST_TEST(text.ends_with(" info and another\n"), text);
}

BOOST_AUTO_TEST_CASE(standard_error_is_nothing_to_reopen) {
    pipe_pair out;
    finpost::log_setup log(text_at(log_level::info), out.ends[1], 10'000);
    BOOST_TEST(!log.reopen());
}

BOOST_AUTO_TEST_SUITE_END()
