#include "session/outcome.hpp"

#include "policy/foreign.hpp"

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace finpost;
using namespace finpost::detail;
namespace asio = boost::asio;
using decided = finpost::detail::outcome; // the suite has its name

namespace {

using kind = decided::kind;
using farewell = decided::farewell;
using ending = decided::ending;

constexpr std::string_view hello_record("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);

// The rules that an outcome depends on. The defaults are the gateway's.
struct rules {
    refusal_style on_refusal = refusal_style::line;
    foreign_policy foreign = foreign_policy::forward;
    client_reset_policy on_reset = client_reset_policy::finish;

    decided made() const {
        gateway_config config;
        config.on_refusal = on_refusal;
        config.foreign = foreign;
        config.on_client_reset = on_reset;
        return decided(config);
    }
};

void payload_ended(decided& of, error_code error, std::string_view payload,
                   bool bad_encoding = false) {
    foreign_bytes first;
    first.feed(std::as_bytes(std::span(payload)));
    if (!error) first.finish();
    of.payload_ended({error, payload.size(), bad_encoding}, first);
}

void received(decided& of) { payload_ended(of, {}, "a payload"); }
void answered(decided& of) { of.handler_ended({false, reason::internal}); }

// What one client gets: by what happens, and under which rules.
struct row {
    std::string_view name;
    std::function<void(decided&)> happens;
    kind is;
    std::string_view why; // as in the access line
    farewell says;
    ending ends;
    rules under = {};
    bool can_speak = true;
    bool tls_broken = false;
};

void check(const std::vector<row>& rows) {
    for (const row& each : rows) {
        BOOST_TEST_CONTEXT(each.name) {
            decided of = each.under.made();
            each.happens(of);
            BOOST_TEST((of.is() == each.is));
            BOOST_TEST(of.reason_word() == each.why);
            BOOST_TEST((of.say(each.can_speak, each.tls_broken) == each.says));
            BOOST_TEST((of.end() == each.ends));
        }
    }
}

constexpr rules with_close{refusal_style::close};
constexpr rules with_reset{refusal_style::reset};
constexpr rules cancels{refusal_style::line, foreign_policy::forward, client_reset_policy::cancel};

} // namespace

BOOST_AUTO_TEST_SUITE(outcome)

BOOST_AUTO_TEST_CASE(before_the_payload) {
    const auto refused_first = [](decided& of) { of.refuse(reason::busy); };
    const auto preamble = [](error_code error, bool begun) {
        return [=](decided& of) { of.preamble_ended({error, begun}); };
    };
    const auto handshake = [](error_code error, bool begun, bool other) {
        return [=](decided& of) {
            of.expect_tls();
            of.handshake_ended({error.failed(), begun, other});
            of.preamble_ended({error, begun});
        };
    };
    check({
        {"an exception cuts it", [](decided&) {}, kind::undecided, "internal", farewell::nothing,
         ending::reset},
        {"too many from one address", refused_first, kind::refused, "busy", farewell::line,
         ending::reset},
        {"... under close", refused_first, kind::refused, "busy", farewell::fin, ending::fin,
         with_close},
        {"... under reset", refused_first, kind::refused, "busy", farewell::nothing, ending::reset,
         with_reset},
        {"... who waits for TLS",
         [](decided& of) {
             of.expect_tls();
             of.refuse(reason::busy);
         },
         kind::refused, "busy", farewell::nothing, ending::reset},
        {"... who waits for TLS, under close",
         [](decided& of) {
             of.expect_tls();
             of.refuse(reason::busy);
         },
         kind::refused, "busy", farewell::fin, ending::fin, with_close},
        {"denied behind a proxy", [](decided& of) { of.deny(); }, kind::refused, "denied",
         farewell::nothing, ending::reset},
        {"... under close", [](decided& of) { of.deny(); }, kind::refused, "denied",
         farewell::nothing, ending::fin, with_close},
        {"... under reset", [](decided& of) { of.deny(); }, kind::refused, "denied",
         farewell::nothing, ending::reset, with_reset},
        {"goes before a byte", preamble(asio::error::eof, false), kind::probe, "",
         farewell::nothing, ending::fin},
        {"resets before a byte", preamble(asio::error::connection_reset, false), kind::probe, "",
         farewell::nothing, ending::fin},
        {"vanishes before a byte", preamble(asio::error::timed_out, false), kind::probe, "",
         farewell::nothing, ending::fin},
        {"cannot be read for want of memory", preamble(asio::error::no_memory, false),
         kind::aborted, "aborted_read", farewell::nothing, ending::reset},
        {"resets within its header", preamble(asio::error::connection_reset, true), kind::aborted,
         "aborted_read", farewell::nothing, ending::reset},
        {"a bad PROXY header", preamble(reason::proxy_protocol, true), kind::refused,
         "proxy_protocol", farewell::line, ending::reset},
        {"no PROXY header in time", preamble(reason::proxy_protocol, false), kind::refused,
         "proxy_protocol", farewell::line, ending::reset},
        {"a drain", preamble(reason::draining, false), kind::refused, "draining", farewell::line,
         ending::reset},
        {"no handshake in time", handshake(reason::tls_handshake, false, false), kind::refused,
         "tls_handshake", farewell::nothing, ending::reset},
        {"a handshake that fails", handshake(reason::tls_handshake, true, false), kind::refused,
         "tls_handshake", farewell::alert, ending::reset},
        {"... under close", handshake(reason::tls_handshake, true, false), kind::refused,
         "tls_handshake", farewell::fin, ending::fin, with_close},
        {"speaks no TLS", handshake(reason::tls_handshake, true, true), kind::refused,
         "tls_handshake", farewell::line, ending::reset},
        {"refused after its handshake",
         [](decided& of) {
             of.expect_tls();
             of.handshake_ended({false, true, false});
             of.refuse(reason::draining);
         },
         kind::refused, "draining", farewell::line, ending::reset},
    });
}

BOOST_AUTO_TEST_CASE(the_payload) {
    const auto ends = [](error_code error, std::string_view bytes, bool bad = false) {
        return [=](decided& of) { payload_ended(of, error, bytes, bad); };
    };
    check({
        {"a probe", ends({}, ""), kind::probe, "", farewell::nothing, ending::fin},
        {"resets without a byte", ends(asio::error::connection_reset, ""), kind::probe, "",
         farewell::nothing, ending::fin},
        {"vanishes without a byte", ends(asio::error::timed_out, ""), kind::probe, "",
         farewell::nothing, ending::fin},
        {"cannot be read for want of memory", ends(asio::error::no_memory, ""), kind::aborted,
         "aborted_read", farewell::nothing, ending::reset},
        {"is broken TLS from its first record",
         ends(make_error_code(boost::system::errc::protocol_error), ""),
         kind::aborted,
         "aborted_read",
         farewell::alert,
         ending::reset,
         {},
         false,
         true},
        {"ends without a byte and without close_notify", ends(reason::tls_truncated, ""),
         kind::probe, "", farewell::nothing, ending::reset},
        {"... under close", ends(reason::tls_truncated, ""), kind::probe, "", farewell::nothing,
         ending::fin, with_close},
        {"is idle without a byte", ends(reason::receive_timeout, ""), kind::refused,
         "receive_timeout", farewell::line, ending::reset},
        {"is idle", ends(reason::receive_timeout, "abc"), kind::refused, "receive_timeout",
         farewell::line, ending::reset},
        {"is too slow", ends(reason::too_slow, "abc"), kind::refused, "too_slow", farewell::line,
         ending::reset},
        {"is too large", ends(reason::too_large, "abc"), kind::refused, "too_large", farewell::line,
         ending::reset},
        {"... under close", ends(reason::too_large, "abc"), kind::refused, "too_large",
         farewell::fin, ending::fin, with_close},
        {"... under reset", ends(reason::too_large, "abc"), kind::refused, "too_large",
         farewell::nothing, ending::reset, with_reset},
        {"finds no memory", ends(reason::busy, "abc"), kind::refused, "busy", farewell::line,
         ending::reset},
        {"finds no disk", ends(reason::spill_failed, "abc"), kind::refused, "spill_failed",
         farewell::line, ending::reset},
        {"is cut without close_notify", ends(reason::tls_truncated, "abc"), kind::refused,
         "tls_truncated", farewell::line, ending::reset},
        {"is cut by a reset", ends(asio::error::connection_reset, "abc"), kind::aborted,
         "aborted_read", farewell::nothing, ending::reset},
        {"... under close", ends(asio::error::connection_reset, "abc"), kind::aborted,
         "aborted_read", farewell::nothing, ending::reset, with_close},
        {"meets a drain", ends(reason::draining, "abc"), kind::refused, "draining", farewell::line,
         ending::reset},
        {"is bad Base64, on its way to a file", ends(reason::bad_encoding, "abc", true),
         kind::refused, "bad_encoding", farewell::line, ending::reset},
        {"is bad Base64, and its end was not reached", ends({}, "abc", true), kind::refused,
         "bad_encoding", farewell::line, ending::reset},
        {"is good", ends({}, "abc"), kind::undecided, "internal", farewell::nothing, ending::reset},
        {"cannot be answered: TLS has failed",
         [](decided& of) { payload_ended(of, reason::too_large, "abc"); },
         kind::refused,
         "too_large",
         farewell::nothing,
         ending::reset,
         {},
         false},
        {"is broken TLS",
         ends(asio::error::fault, "abc"),
         kind::aborted,
         "aborted_read",
         farewell::alert,
         ending::reset,
         {},
         false,
         true},
    });
}

BOOST_AUTO_TEST_CASE(foreign_payloads) {
    const auto ends = [](error_code error, std::string_view bytes) {
        return [=](decided& of) { payload_ended(of, error, bytes); };
    };
    constexpr rules probes{refusal_style::line, foreign_policy::probe};
    constexpr rules probes_close{refusal_style::close, foreign_policy::probe};
    constexpr rules refuses{refusal_style::line, foreign_policy::refuse};
    constexpr std::string_view get = "GET / HTTP/1.1\r\n\r\n", post = "POST / HTTP/1.1\r\n\r\n";
    check({
        {"a GET is forwarded", ends({}, get), kind::undecided, "internal", farewell::nothing,
         ending::reset},
        {"a GET is a probe", ends(reason::foreign, get), kind::probe, "", farewell::http_ok,
         ending::reset, probes},
        {"... and its FIN is there", ends({}, get), kind::probe, "", farewell::http_ok,
         ending::reset, probes},
        {"... and its 200 was sent",
         [=](decided& of) {
             payload_ended(of, {}, get);
             of.farewell_sent(true);
         },
         kind::probe, "", farewell::http_ok, ending::fin, probes},
        {"... and its 200 was cut",
         [=](decided& of) {
             payload_ended(of, {}, get);
             of.farewell_sent(false);
         },
         kind::probe, "", farewell::http_ok, ending::reset, probes},
        {"a POST is refused", ends(reason::foreign, post), kind::refused, "foreign", farewell::line,
         ending::reset, probes},
        {"a hello is reset", ends(reason::foreign, hello_record), kind::probe, "",
         farewell::nothing, ending::reset, probes},
        {"... under close it is closed", ends(reason::foreign, hello_record), kind::probe, "",
         farewell::nothing, ending::fin, probes_close},
        {"a GET is refused", ends(reason::foreign, get), kind::refused, "foreign", farewell::line,
         ending::reset, refuses},
        {"a hello is refused", ends(reason::foreign, hello_record), kind::refused, "foreign",
         farewell::line, ending::reset, refuses},
        {"a GET that is cut is no probe", ends(asio::error::connection_reset, "GET / HT"),
         kind::aborted, "aborted_read", farewell::nothing, ending::reset, probes},
    });
    decided head = probes.made();
    payload_ended(head, {}, "HEAD / HTTP/1.1\r\n\r\n");
    BOOST_TEST(head.without_body());
    decided body = probes.made();
    payload_ended(body, {}, get);
    BOOST_TEST(!body.without_body());
}

BOOST_AUTO_TEST_CASE(the_handler_and_the_reply) {
    const auto refuses = [](reason why) {
        return [=](decided& of) {
            received(of);
            of.handler_ended({true, why});
        };
    };
    const auto replies = [](decided::reply_end end) {
        return [=](decided& of) {
            received(of);
            answered(of);
            if (end.connection_failed) of.client_reset();
            of.reply_ended(end);
        };
    };
    const auto reset = [](decided& of) {
        received(of);
        of.client_reset();
        answered(of);
    };
    check({
        {"a reply", replies({{}, true, false, false}), kind::replied, "", farewell::nothing,
         ending::fin},
        {"a reply of no bytes", replies({{}, false, false, false}), kind::replied, "",
         farewell::nothing, ending::fin},
        {"a reply of no bytes to a client that has reset", replies({{}, false, false, true}),
         kind::aborted, "aborted_reply", farewell::nothing, ending::reset},
        {"a reply that is cut", replies({asio::error::connection_reset, true, false, true}),
         kind::aborted, "aborted_reply", farewell::nothing, ending::reset},
        {"a reply that is not read in time", replies({reason::internal, true, false, false}),
         kind::aborted, "aborted_reply", farewell::nothing, ending::reset},
        {"a reply that is read too slowly", replies({reason::too_slow, true, false, false}),
         kind::aborted, "too_slow", farewell::nothing, ending::reset},
        {"a stop before its first byte", replies({reason::draining, false, true, false}),
         kind::refused, "upstream_incomplete", farewell::line, ending::reset},
        {"a stop within it", replies({reason::draining, true, true, false}), kind::aborted,
         "aborted_reply", farewell::nothing, ending::reset},
        {"its file cannot be read", replies({reason::spill_failed, false, false, false}),
         kind::refused, "spill_failed", farewell::line, ending::reset},
        {"... and a part is out", replies({reason::spill_failed, true, false, false}),
         kind::aborted, "aborted_reply", farewell::nothing, ending::reset},
        {"the service cannot be reached", refuses(reason::upstream_unreachable), kind::refused,
         "upstream_unreachable", farewell::line, ending::reset},
        {"... under close", refuses(reason::upstream_unreachable), kind::refused,
         "upstream_unreachable", farewell::fin, ending::fin, with_close},
        {"... under reset", refuses(reason::upstream_unreachable), kind::refused,
         "upstream_unreachable", farewell::nothing, ending::reset, with_reset},
        {"the service is late", refuses(reason::upstream_timeout), kind::refused,
         "upstream_timeout", farewell::line, ending::reset},
        {"the service's status is refused", refuses(reason::upstream_status), kind::refused,
         "upstream_status", farewell::line, ending::reset},
        {"the handler has thrown", refuses(reason::internal), kind::refused, "internal",
         farewell::line, ending::reset},
        {"the client resets while the handler works", reset, kind::aborted, "aborted_reply",
         farewell::nothing, ending::reset},
        {"... and that cancels it", reset, kind::aborted, "aborted_handle", farewell::nothing,
         ending::reset, cancels},
        {"... and the service fails too",
         [](decided& of) {
             received(of);
             of.client_reset();
             of.handler_ended({true, reason::upstream_timeout});
         },
         kind::refused, "upstream_timeout", farewell::line, ending::reset},
        {"a refusal whose line was sent",
         [](decided& of) {
             of.refuse(reason::busy);
             of.farewell_sent(true);
         },
         kind::refused, "busy", farewell::line, ending::fin},
        {"a refusal of which a part was sent",
         [](decided& of) {
             of.refuse(reason::busy);
             of.farewell_sent(false);
         },
         kind::refused, "busy", farewell::line, ending::reset},
    });
}

BOOST_AUTO_TEST_CASE(a_stream) {
    constexpr decided::handler_end fine{false, reason::internal};
    constexpr decided::handler_end unreachable{true, reason::upstream_unreachable};
    const auto ends = [](decided::stream_end end, bool eof = true, bool reset = false) {
        return [=](decided& of) {
            if (eof) of.eof();
            if (reset) of.client_reset();
            of.stream_ended(end);
        };
    };
    check({
        {"is replied", ends({{}, fine, true, false}), kind::replied, "", farewell::nothing,
         ending::fin},
        {"is replied before its end", ends({{}, fine, true, false}, false), kind::replied, "",
         farewell::fin, ending::fin},
        {"is cut by the client", ends({asio::error::connection_reset, fine, false, false}, false),
         kind::aborted, "aborted_read", farewell::nothing, ending::reset},
        {"is cut by the client, and a part of the reply is out",
         ends({asio::error::connection_reset, fine, true, false}, false), kind::aborted,
         "aborted_read", farewell::nothing, ending::reset},
        {"is reset after its end", ends({asio::error::connection_reset, fine, true, false}),
         kind::aborted, "aborted_reply", farewell::nothing, ending::reset},
        {"is reset after its end, and nobody noticed", ends({{}, fine, true, false}, true, true),
         kind::aborted, "aborted_reply", farewell::nothing, ending::reset},
        {"... and that cancels it", ends({{}, fine, true, false}, true, true), kind::aborted,
         "aborted_handle", farewell::nothing, ending::reset, cancels},
        {"is too slow", ends({reason::too_slow, fine, false, false}, false), kind::refused,
         "too_slow", farewell::line, ending::reset},
        {"is too slow, and a part of the reply is out",
         ends({reason::too_slow, fine, true, false}, false), kind::aborted, "too_slow",
         farewell::nothing, ending::reset},
        {"is too large", ends({reason::too_large, unreachable, false, false}, false), kind::refused,
         "too_large", farewell::line, ending::reset},
        {"is bad Base64", ends({reason::bad_encoding, fine, false, false}), kind::refused,
         "bad_encoding", farewell::line, ending::reset},
        {"its reply is read too slowly", ends({reason::too_slow, fine, true, true}), kind::aborted,
         "too_slow", farewell::nothing, ending::reset},
        {"its reply is not read in time", ends({reason::internal, fine, true, true}), kind::aborted,
         "aborted_reply", farewell::nothing, ending::reset},
        {"is stopped, and nothing was sent on", ends({reason::draining, unreachable, false, false}),
         kind::refused, "upstream_unreachable", farewell::line, ending::reset},
        {"is stopped, and there was an answer", ends({reason::draining, fine, false, false}),
         kind::refused, "upstream_incomplete", farewell::line, ending::reset},
        {"is stopped within its reply", ends({reason::draining, fine, true, false}), kind::aborted,
         "draining", farewell::nothing, ending::reset},
        {"its service cannot be reached", ends({{}, unreachable, false, false}, false),
         kind::refused, "upstream_unreachable", farewell::line, ending::reset},
        {"its service fails within its reply", ends({{}, unreachable, true, false}), kind::aborted,
         "upstream_unreachable", farewell::nothing, ending::reset},
    });
}

// It is framed, or in a form: it is written when it is whole.
BOOST_AUTO_TEST_CASE(a_stream_whose_reply_follows) {
    constexpr decided::handler_end fine{false, reason::internal};
    const auto ended = [&](error_code error, bool whole, bool framed = true) {
        decided of = rules().made();
        if (whole) of.stream_complete(framed, !framed);
        of.stream_ended({error, fine, false, false, true});
        return of;
    };
    decided whole = ended({}, true);
    BOOST_TEST(whole.undecided());
    whole.reply_ended({{}, true, false, false});
    BOOST_TEST(whole.keeps_connection());
    decided early = ended({}, false);
    BOOST_TEST(early.undecided());
    early.reply_ended({{}, true, false, false});
    BOOST_TEST(!early.keeps_connection());
    BOOST_TEST((early.say(true, false) == farewell::fin));
    decided half_closed = ended({}, true, false);
    half_closed.reply_ended({{}, true, false, false});
    BOOST_TEST(!half_closed.keeps_connection());
    BOOST_TEST((half_closed.say(true, false) == farewell::nothing));
    BOOST_TEST(ended(asio::error::connection_reset, true).reason_word() == "aborted_reply");
    BOOST_TEST(ended(asio::error::connection_reset, false).reason_word() == "aborted_read");
    decided bad = ended(reason::bad_frame, false);
    BOOST_TEST((bad.is() == kind::refused));
    bad.farewell_sent(true);
    BOOST_TEST(!bad.keeps_connection());
}

BOOST_AUTO_TEST_CASE(input_is_drained_unless_its_end_was_read) {
    decided sending = rules().made();
    BOOST_TEST(sending.lingers());
    decided ended = rules().made();
    ended.eof();
    BOOST_TEST(!ended.lingers());
    decided gone = rules().made();
    BOOST_TEST(gone.client_reset());
    BOOST_TEST(!gone.client_reset()); // it is counted once
    BOOST_TEST(!gone.lingers());
}

BOOST_AUTO_TEST_CASE(what_a_stop_has_cut) {
    const auto cut = [](const std::function<void(decided&)>& happens, bool stopped = true,
                        std::uint64_t bytes = 3) {
        decided of = rules().made();
        happens(of);
        return of.cut_by_stop(stopped, bytes);
    };
    const auto refused = [](reason why) { return [=](decided& of) { of.refuse(why); }; };
    const auto aborted = [](decided& of) { payload_ended(of, asio::error::connection_reset, "x"); };
    BOOST_TEST(cut(refused(reason::draining)));
    BOOST_TEST(cut(refused(reason::upstream_incomplete)));
    BOOST_TEST(cut(aborted));
    BOOST_TEST(!cut(refused(reason::busy)));
    BOOST_TEST(!cut(refused(reason::draining), false));
    BOOST_TEST(!cut(refused(reason::draining), true, 0)); // it had not begun
    BOOST_TEST(!cut([](decided& of) {
        received(of);
        answered(of);
        of.reply_ended({{}, true, true, false});
    }));
}

// Of an exchange on a connection that carries frames.
decided framed(error_code error, bool begun, bool eof, bool follows, rules under = {}) {
    decided of = under.made();
    if (follows) of.follows();
    decided::payload_end end{error, begun ? 3u : 0u, false};
    end.framed = true;
    end.begun = begun;
    end.eof = eof;
    of.payload_ended(end, foreign_bytes());
    return of;
}

BOOST_AUTO_TEST_CASE(a_connection_goes_on_when_its_client_has_an_answer) {
    const auto replied = [](decided of) {
        answered(of);
        of.reply_ended({{}, true, false, false});
        return of;
    };
    const decided whole = replied(framed({}, true, false, false));
    BOOST_TEST(whole.keeps_connection());
    BOOST_TEST((whole.say(true, false) == farewell::nothing));
    decided made_last = framed({}, true, false, true);
    made_last.is_last();
    const decided last = replied(made_last);
    BOOST_TEST(!last.keeps_connection());
    BOOST_TEST((last.say(true, false) == farewell::fin)); // what still comes is dropped
    BOOST_TEST(!replied(framed({}, true, true, false)).keeps_connection()); // its FIN was read
    decided gone = framed({}, true, false, false);
    gone.client_reset();
    BOOST_TEST(!replied(gone).keeps_connection());
}

BOOST_AUTO_TEST_CASE(a_connection_goes_on_after_a_refusal_that_was_told_of_a_whole_frame) {
    decided refused = framed({}, true, false, false);
    refused.handler_ended({true, reason::upstream_status});
    BOOST_TEST(!refused.keeps_connection());
    BOOST_TEST((refused.say(true, false) == farewell::line));
    refused.farewell_sent(true);
    BOOST_TEST(refused.keeps_connection());
    decided half_told = framed({}, true, false, false);
    half_told.handler_ended({true, reason::upstream_status});
    half_told.farewell_sent(false);
    BOOST_TEST(!half_told.keeps_connection());
    BOOST_TEST((half_told.end() == ending::reset));
    decided junk = framed(reason::bad_frame, true, false, false);
    junk.farewell_sent(true);
    BOOST_TEST(!junk.keeps_connection()); // where the next one begins, nobody knows
    decided closed = framed({}, true, false, false, with_close);
    closed.handler_ended({true, reason::upstream_status});
    BOOST_TEST((closed.say(true, false) == farewell::fin));
    BOOST_TEST(!closed.keeps_connection());
}

// A reset would overtake the replies before it.
BOOST_AUTO_TEST_CASE(a_reset_behind_other_replies_waits_until_they_are_read) {
    for (const bool follows : {false, true}) {
        decided refused = framed({}, true, false, follows, with_reset);
        refused.handler_ended({true, reason::upstream_status});
        BOOST_TEST((refused.say(true, false) == (follows ? farewell::wait : farewell::nothing)));
        BOOST_TEST((refused.say(false, false) == farewell::nothing));
        BOOST_TEST((refused.end() == ending::reset));
        BOOST_TEST(!refused.keeps_connection());
    }
}

BOOST_AUTO_TEST_CASE(who_goes_between_two_frames_is_told_nothing) {
    for (const error_code error :
         {error_code(), error_code(asio::error::connection_reset),
          error_code(reason::receive_timeout), error_code(reason::draining)}) {
        for (const bool follows : {false, true}) {
            const decided pause = framed(error, false, !error, follows);
            BOOST_TEST(pause.in_pause());
            BOOST_TEST((pause.is() == kind::probe));
            BOOST_TEST((pause.say(true, false) == farewell::nothing));
            BOOST_TEST((pause.end() == ending::fin));
            BOOST_TEST(!pause.lingers()); // a frame that comes now is no longer taken
        }
    }
    // A FIN that TLS does not know of may hide a frame; behind a reply a RST would overtake that.
    BOOST_TEST((framed(reason::tls_truncated, false, false, false).end() == ending::reset));
    BOOST_TEST((framed(reason::tls_truncated, false, false, true).end() == ending::fin));
}

BOOST_AUTO_TEST_CASE(a_frame_that_is_cut_goes_nowhere) {
    const decided by_fin = framed(reason::incomplete_frame, true, true, false);
    BOOST_TEST((by_fin.is() == kind::refused));
    BOOST_TEST((by_fin.say(true, false) == farewell::line));
    const decided by_reset = framed(asio::error::connection_reset, true, false, false);
    BOOST_TEST((by_reset.is() == kind::aborted));
    BOOST_TEST((by_reset.end() == ending::reset));
    BOOST_TEST(
        framed({}, true, false, false).undecided()); // a whole one goes on, also an empty one
    BOOST_TEST((framed(reason::busy, false, false, true).is() == kind::refused));
}

BOOST_AUTO_TEST_CASE(words) {
    decided of = rules().made();
    BOOST_TEST(of.word() == "refused"); // an exception has cut it
    of.refuse(reason::busy);
    BOOST_TEST(of.word() == "refused");
    decided probe = rules().made();
    payload_ended(probe, {}, "");
    BOOST_TEST(probe.word() == "probe");
    decided aborted = rules().made();
    payload_ended(aborted, asio::error::connection_reset, "x");
    BOOST_TEST(aborted.word() == "aborted");
    decided replied = rules().made();
    replied.reply_ended({{}, true, false, false});
    BOOST_TEST(replied.word() == "replied");
}

BOOST_AUTO_TEST_SUITE_END()
