// Who may ask a server on a Unix socket, and an answer that is larger than what it holds.
#include "admin/small_http_server.hpp"
#include "control/queue_control.hpp"
#include "io_thread.hpp"
#include "support/skipping.hpp"
#include "support/temporary_folder.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <string>
#include <string_view>

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using finpost::detail::unique_fd;

namespace {

constexpr std::string_view request =
    "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// So many bytes that are not there: each says where it is. It may end early.
class counted_bytes_source : public answer_source {
public:
    counted_bytes_source(std::uint64_t size, std::uint64_t readable)
        : size_(size), readable_(readable) {}
    std::uint64_t size() const noexcept override { return size_; }
    boost::asio::awaitable<std::size_t> read(std::uint64_t offset,
                                             std::span<std::byte> into) override {
        if (offset >= readable_) co_return 0;
        const std::uint64_t n = std::min<std::uint64_t>(into.size(), readable_ - offset);
        for (std::size_t i = 0; i < n; ++i) into[i] = static_cast<std::byte>(offset + i);
        most = std::max<std::uint64_t>(most, n);
        co_return n;
    }
    std::atomic<std::uint64_t> most{0}; // at once

private:
    const std::uint64_t size_, readable_;
};

struct fixture {
    fixture() {
        address.sun_family = AF_UNIX;
        const std::string path = (folder.path() / "socket").string();
        path.copy(address.sun_path, sizeof address.sun_path - 1);
        unique_fd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        BOOST_REQUIRE(::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address),
                             sizeof address) == 0);
        // Anybody can connect: only the server is asked here.
        BOOST_REQUIRE(::chmod(path.c_str(), 0777) == 0);
        BOOST_REQUIRE(::chmod(folder.path().c_str(), 0755) == 0);
        BOOST_REQUIRE(::listen(listening.get(), 16) == 0);
        small_http_server::limits most;
        most.same_user_only = true;
        server = std::make_unique<small_http_server>(
            thread.get_executor(), std::move(listening), most,
            [this](std::shared_ptr<const http_query> query) { return answer(std::move(query)); },
            logger());
        server->start();
        thread.start();
    }
    ~fixture() { thread.stop(); }

    boost::asio::awaitable<std::shared_ptr<http_answer>>
    answer(std::shared_ptr<const http_query>) const {
        const auto out = std::make_shared<http_answer>();
        out->body = "hello";
        out->source = source;
        co_return out;
    }
    // "" when nothing comes.
    static std::string ask(const sockaddr_un& where, std::string_view what = request) {
        const unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&where), sizeof where) != 0)
            return {};
        static_cast<void>(::send(fd.get(), what.data(), what.size(), MSG_NOSIGNAL));
        std::string all;
        std::array<char, 65'536> bytes{};
        for (;;) {
            const ssize_t n = ::recv(fd.get(), bytes.data(), bytes.size(), 0);
            if (n <= 0) return all;
            all.append(bytes.data(), static_cast<std::size_t>(n));
        }
    }

    temporary_folder folder;
    sockaddr_un address{};
    std::shared_ptr<counted_bytes_source> source;
    io_thread thread{logger()};
    std::unique_ptr<small_http_server> server;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(control_socket, fixture)

BOOST_AUTO_TEST_CASE(our_own_user_is_answered) {
    const std::string got = ask(address);
    BOOST_TEST(got.starts_with("HTTP/1.1 200 OK\r\n"), got);
    BOOST_TEST(got.ends_with("\r\n\r\nhello"), got);
}

BOOST_AUTO_TEST_CASE(another_user_is_not) {
    if (!can_run(::geteuid() == 0, "only root can be another user")) return;
    const pid_t child = ::fork();
    if (child == 0) {
        const bool changed =
            ::setgroups(0, nullptr) == 0 && ::setgid(65534) == 0 && ::setuid(65534) == 0;
        const unique_fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (!changed ||
            ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            ::_exit(2);
        static_cast<void>(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL));
        char byte = 0;
        ::_exit(::recv(fd.get(), &byte, 1, 0) <= 0 ? 0 : 1);
    }
    int status = -1;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_TEST(WIFEXITED(status));
    BOOST_TEST(WEXITSTATUS(status) == 0);
    BOOST_TEST(ask(address) != ""); // and it goes on
}

BOOST_AUTO_TEST_CASE(a_large_answer_is_held_piece_by_piece) {
    constexpr std::uint64_t size = 20 << 20;
    source = std::make_shared<counted_bytes_source>(size, size);
    const std::string got = ask(address);
    const std::size_t begin = got.find("\r\n\r\n") + 4;
    BOOST_REQUIRE(got.size() - begin == size);
    std::size_t wrong = 0;
    for (std::size_t i = 0; i < size; ++i)
        wrong += static_cast<unsigned char>(got[begin + i]) != (i & 255) ? 1u : 0u;
    BOOST_TEST(wrong == 0u);
    BOOST_TEST(source->most <= 65'536u);
}

BOOST_AUTO_TEST_CASE(an_answer_that_cannot_be_read_is_cut) {
    source = std::make_shared<counted_bytes_source>(1'000'000, 300'000);
    // Nor does the next answer take the place of what is missing.
    const std::string got = ask(address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
                                         "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    BOOST_TEST((got.find("Content-Length: 1000000\r\n") != got.npos));
    BOOST_TEST(got.size() < 400'000u);
    BOOST_TEST(got.rfind("HTTP/1.1 ") == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
