#include "net/spill_io.hpp"

#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <pthread.h>

#include <array>
#include <csignal>
#include <string>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

using finpost::payload;

namespace {

struct fixture {
    fixture() {
        BOOST_REQUIRE(
            ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
    }
    ~fixture() {
        for (const int end : ends)
            if (end >= 0) ::close(end);
    }
    payload spilled(std::string_view text) {
        payload made(text);
        BOOST_REQUIRE(
            !made.spill(std::move(finpost::spill_file::create(folder.path().string()).value())));
        return made;
    }
    finpost::test::temporary_folder folder;
    std::array<int, 2> ends{-1, -1};
};

bool sigpipe_is_blocked() {
    sigset_t now;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &now);
    return ::sigismember(&now, SIGPIPE) == 1;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(spill_io, fixture)

BOOST_AUTO_TEST_CASE(a_piece_begins_where_it_is_told) {
    payload file = spilled("0123456789");
    file.remove_prefix(2);
    BOOST_TEST(finpost::detail::send_piece(ends[0], file, 3).value() == 5u);
    std::array<char, 16> got{};
    BOOST_TEST(::read(ends[1], got.data(), got.size()) == 5);
    BOOST_TEST(std::string(got.data()) == "56789");
}

// With the signal as it is by default: it would end this process.
BOOST_AUTO_TEST_CASE(a_peer_that_has_gone_is_an_error_and_no_signal) {
    const auto before = std::signal(SIGPIPE, SIG_DFL);
    const payload file = spilled("hello");
    ::close(std::exchange(ends[1], -1));
    BOOST_TEST((finpost::detail::send_piece(ends[0], file, 0).error() ==
                boost::system::errc::broken_pipe));
    BOOST_TEST(!sigpipe_is_blocked());
    std::signal(SIGPIPE, before);
}

BOOST_AUTO_TEST_CASE(a_full_socket_would_block) {
    const payload file = spilled(std::string(1 << 20, 'x'));
    auto sent = finpost::detail::send_piece(ends[0], file, 0);
    while (sent.has_value()) sent = finpost::detail::send_piece(ends[0], file, 0);
    BOOST_TEST((sent.error() == boost::system::errc::operation_would_block));
}

// It is told from an error of the socket, and says what the system has said.
BOOST_AUTO_TEST_CASE(a_file_that_is_shorter_than_it_was_is_an_error_of_the_file) {
    const payload file = spilled("hello");
    BOOST_REQUIRE(::ftruncate(file.file()->fd(), 0) == 0);
    const finpost::error_code failed = finpost::detail::send_piece(ends[0], file, 0).error();
    BOOST_TEST(finpost::detail::is_file_error(failed));
    BOOST_TEST((failed == boost::system::errc::io_error));
    BOOST_TEST(failed.message() == "Input/output error");
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_is_an_error_of_the_file) {
    const payload file = spilled("hello");
    BOOST_REQUIRE(::ftruncate(file.file()->fd(), 0) == 0);
    std::array<std::byte, 5> room{};
    BOOST_TEST(finpost::detail::is_file_error(finpost::detail::read_piece(file, 0, room).error()));
}

BOOST_AUTO_TEST_CASE(an_error_of_the_socket_is_none_of_the_file) {
    const auto before = std::signal(SIGPIPE, SIG_IGN);
    const payload file = spilled("hello");
    ::close(std::exchange(ends[1], -1));
    BOOST_TEST(
        !finpost::detail::is_file_error(finpost::detail::send_piece(ends[0], file, 0).error()));
    BOOST_TEST(!finpost::detail::is_file_error(finpost::error_code()));
    std::signal(SIGPIPE, before);
}

BOOST_AUTO_TEST_SUITE_END()
