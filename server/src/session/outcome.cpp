#include "session/outcome.hpp"

#include "policy/foreign.hpp"

#include <boost/asio/error.hpp>

#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

bool is_reason(const error_code& error) noexcept {
    return error && error.category() == reason_category();
}

// The client went, by an end, a reset, or without a trace. Other errors are not its doing: a record
// that was changed on its way, or no memory here.
bool client_went(const error_code& error) noexcept {
    return !error || error == asio::error::eof || error == asio::error::connection_reset ||
           error == asio::error::timed_out || error == asio::error::host_unreachable ||
           error == asio::error::network_unreachable;
}

// Why a connection ends on which no frame has begun: the client went, was silent for too long, or
// the gateway stops.
bool ends_pause(const error_code& error) noexcept {
    return client_went(error) || error == reason::tls_truncated ||
           error == reason::receive_timeout || error == reason::draining;
}

} // namespace

void outcome::refuse(reason why) noexcept {
    kind_ = kind::refused;
    why_ = why;
    fin_would_lie_ = true;
}

void outcome::deny() noexcept {
    denied_ = true;
    refuse(reason::denied);
}

void outcome::abort(abort_at where) noexcept {
    kind_ = kind::aborted;
    aborted_at_ = where;
}

void outcome::abort(reason why) noexcept {
    abort(abort_at::by_reason);
    why_ = why;
}

void outcome::handshake_ended(const handshake_end& end) noexcept {
    no_refusal_line_ = end.failed && !end.is_other; // a client without TLS understands a line
    speaks_tls_ = end.begun && !end.is_other;
}

// A client that goes without a word is a probe, before its payload as well.
void outcome::preamble_ended(const preamble_end& end) noexcept {
    if (!end.error) return;
    if (is_reason(end.error))
        refuse(to_reason(end.error));
    else if (end.begun || !client_went(end.error))
        abort(abort_at::read);
    else
        kind_ = kind::probe;
}

void outcome::payload_ended(const payload_end& end, const foreign_bytes& first) noexcept {
    eof_ = end.eof && (end.framed || !end.error);
    whole_frame_ = end.framed && !end.error;
    if (end.framed && !end.begun && ends_pause(end.error)) return pause_ended(end);
    // A client that is merely late must be refused, not treated as a probe: it may still want an
    // answer.
    const bool by_client = client_went(end.error) || end.error == reason::tls_truncated;
    if (end.bytes == 0 && by_client && !end.framed) {
        only_looked(end.error);
    } else if (end.bad_encoding) {
        refuse(reason::bad_encoding);
    } else if ((!end.error || end.error == reason::foreign) && foreign_ended(first)) {
        return;
    } else if (is_reason(end.error)) {
        refuse(to_reason(end.error));
    } else if (end.error) {
        abort(abort_at::read);
    }
}

void outcome::only_looked(const error_code& error) noexcept {
    kind_ = kind::probe;
    // A peer in between may have cut all of it. Only a reset says so.
    fin_would_lie_ = error == reason::tls_truncated && on_refusal_ != refusal_style::close;
}

// Nothing of a frame has come: a FIN answers nothing, and a RST could overtake the reply before.
void outcome::pause_ended(const payload_end& end) noexcept {
    pause_ = true;
    only_looked(end.error);
    if (follows_) fin_would_lie_ = false;
}

// Whether it is a health check or a scan, and has its end by that.
bool outcome::foreign_ended(const foreign_bytes& first) noexcept {
    if (!first.is_foreign() || foreign_ == foreign_policy::forward) return false;
    if (foreign_ == foreign_policy::refuse || first.is() == foreign_bytes::kind::http_request) {
        refuse(reason::foreign);
        return true;
    }
    kind_ = kind::probe;
    http_probe_ = first.is() == foreign_bytes::kind::http_probe;
    head_request_ = first.is_head();
    // A TLS client waits for a ServerHello. A FIN would look like an answer, so it gets a reset.
    fin_would_lie_ = http_probe_ || on_refusal_ != refusal_style::close;
    return true;
}

bool outcome::client_reset() noexcept { return !std::exchange(client_gone_, true); }

void outcome::handler_ended(const handler_end& end) noexcept {
    receipt_ = end.receipt;
    if (client_gone_ && client_reset_cancels())
        abort(abort_at::handle);
    else if (end.refused)
        refuse(end.why);
    else if (client_gone_)
        abort(abort_at::reply);
}

void outcome::stream_ended(const stream_end& end) noexcept {
    const bool by_reset = end.error && !is_reason(end.error);
    if (client_gone_ && client_reset_cancels()) return abort(abort_at::handle);
    if (by_reset) return abort(eof_ || whole_frame_ ? abort_at::reply : abort_at::read);
    if (end.reply_late && end.error == reason::too_slow) return abort(reason::too_slow);
    if (end.reply_late) return abort(abort_at::reply);
    // The handler knows whether anything was sent on. If it has an answer, all was.
    if (end.error == reason::draining && !end.reply_begun)
        return refuse(end.handler.refused ? end.handler.why : reason::upstream_incomplete);
    if (end.error) return refuse_or_abort(to_reason(end.error), end.reply_begun);
    if (end.handler.refused) return refuse_or_abort(end.handler.why, end.reply_begun);
    if (client_gone_) return abort(abort_at::reply);
    receipt_ = end.handler.receipt;
    if (receipt_ && end.reply_begun) return abort(reason::internal); // a part of an answer is out
    if (!end.reply_follows) kind_ = kind::replied;
}

// A client that has a part of an answer must not take it, or a line behind it, for the whole.
void outcome::refuse_or_abort(reason why, bool reply_begun) noexcept {
    if (reply_begun)
        abort(why);
    else
        refuse(why);
}

void outcome::reply_ended(const reply_end& end) noexcept {
    if (end.connection_failed) return abort(abort_at::reply);
    if (!end.error) {
        kind_ = receipt_ ? kind::queued : kind::replied;
        return;
    }
    // A refusal can still be read. But the work was done, and `draining` would ask for it again.
    if (!end.begun && end.stopped)
        return refuse(receipt_ ? reason::queue_failed : reason::upstream_incomplete);
    if (!end.begun && end.error == reason::spill_failed) return refuse(reason::spill_failed);
    if (end.error == reason::too_slow) return abort(reason::too_slow);
    abort(abort_at::reply); // a cut reply must not look complete
}

std::string_view outcome::word() const noexcept {
    switch (kind_) {
    case kind::replied:
        return "replied";
    case kind::queued:
        return "queued";
    case kind::aborted:
        return "aborted";
    case kind::probe:
        return "probe";
    case kind::undecided: // an exception cut the exchange
    case kind::refused:
        break;
    }
    return "refused";
}

std::string_view outcome::reason_word() const noexcept {
    if (kind_ == kind::refused || kind_ == kind::undecided) return to_string(why_);
    switch (aborted_at_) {
    case abort_at::read:
        return "aborted_read";
    case abort_at::handle:
        return "aborted_handle";
    case abort_at::reply:
        return "aborted_reply";
    case abort_at::by_reason:
        return to_string(why_);
    case abort_at::none:
        break;
    }
    return {};
}

outcome::farewell outcome::say(bool can_speak, bool tls_broken) const noexcept {
    if (http_probe_) return farewell::http_ok;
    if (keeps_connection()) return farewell::nothing;
    // It was answered early, or it is the last that this connection gets.
    if (is_answered() && lingers()) return farewell::fin;
    if (kind_ == kind::aborted && tls_broken) return farewell::alert;
    if (kind_ != kind::refused || denied_) return farewell::nothing;
    if (on_refusal_ == refusal_style::reset)
        return follows_ && can_speak ? farewell::wait : farewell::nothing;
    if (on_refusal_ == refusal_style::close) return farewell::fin;
    if (!no_refusal_line_ && can_speak) return farewell::line;
    return speaks_tls_ ? farewell::alert : farewell::nothing;
}

bool outcome::is_followed() const noexcept {
    if (last_ || eof_ || client_gone_) return false;
    return is_answered() || (kind_ == kind::refused && told_);
}

outcome::ending outcome::end() const noexcept {
    if (kind_ == kind::aborted || kind_ == kind::undecided) return ending::reset;
    // To be closed without a word is what `close` asks for.
    if (kind_ == kind::refused && on_refusal_ == refusal_style::close) return ending::fin;
    return fin_would_lie_ ? ending::reset : ending::fin;
}

bool outcome::cut_by_stop(bool stopped, std::uint64_t bytes) const noexcept {
    const bool unfinished = kind_ == kind::aborted ||
                            (kind_ == kind::refused &&
                             (why_ == reason::draining || why_ == reason::upstream_incomplete));
    return unfinished && bytes > 0 && stopped;
}

} // namespace finpost::detail
