// Several exchanges of the client over one connection: finpost::connection.
#include "support/frame_reference.hpp"
#include "support/gateway_fixture.hpp"
#include "support/tcp_peer.hpp"

#include "finpost/connection.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/errc.hpp>
#include <boost/test/unit_test.hpp>

#include <future>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace errc = boost::system::errc;

namespace {

const std::string id = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

std::string framed(std::string_view frame, std::string_view body) {
    return frame_naively(spec(frame), body);
}

client_options options_for(std::string_view frame) {
    client_options out;
    out.frame = spec(frame);
    return out;
}

struct outcome {
    error_code error;
    exchange_result result;
};

// For scripts, which run on a thread of their own: what does not hold is told when they have ended.
void must(bool holds, const char* what) {
    if (!holds) throw std::runtime_error(what);
}

// Serves one connection after the other, each by the script of its number.
class peers {
public:
    using script = std::function<void(peer_connection&)>;
    explicit peers(std::vector<script> scripts) {
        const socket_address wanted = parse_socket_address("127.0.0.1:0").value();
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        BOOST_REQUIRE(::bind(listener_, wanted.data(), static_cast<socklen_t>(wanted.size())) == 0);
        BOOST_REQUIRE(::listen(listener_, 8) == 0);
        sockaddr_storage storage{};
        socklen_t size = sizeof storage;
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&storage), &size);
        port_ = socket_address(reinterpret_cast<sockaddr*>(&storage), size).port();
        thread_ = std::thread([this, scripts = std::move(scripts)] {
            try {
                for (const script& each : scripts) {
                    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
                    if (fd < 0) return;
                    peer_connection one(fd);
                    each(one);
                }
            } catch (const std::exception& wrong) {
                wrong_ = wrong.what();
            }
        });
    }
    ~peers() {
        ::shutdown(listener_, SHUT_RDWR);
        thread_.join();
        ::close(listener_);
        BOOST_TEST(wrong_ == "");
    }
    host_port address() const { return {"127.0.0.1", port_}; }

private:
    int listener_;
    std::uint16_t port_ = 0;
    std::string wrong_; // of the thread, until it has ended
    std::thread thread_;
};

// One exchange after the other, each by itself.
class caller {
public:
    caller(const host_port& target, client_options options)
        : connection_(io_.get_executor(), target, std::move(options)) {}

    outcome call(std::string payload) {
        std::optional<outcome> got;
        connection_.async_exchange(std::move(payload), [&](error_code ec, exchange_result result) {
            got = {ec, std::move(result)};
        });
        io_.restart();
        io_.run();
        BOOST_REQUIRE(got);
        return std::move(*got);
    }
    void close() {
        connection_.close();
        io_.restart();
        io_.run();
    }
    asio::io_context& io() { return io_; }
    connection& over() { return connection_; }

private:
    asio::io_context io_;
    connection connection_;
};

// Answers `n` framed payloads of one letter each.
peers::script answering(std::string_view frame, int n) {
    return [=](peer_connection& one) {
        const std::size_t size = framed(frame, "a").size();
        for (int i = 0; i < n; ++i) one.send(framed(frame, "got " + one.read_at_least(size)));
    };
}

} // namespace

BOOST_AUTO_TEST_SUITE(several_exchanges)

BOOST_AUTO_TEST_CASE(one_after_the_other_over_one_connection) {
    for (const char* frame : {"netstring", "length:u16be", "stx-etx,sum"}) {
        std::promise<std::string> rest;
        peers peer({[&](peer_connection& one) {
            const std::size_t size = framed(frame, "a").size();
            for (int i = 0; i < 100; ++i) {
                one.read_at_least(size);
                one.send(framed(frame, std::to_string(i)));
            }
            rest.set_value(one.read_to_end() + (one.was_reset() ? "RST" : "FIN"));
        }});
        {
            caller client(peer.address(), options_for(frame));
            std::uint16_t port = 0;
            for (int i = 0; i < 100; ++i) {
                const outcome got = client.call("a");
                BOOST_TEST(!got.error, got.error.message());
                BOOST_TEST(got.result.reply == std::to_string(i));
                BOOST_TEST((got.result.connected.count() > 0) == (i == 0));
                if (i == 0) port = got.result.local.port();
                BOOST_TEST(got.result.local.port() == port);
            }
        }
        // It has closed by itself, and quietly.
        BOOST_TEST(rest.get_future().get() == "FIN");
    }
}

asio::awaitable<std::string> call_three_times(connection& over) {
    std::string all;
    for (int i = 0; i < 3; ++i) {
        const std::string payload = "a";
        exchange_result got = co_await over.async_exchange(payload, asio::use_awaitable);
        all += got.reply + ' ';
    }
    co_return all;
}

BOOST_AUTO_TEST_CASE(by_a_coroutine) {
    peers peer({answering("netstring", 3)});
    caller client(peer.address(), options_for("netstring"));
    std::string all;
    asio::co_spawn(client.io(), call_three_times(client.over()),
                   [&](std::exception_ptr failed, std::string got) {
                       BOOST_TEST(!failed);
                       all = std::move(got);
                   });
    client.io().run();
    BOOST_TEST(all == "got 1:a, got 1:a, got 1:a, ");
}

// A timeout between two frames is no error, whoever has it.
BOOST_AUTO_TEST_CASE(one_that_the_peer_closed_meanwhile_is_replaced_before_anything_is_sent) {
    for (const bool reset : {false, true}) {
        std::promise<void> closed;
        peers peer({[&](peer_connection& one) {
                        one.read_at_least(4);
                        one.send("3:one,");
                        if (reset)
                            one.reset();
                        else
                            one.half_close();
                        closed.set_value();
                        if (!reset) must(one.read_to_end() == "", "nothing more comes");
                    },
                    [&](peer_connection& one) {
                        must(one.read_at_least(4) == "1:b,", "the second payload");
                        one.send("3:two,");
                    }});
        caller client(peer.address(), options_for("netstring"));
        BOOST_TEST(client.call("a").result.reply == "one");
        closed.get_future().wait();
        const outcome second = client.call("b");
        BOOST_TEST(!second.error, second.error.message());
        BOOST_TEST(second.result.reply == "two");
        BOOST_TEST(second.result.connected.count() > 0);
    }
}

BOOST_AUTO_TEST_CASE(heartbeats_between_two_exchanges_are_passed_over_and_a_reply_is_not) {
    for (const char* heartbeat : {"\r\n", "\n"}) {
        std::promise<void> said;
        const auto first = [&](peer_connection& one) {
            one.read_at_least(4);
            one.send("3:one,");
            // Behind the reply in one read, or in one of its own: it makes no difference.
            one.send(heartbeat);
            said.set_value();
            if (one.read_at_least(4) == "1:b,") one.send("4:same,");
            one.read_to_end();
        };
        peers peer({first});
        caller client(peer.address(), options_for("netstring"));
        BOOST_TEST(client.call("a").result.reply == "one");
        said.get_future().wait();
        BOOST_TEST(client.call("b").result.reply == "same");
    }
    // What nobody asked for is not taken for the next answer.
    std::promise<void> called, said;
    peers peer({[&](peer_connection& one) {
                    one.read_at_least(4);
                    one.send("3:one,");
                    called.get_future().wait();
                    one.send("3:two,");
                    said.set_value();
                    must(one.read_to_end() == "", "nothing more comes");
                },
                answering("netstring", 1)});
    caller client(peer.address(), options_for("netstring"));
    BOOST_TEST(client.call("a").result.reply == "one");
    called.set_value();
    said.get_future().wait();
    BOOST_TEST(client.call("b").result.reply == "got 1:b,");
}

BOOST_AUTO_TEST_CASE(after_an_error_or_a_refusal_the_next_one_connects_anew) {
    const std::string line = "finpost: upstream_status " + id + "\n";
    for (const std::string& answer :
         {framed("netstring", line), std::string("9:cut"), std::string("x")}) {
        peers peer({[&](peer_connection& one) {
                        one.read_at_least(4);
                        one.send(answer);
                        one.half_close();
                        one.read_to_end();
                        must(!one.was_reset(), "the whole payload was out: no reset");
                    },
                    answering("netstring", 1)});
        caller client(peer.address(), options_for("netstring"));
        const outcome first = client.call("a");
        BOOST_TEST(!!first.error);
        BOOST_TEST(first.result.refused.has_value() == answer.ends_with(','));
        const outcome second = client.call("b");
        BOOST_TEST(!second.error, second.error.message());
        BOOST_TEST(second.result.reply == "got 1:b,");
    }
}

// Whether the service has acted is not known: that is for the caller to decide.
BOOST_AUTO_TEST_CASE(
    a_connection_that_ends_under_an_exchange_is_its_error_and_nothing_is_sent_twice) {
    peers peer({[&](peer_connection& one) {
                    one.read_at_least(4);
                    one.send("3:one,");
                    one.read_at_least(4);
                    one.half_close();
                    one.read_to_end();
                },
                [](peer_connection&) { must(false, "sent again"); }});
    caller client(peer.address(), options_for("netstring"));
    BOOST_TEST(client.call("a").result.reply == "one");
    const outcome second = client.call("b");
    BOOST_TEST((second.error == asio::error::eof));
    BOOST_TEST(second.result.detail == "the connection was closed without a reply");
}

BOOST_AUTO_TEST_CASE(a_second_one_at_the_same_time_and_a_frame_without_an_end_are_errors) {
    peers peer({answering("netstring", 2)});
    caller client(peer.address(), options_for("netstring"));
    std::vector<error_code> ends;
    const auto note = [&](error_code ec, const exchange_result&) { ends.push_back(ec); };
    client.over().async_exchange("a", note);
    client.over().async_exchange("b", note);
    client.io().run();
    BOOST_REQUIRE(ends.size() == 2u);
    BOOST_TEST((ends[0] == asio::error::in_progress));
    BOOST_TEST(!ends[1]);
    BOOST_TEST(!client.call("c").error);
    for (const char* frame : {"eof", "fixed:1", "idle:1s"}) {
        caller other(peer.address(), options_for(frame));
        BOOST_TEST((other.call("a").error == errc::invalid_argument), frame);
        BOOST_TEST((other.call("a").error == errc::invalid_argument), frame);
    }
}

BOOST_AUTO_TEST_CASE(it_can_be_closed_and_used_again) {
    std::promise<std::string> rest;
    peers peer({[&](peer_connection& one) {
                    one.read_at_least(4);
                    one.send("3:one,");
                    rest.set_value(one.read_to_end() + (one.was_reset() ? "RST" : "FIN"));
                },
                answering("netstring", 1)});
    caller client(peer.address(), options_for("netstring"));
    client.close();
    BOOST_TEST(client.call("a").result.reply == "one");
    client.close();
    BOOST_TEST(rest.get_future().get() == "FIN");
    BOOST_TEST(client.call("b").result.reply == "got 1:b,");
}

BOOST_AUTO_TEST_CASE(a_cancelled_exchange_ends_its_connection_and_no_other) {
    peers peer({[](peer_connection& one) {
                    one.read_at_least(4);
                    one.send("3:one,");
                    one.read_to_end();
                },
                answering("netstring", 1)});
    caller client(peer.address(), options_for("netstring"));
    BOOST_TEST(client.call("a").result.reply == "one");
    asio::cancellation_signal stop;
    error_code ended;
    client.over().async_exchange(
        "b", asio::bind_cancellation_slot(
                 stop.slot(), [&](error_code ec, const exchange_result&) { ended = ec; }));
    client.io().restart();
    client.io().poll();
    stop.emit(asio::cancellation_type::terminal);
    client.io().run();
    BOOST_TEST((ended == asio::error::operation_aborted));
    BOOST_TEST(client.call("c").result.reply == "got 1:c,");
}

BOOST_AUTO_TEST_CASE(one_that_is_cancelled_while_it_sends_is_a_reset_on_a_kept_connection_too) {
    std::promise<bool> was_reset;
    peers peer({[&](peer_connection& one) {
        one.read_at_least(9);
        one.send("\x0bone\x1c\r");
        one.read_at_least(1'000);
        one.read_to_end();
        was_reset.set_value(one.was_reset());
    }});
    client_options options = options_for("mllp");
    asio::cancellation_signal stop;
    asio::io_context* io = nullptr;
    options.progress = [&](std::uint64_t sent, std::uint64_t) {
        if (sent > 100'000) asio::post(*io, [&] { stop.emit(asio::cancellation_type::terminal); });
    };
    caller client(peer.address(), options);
    io = &client.io();
    BOOST_TEST(client.call("hello!").result.reply == "one");
    error_code ended;
    client.over().async_exchange(
        std::string(64 << 20, 'k'),
        asio::bind_cancellation_slot(stop.slot(),
                                     [&](error_code ec, const exchange_result&) { ended = ec; }));
    client.io().restart();
    client.io().run();
    BOOST_TEST((ended == asio::error::operation_aborted));
    BOOST_TEST(was_reset.get_future().get());
}

BOOST_AUTO_TEST_CASE(each_has_its_limits) {
    peers peer({[](peer_connection& one) {
                    one.read_at_least(4);
                    one.send("3:one,");
                    one.read_to_end();
                },
                answering("netstring", 1)});
    client_options options = options_for("netstring");
    options.total = 400ms;
    caller client(peer.address(), options);
    BOOST_TEST(client.call("a").result.reply == "one");
    BOOST_TEST((client.call("b").error == asio::error::timed_out));
    BOOST_TEST(client.call("c").result.reply == "got 1:c,");
}

BOOST_AUTO_TEST_CASE(it_leaves_no_descriptor) {
    const std::size_t before = open_descriptors();
    {
        peers peer({answering("netstring", 2)});
        caller client(peer.address(), options_for("netstring"));
        connection moved = std::move(client.over());
        for (int i = 0; i < 2; ++i) {
            error_code ended = asio::error::would_block;
            moved.async_exchange("a", [&](error_code ec, const exchange_result&) { ended = ec; });
            client.io().restart();
            client.io().run();
            BOOST_TEST(!ended);
        }
    }
    BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_SUITE_END()
