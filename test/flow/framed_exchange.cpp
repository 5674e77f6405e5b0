// One framed exchange of the client and its command, against peers that behave and peers that do
// not.
#include "support/finpost_command.hpp"
#include "support/frame_reference.hpp"
#include "support/gateway_fixture.hpp"
#include "support/tcp_peer.hpp"

#include "finpost/client.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/errc.hpp>
#include <boost/test/unit_test.hpp>

#include <future>
#include <optional>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
namespace asio = boost::asio;
namespace errc = boost::system::errc;

namespace {

const std::string id = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";

struct outcome {
    error_code error;
    exchange_result result;
};

outcome run(const host_port& target, std::string payload, client_options options) {
    asio::io_context io;
    std::optional<outcome> got;
    async_exchange(io.get_executor(), target, std::move(payload), std::move(options),
                   [&](error_code ec, exchange_result result) {
                       got = {ec, std::move(result)};
                   });
    io.run();
    BOOST_REQUIRE(got);
    return std::move(*got);
}

outcome run(const host_port& target, std::string payload, std::string_view frame) {
    client_options options;
    options.frame = spec(frame);
    return run(target, std::move(payload), options);
}

// What a peer got, and how it went on from there.
struct seen {
    std::string request;
    bool reset = false;
};

// Waits for as many bytes as the framed "hello" has, answers, and sees how the connection ends. It
// waits for no FIN.
class framed_peer {
public:
    framed_peer(std::string_view frame, std::function<void(peer_connection&)> answer)
        : peer_([this, size = frame_naively(spec(frame), "hello").size(),
                 answer = std::move(answer)](peer_connection& one) {
              seen what;
              what.request = one.read_at_least(size);
              answer(one);
              what.request += one.read_to_end();
              what.reset = one.was_reset();
              seen_.set_value(what);
          }) {}

    host_port address() const { return peer_.address(); }
    seen saw() {
        auto future = seen_.get_future();
        BOOST_REQUIRE((future.wait_for(20s) == std::future_status::ready));
        return future.get();
    }

private:
    std::promise<seen> seen_;
    tcp_peer peer_;
};

std::function<void(peer_connection&)> saying(std::string answer) {
    return [answer = std::move(answer)](peer_connection& one) { one.send(answer); };
}

finished send(std::vector<std::string> arguments, std::string input) {
    arguments.insert(arguments.begin(), "send");
    return run_finpost(std::move(arguments), std::move(input));
}

} // namespace

BOOST_AUTO_TEST_SUITE(framed_exchange)

BOOST_AUTO_TEST_CASE(one_frame_goes_out_and_one_comes_back_without_a_half_close) {
    for (const std::string& frame : framed_both_ways) {
        framed_peer peer(frame, saying(frame_naively(spec(frame), "thanks")));
        const outcome got = run(peer.address(), "hello", frame);
        BOOST_TEST(!got.error, frame << ": " << got.error.message());
        BOOST_TEST(got.result.reply == "thanks", frame);
        BOOST_TEST((got.result.stage == exchange_stage::done));
        BOOST_TEST(got.result.sent == frame_naively(spec(frame), "hello").size());
        BOOST_TEST(got.result.received == frame_naively(spec(frame), "thanks").size());
        const seen what = peer.saw();
        BOOST_TEST(what.request == frame_naively(spec(frame), "hello"), frame);
        BOOST_TEST(!what.reset, frame); // the end between two frames is a quiet one
    }
}

BOOST_AUTO_TEST_CASE(a_reply_that_comes_byte_by_byte) {
    for (const std::string& frame : framed_both_ways) {
        framed_peer peer(frame, [&](peer_connection& one) {
            for (const char c : frame_naively(spec(frame), "thanks")) one.send({&c, 1});
        });
        const outcome got = run(peer.address(), "hello", frame);
        BOOST_TEST(!got.error, frame);
        BOOST_TEST(got.result.reply == "thanks", frame);
    }
}

BOOST_AUTO_TEST_CASE(a_large_payload_and_a_large_reply) {
    const std::string large(5'000'000, 'k');
    for (const char* frame : {"line", "mllp", "length:u32be", "netstring"}) {
        const std::string wire = frame_naively(spec(frame), large);
        tcp_peer peer([&](peer_connection& one) { one.send(one.read_at_least(wire.size())); });
        const outcome got = run(peer.address(), large, frame);
        BOOST_TEST(!got.error, frame);
        BOOST_TEST((got.result.reply == large), frame);
        BOOST_TEST(got.result.sent == wire.size(), frame);
    }
}

BOOST_AUTO_TEST_CASE(fixed_and_idle_half_close_and_read_to_the_fin) {
    for (const char* frame : {"fixed:5", "idle:200ms"}) {
        tcp_peer peer([](peer_connection& one) { one.send("got " + one.read_to_end()); });
        const outcome got = run(peer.address(), "hello", frame);
        BOOST_TEST(!got.error, frame);
        BOOST_TEST(got.result.reply == "got hello", frame);
    }
}

BOOST_AUTO_TEST_CASE(a_fin_without_a_whole_reply_is_never_a_success) {
    for (const std::string& frame : framed_both_ways) {
        const std::string answer = frame_naively(spec(frame), "thanks");
        for (const std::size_t n : {std::size_t{0}, std::size_t{1}, answer.size() - 1}) {
            framed_peer peer(frame, [&](peer_connection& one) {
                one.send(answer.substr(0, n));
                one.half_close();
            });
            const outcome got = run(peer.address(), "hello", frame);
            BOOST_TEST((got.error == asio::error::eof), frame << ", " << n);
            BOOST_TEST(got.result.detail == (n == 0 ? "the connection was closed without a reply"
                                                    : "the connection was closed within the reply"),
                       frame);
            BOOST_TEST((got.result.stage != exchange_stage::done));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_reset_within_a_reply_is_one) {
    for (const char* frame : {"line", "mllp", "length:u8"}) {
        tcp_peer peer([&](peer_connection& one) {
            one.read_at_least(frame_naively(spec(frame), "hello").size());
            const std::string answer = frame_naively(spec(frame), "thanks");
            one.send(answer.substr(0, 3));
            one.reset();
        });
        const outcome got = run(peer.address(), "hello", frame);
        BOOST_TEST((got.error == asio::error::connection_reset), got.error.message());
    }
}

BOOST_AUTO_TEST_CASE(a_reply_that_is_not_framed_and_two_of_them) {
    for (const auto& [answer, detail] : std::vector<std::pair<std::string, std::string>>{
             {"HTTP/1.1 400 Bad Request\r\n\r\n", "the reply is not framed as mllp: "},
             {"\x0bone\x1c\r\x0btwo\x1c\r", "more came behind the reply"},
             {"\x0bone\x1c\rtwo", "more came behind the reply"}}) {
        framed_peer peer("mllp", saying(answer));
        const outcome got = run(peer.address(), "hello", "mllp");
        BOOST_TEST((got.error == errc::bad_message));
        BOOST_TEST(got.result.detail.starts_with(detail), got.result.detail);
        BOOST_TEST(got.result.reply == "");
    }
}

BOOST_AUTO_TEST_CASE(a_refusal_is_known_in_its_frame_and_as_a_line) {
    const std::string line = "finpost: busy " + id + "\n";
    for (const std::string& frame : framed_both_ways)
        for (const bool framed : {true, false}) {
            framed_peer peer(frame, [&](peer_connection& one) {
                one.send(framed ? frame_naively(spec(frame), line) : line);
                one.half_close();
            });
            const outcome got = run(peer.address(), "hello", frame);
            if (frame.starts_with("delimiter") && !framed) continue; // a part of a frame like any
            BOOST_TEST((got.error == reason::busy), frame << ": " << got.error.message());
            BOOST_TEST((got.result.refused == reason::busy), frame);
            BOOST_TEST(got.result.request_id == id);
        }
}

BOOST_AUTO_TEST_CASE(what_its_frame_cannot_carry_is_not_even_connected_for) {
    for (const auto& [frame, payload] : std::vector<std::pair<std::string, std::string>>{
             {"line", "two\nlines"}, {"mllp", "a\x1c\r"}, {"length:u8", std::string(256, 'k')}}) {
        tcp_peer peer([](peer_connection&) { BOOST_ERROR("connected"); });
        const outcome got = run(peer.address(), payload, frame);
        BOOST_TEST((got.error == errc::invalid_argument), frame);
        BOOST_TEST((got.result.stage == exchange_stage::payload), frame);
        BOOST_TEST(!got.result.detail.empty(), frame);
    }
    // A frame that is none.
    client_options options;
    options.frame.type = frame_spec::kind::delimiter;
    BOOST_TEST((run({"127.0.0.1", 1}, "x", options).error == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(what_is_found_later_resets_and_no_frame_is_whole) {
    framed_peer peer("mllp", [](peer_connection&) {});
    const outcome got = run(peer.address(), std::string(1'000'000, 'k') + "\x1c\r", "mllp");
    BOOST_TEST((got.error == errc::invalid_argument));
    const seen what = peer.saw();
    BOOST_TEST(what.reset);
    BOOST_TEST(read_naively(spec("mllp"), what.request, UINT64_MAX).payloads.empty());
}

BOOST_AUTO_TEST_CASE(the_limit_of_a_reply_counts_its_payload) {
    for (const std::uint64_t limit : {6u, 5u}) {
        framed_peer peer("netstring", saying("6:thanks,"));
        client_options options;
        options.frame = spec("netstring");
        options.max_reply = limit;
        const outcome got = run(peer.address(), "hello", options);
        BOOST_TEST((got.error == (limit == 6 ? error_code() : asio::error::message_size)));
    }
}

BOOST_AUTO_TEST_CASE(a_silent_peer_is_a_time_limit) {
    tcp_peer peer([](peer_connection& one) {
        one.send("\x0bno end");
        one.stay_silent();
    });
    client_options options;
    options.frame = spec("mllp");
    options.total = 300ms;
    const outcome got = run(peer.address(), "hello", options);
    BOOST_TEST((got.error == asio::error::timed_out));
}

BOOST_AUTO_TEST_CASE(the_command_sends_one_and_writes_the_other) {
    const auto address_of = [](const framed_peer& peer) { return to_string(peer.address()); };
    framed_peer peer("mllp", saying("\x0bMSA|AA\x1c\r"));
    const finished got = send({"--frame", "mllp", "-v", address_of(peer)}, "hello");
    BOOST_TEST(got.code == 0);
    BOOST_TEST(got.output == "MSA|AA");
    BOOST_TEST(holds(got.error, "8 bytes, then the end of the frame"), got.error);
    BOOST_TEST(peer.saw().request == "\x0bhello\x1c\r");

    framed_peer line("line", saying("dGhhbmtz\n"));
    const finished coded = send(
        {"--frame", "line", "--encode", "base64", "--decode", "base64", address_of(line)}, "hi!");
    BOOST_TEST(coded.code == 0);
    BOOST_TEST(coded.output == "thanks");
    BOOST_TEST(line.saw().request == "aGkh\n");
}

BOOST_AUTO_TEST_CASE(the_command_tells_by_its_exit_code_what_happened) {
    const auto with_answer = [](const std::string& answer) {
        framed_peer peer("mllp", [&](peer_connection& one) {
            one.send(answer);
            one.half_close();
        });
        return send({"--frame", "mllp", to_string(peer.address())}, "hello");
    };
    const finished refused = with_answer("\x0b"
                                         "finpost: upstream_timeout " +
                                         id + "\n\x1c\r");
    BOOST_TEST(refused.code == 5);
    BOOST_TEST(refused.output == "");
    BOOST_TEST(holds(refused.error, "upstream_timeout"), refused.error);
    const finished none = with_answer("");
    BOOST_TEST(none.code == 6);
    BOOST_TEST(none.error == "finpost: the connection was closed without a reply\n");
    const finished cut = with_answer("\x0bhel");
    BOOST_TEST(cut.code == 6);
    BOOST_TEST(cut.error == "finpost: the connection was closed within the reply\n");
    const finished other = with_answer("hello");
    BOOST_TEST(other.code == 6);
    BOOST_TEST(holds(other.error, "the reply is not framed as mllp: no start byte"), other.error);

    const finished body = send({"--frame", "line", "127.0.0.1:1"}, "two\nlines");
    BOOST_TEST(body.code == 2);
    BOOST_TEST(body.error == "finpost: the payload does not fit its frame: the body holds the end "
                             "of its frame; nothing was sent\n");
    const finished bad = send({"--frame", "lines", "127.0.0.1:1"}, "x");
    BOOST_TEST(bad.code == 2);
    BOOST_TEST(holds(bad.error, "--frame: \"lines\" is not a frame"), bad.error);
}

BOOST_AUTO_TEST_SUITE_END()
