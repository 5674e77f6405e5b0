// A failure never looks like an empty success, whatever a client's bytes travel in: it reads a
// line, or the connection is reset. No byte and a FIN is for `on_refusal` = `close` alone.
#include "support/tls_gateway.hpp"

#include "finpost/proxy_header.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

enum class transport { plain, tls, proxied, proxied_tls };

bool has_tls(transport way) { return way == transport::tls || way == transport::proxied_tls; }
bool has_header(transport way) {
    return way == transport::proxied || way == transport::proxied_tls;
}

boost::asio::awaitable<reply> refuse_as_told(request asked) {
    const auto why = parse_reason(asked.body().text());
    if (!why) co_return reply(payload("no reason"));
    co_return reply(*why);
}

struct failing : tls_gateway {
    failing() {
        config.receive_idle = config.tls_handshake = config.proxy_protocol =
            config.lingering_close = 200ms;
    }

    void set_up(transport way, refusal_style style) {
        if (!has_tls(way)) config.tls = {};
        if (has_header(way)) config.proxy_protocol_from = {parse_network("127.0.0.0/8").value()};
        config.on_refusal = style;
        start(refuse_as_told);
    }

    raw_client preamble_sent(transport way) const {
        raw_client out = connect();
        const auto from = parse_socket_address("192.0.2.1:1").value();
        if (has_header(way)) out.send(proxy_header(proxy_version::v2, from, from));
        return out;
    }

    // Every reason that a handler can name, to a client that has said all it had to say.
    void every_reason(transport way, refusal_style style) {
        if (has_tls(way) && !ready()) return;
        set_up(way, style);
        for (const reason why : all_reasons) {
            BOOST_TEST_CONTEXT(to_string(why)) {
                raw_client raw = preamble_sent(way);
                if (has_tls(way)) {
                    tls_client one(std::move(raw), client());
                    BOOST_REQUIRE(!one.handshake());
                    one.send(to_string(why)).finish();
                    const auto got = one.read_to_end();
                    BOOST_TEST(refusal_reason(got.bytes) ==
                               (style == refusal_style::line ? to_string(why) : ""));
                    const auto due = style == refusal_style::line ? tls_client::ending::close_notify
                                                                  : tls_client::ending::reset;
                    BOOST_TEST((got.how == due));
                } else {
                    raw.send(to_string(why)).half_close();
                    const auto got = raw.read_to_end();
                    BOOST_TEST(refusal_reason(got.bytes) ==
                               (style == refusal_style::line ? to_string(why) : ""));
                    const auto due = style == refusal_style::line ? raw_client::ending::fin
                                                                  : raw_client::ending::reset;
                    BOOST_TEST((got.how == due));
                }
            }
        }
    }

    // Clients that never get as far as a payload, or not with the whole of it.
    void every_beginning(transport way, refusal_style style) {
        if (has_tls(way) && !ready()) return;
        set_up(way, style);
        const std::vector<std::string> beginnings{"h",
                                                  "hello",
                                                  "GET / HTTP/1.1\r\n\r\n",
                                                  "PROXY TCP4 1.2.3.4",
                                                  "\r\n\r\n\0"s,
                                                  "\x16",
                                                  "\x16\x03\x01",
                                                  "\x16\x03\x01\x02\x00\x01"s,
                                                  "\x16\x03\x01\x00\x05hello"s,
                                                  "\x16\x03\x01\xff\xffhello"s,
                                                  "\x15\x03\x03\x00\x02\x02\x28"s,
                                                  "\x80\x2e\x01\x03\x03"s,
                                                  some_bytes(100'000)};
        for (const bool behind_header : {false, true}) {
            if (behind_header && !has_header(way)) continue;
            for (const bool ends : {false, true}) {
                for (const std::string& text : beginnings) {
                    if (!has_tls(way) && ends && (behind_header || !has_header(way)))
                        continue; // a payload
                    BOOST_TEST_CONTEXT(text.substr(0, 20)
                                       << (ends ? ", FIN" : "") << ' ' << behind_header) {
                        raw_client one = behind_header ? preamble_sent(way) : connect();
                        one.send(text);
                        if (ends) one.half_close();
                        const auto got = one.read_to_end();
                        BOOST_TEST((got.how != raw_client::ending::timeout));
                        BOOST_TEST((!got.bytes.empty() || got.how == raw_client::ending::reset));
                        if (style == refusal_style::reset)
                            BOOST_TEST((got.how == raw_client::ending::reset));
                    }
                }
            }
        }
        for (const bool behind_header : {false, true}) { // and says nothing more
            if (way == transport::plain || (behind_header && !has_header(way))) continue;
            raw_client one = behind_header ? preamble_sent(way) : connect();
            const auto got = one.read_to_end();
            BOOST_TEST((!got.bytes.empty() || got.how == raw_client::ending::reset));
        }
        BOOST_TEST(upstream.count() == 0u);
        BOOST_TEST(counters.replied.value() == 0u);
    }
};

} // namespace

BOOST_FIXTURE_TEST_SUITE(refusal_transports, failing)

BOOST_AUTO_TEST_CASE(plain_every_reason_is_a_line) {
    every_reason(transport::plain, refusal_style::line);
}
BOOST_AUTO_TEST_CASE(plain_every_reason_is_a_reset) {
    every_reason(transport::plain, refusal_style::reset);
}
BOOST_AUTO_TEST_CASE(tls_every_reason_is_a_line) {
    every_reason(transport::tls, refusal_style::line);
}
BOOST_AUTO_TEST_CASE(tls_every_reason_is_a_reset) {
    every_reason(transport::tls, refusal_style::reset);
}
BOOST_AUTO_TEST_CASE(proxied_every_reason_is_a_line) {
    every_reason(transport::proxied, refusal_style::line);
}
BOOST_AUTO_TEST_CASE(proxied_every_reason_is_a_reset) {
    every_reason(transport::proxied, refusal_style::reset);
}
BOOST_AUTO_TEST_CASE(proxied_tls_every_reason_is_a_line) {
    every_reason(transport::proxied_tls, refusal_style::line);
}
BOOST_AUTO_TEST_CASE(proxied_tls_every_reason_is_a_reset) {
    every_reason(transport::proxied_tls, refusal_style::reset);
}

BOOST_AUTO_TEST_CASE(plain_no_beginning_is_an_empty_reply) {
    every_beginning(transport::plain, refusal_style::line);
}
BOOST_AUTO_TEST_CASE(plain_no_beginning_ends_with_a_fin) {
    every_beginning(transport::plain, refusal_style::reset);
}
BOOST_AUTO_TEST_CASE(tls_no_beginning_is_an_empty_reply) {
    every_beginning(transport::tls, refusal_style::line);
}
BOOST_AUTO_TEST_CASE(tls_no_beginning_ends_with_a_fin) {
    every_beginning(transport::tls, refusal_style::reset);
}
BOOST_AUTO_TEST_CASE(proxied_no_beginning_is_an_empty_reply) {
    every_beginning(transport::proxied, refusal_style::line);
}
BOOST_AUTO_TEST_CASE(proxied_no_beginning_ends_with_a_fin) {
    every_beginning(transport::proxied, refusal_style::reset);
}
BOOST_AUTO_TEST_CASE(proxied_tls_no_beginning_is_an_empty_reply) {
    every_beginning(transport::proxied_tls, refusal_style::line);
}
BOOST_AUTO_TEST_CASE(proxied_tls_no_beginning_ends_with_a_fin) {
    every_beginning(transport::proxied_tls, refusal_style::reset);
}

BOOST_AUTO_TEST_CASE(who_is_turned_away_before_a_byte_was_read_gets_no_fin_alone) {
    if (!ready()) return;
    config.max_per_source = 1;
    start(refuse_as_told);
    raw_client first = connect();
    BOOST_TEST(until([this] { return sessions() == 1u; }));
    raw_client::received got{"", raw_client::ending::reset};
    try {
        got = connect().read_to_end();
    } catch (const std::system_error&) {
        // The reset was there before the connection was.
    }
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == raw_client::ending::reset));
    BOOST_TEST(until([this] { return refused(reason::busy) == 1u; }));
    first.close();
}

BOOST_AUTO_TEST_CASE(a_payload_that_was_cut_away_whole_does_not_get_an_empty_reply) {
    if (!ready()) return;
    start(refuse_as_told);
    tls_client one(address(), client());
    BOOST_TEST(!one.handshake());
    one.raw().half_close();
    const auto got = one.read_to_end();
    BOOST_TEST(got.bytes == "");
    BOOST_TEST((got.how == tls_client::ending::reset));
    BOOST_TEST(until_probes(1)); // a health check may be no better
}

BOOST_AUTO_TEST_CASE(close_gives_up_the_difference_and_nothing_else_does) {
    if (!ready()) return;
    config.on_refusal = refusal_style::close;
    start(refuse_as_told);
    for (const bool ends : {false, true}) {
        raw_client one = connect();
        one.send("hello");
        if (ends) one.half_close();
        const auto got = one.read_to_end();
        BOOST_TEST(got.bytes == "");
        BOOST_TEST((got.how == raw_client::ending::fin));
    }
    BOOST_TEST(refused(reason::tls_handshake) == 2u);
}

BOOST_AUTO_TEST_SUITE_END()
