// How a client that resets its connection is noticed, without a gateway around it.
#include "net/client_socket.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/test/unit_test.hpp>

#include <array>
#include <memory>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::detail;
namespace asio = boost::asio;

namespace {

// A client's socket, and the far end of it.
struct connected {
    explicit connected(asio::io_context& io) {
        std::array<int, 2> fds{};
        constexpr int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;
        BOOST_REQUIRE(::socketpair(AF_UNIX, type, 0, fds.data()) == 0);
        near = std::make_unique<client_socket>(asio::make_strand(io), false);
        near->take(fds[0]);
        far = fds[1];
    }
    ~connected() { hang_up(); }
    connected(const connected&) = delete;
    connected& operator=(const connected&) = delete;
    void hang_up() {
        if (far >= 0) ::close(std::exchange(far, -1));
    }

    std::unique_ptr<client_socket> near;
    int far = -1;
};

struct fixture {
    void run() {
        io.restart();
        io.poll();
    }
    asio::io_context io;
    int resets = 0;
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(client_reset_watch, fixture)

BOOST_AUTO_TEST_CASE(a_reset_is_told_once) {
    connected one(io);
    one.near->when_reset([this] { ++resets; });
    run();
    BOOST_TEST(resets == 0);
    one.hang_up();
    run();
    run();
    BOOST_TEST(resets == 1);
}

BOOST_AUTO_TEST_CASE(it_is_not_told_to_whom_it_is_of_no_interest_any_more) {
    connected ignored(io), cancelled(io), closed(io), destroyed(io);
    for (connected* one : {&ignored, &cancelled, &closed, &destroyed})
        one->near->when_reset([this] { ++resets; });
    run();
    for (connected* one : {&ignored, &cancelled, &closed, &destroyed}) one->hang_up();
    ignored.near->ignore_reset();
    cancelled.near->cancel();
    closed.near->close();
    destroyed.near.reset();
    run();
    BOOST_TEST(resets == 0);
}

// An event that waits to be handled when its socket is closed comes to the next one that is
// registered.
BOOST_AUTO_TEST_CASE(the_reset_of_another_client_is_none) {
    connected gone(io), here(io);
    int others = 0;
    gone.near->when_reset([&others] { ++others; });
    run();
    gone.hang_up();
    asio::post(io, [&] {
        gone.near.reset();
        here.near->when_reset([this] { ++resets; });
    });
    run();
    run();
    BOOST_TEST(others == 0);
    BOOST_TEST(resets == 0);
    here.hang_up();
    run();
    BOOST_TEST(resets == 1); // it is still watched
}

BOOST_AUTO_TEST_SUITE_END()
