#pragma once

#include "finpost/config.hpp"
#include "finpost/error.hpp"

#include <cstdint>
#include <string_view>

namespace finpost::detail {

class foreign_bytes;

/// Decides what becomes of one exchange, what its client is told, and how the connection ends.
///
/// Plain code: what happened goes in, decisions come out. It has no socket, no clock and no log.
/// The session performs what it decides. Belongs to the session's executor.
class outcome {
public:
    /// What became of the exchange.
    enum class kind : std::uint8_t {
        undecided, ///< it goes on; at its end: an exception cut it, and it is counted as refused
        replied,   ///< the client has its whole reply
        queued,    ///< the client has its receipt: the payload is stored
        refused,   ///< the client gets no reply; `why()` says why
        aborted,   ///< it was cut: the client must not take what it has for an answer
        probe,     ///< the client only looked; not in the access log
    };

    /// What the client is sent before its connection ends.
    enum class farewell : std::uint8_t {
        nothing,
        line,    ///< the refusal's line, then the lingering close
        fin,     ///< nothing but the lingering close
        alert,   ///< a TLS alert, and time to read it
        http_ok, ///< the answer to an HTTP health check, then the lingering close
        wait,    ///< nothing, but it has time to read the replies before a reset
    };

    /// How the connection is closed at last.
    enum class ending : std::uint8_t {
        fin,   ///< FIN: the client may take what it has for the whole
        reset, ///< RST: the client must not take what it has for the whole
    };

    /// How the TLS handshake ended.
    struct handshake_end {
        bool failed;
        bool begun;    ///< a byte of it had come
        bool is_other; ///< the client does not speak TLS
    };

    /// What TLS and the PROXY header came to. `error` is no error when the payload may begin.
    struct preamble_end {
        error_code error;
        bool begun; ///< a byte of it had come
    };

    /// How the payload ended. `error` is no error at its end.
    struct payload_end {
        error_code error;
        std::uint64_t bytes;
        bool bad_encoding;   ///< found on the payload's way to a file
        bool framed = false; ///< its end is a frame's, and not the client's EOF
        bool begun = true;   ///< something of its frame has come
        bool eof = true;     ///< the client's EOF was read; without frames that is its end
    };

    /// What a handler came to.
    struct handler_end {
        bool refused;
        reason why;           ///< meaningful when `refused`
        bool receipt = false; ///< what is written is no answer but a receipt
    };

    /// What a streamed exchange came to, after its handler.
    struct stream_end {
        error_code error; ///< why the stream was ended; none while nothing was wrong
        handler_end handler;
        bool reply_begun; ///< a byte of the reply may be out
        bool reply_late;  ///< the client has not taken the reply in time
        bool reply_follows =
            false; ///< it was collected, or is a receipt: it is still to be written
    };

    /// What writing the reply came to.
    struct reply_end {
        error_code error;
        bool begun;   ///< a byte of it may be out
        bool stopped; ///< the exchange was stopped meanwhile
        bool connection_failed;
    };

    explicit outcome(const gateway_config& config) noexcept
        : on_refusal_(config.on_refusal), foreign_(config.foreign),
          on_client_reset_(config.on_client_reset) {}

    // What happens, in the order of an exchange.

    /// There were others before on the connection, and their replies may not be read yet.
    void follows() noexcept { follows_ = true; }
    /// No other exchange follows on the connection.
    void is_last() noexcept { last_ = true; }
    /// The client waits for a TLS handshake: it would not understand a line.
    void expect_tls() noexcept { no_refusal_line_ = true; }
    /// A rule or a limit refuses the exchange.
    void refuse(reason why) noexcept;
    /// The client's address is denied: it is told nothing.
    void deny() noexcept;
    void handshake_ended(const handshake_end& end) noexcept;
    void preamble_ended(const preamble_end& end) noexcept;
    /// The client's EOF was read.
    void eof() noexcept { eof_ = true; }
    /// The last byte of a streamed payload was read. `framed`: its frame's end is that.
    void stream_complete(bool framed, bool eof) noexcept {
        whole_frame_ = framed;
        eof_ = eof;
    }
    /// `first` says whether the payload is an HTTP request or a TLS ClientHello.
    void payload_ended(const payload_end& end, const foreign_bytes& first) noexcept;
    /// The client has reset the connection. True for the first time.
    bool client_reset() noexcept;
    void handler_ended(const handler_end& end) noexcept;
    void stream_ended(const stream_end& end) noexcept;
    void reply_ended(const reply_end& end) noexcept;
    /// The farewell was sent. `whole`: to its last byte.
    void farewell_sent(bool whole) noexcept {
        fin_would_lie_ = !whole;
        told_ = whole;
    }

    // What follows from it.

    bool undecided() const noexcept { return kind_ == kind::undecided; }
    kind is() const noexcept { return kind_; }
    /// Of a refusal; `internal` before there is one.
    reason why() const noexcept { return why_; }
    /// "replied", "queued", "refused", "aborted" or "probe". What is undecided at its end is
    /// refused.
    std::string_view word() const noexcept;
    /// The reason of a refusal, or why it was aborted; empty without one.
    std::string_view reason_word() const noexcept;

    /// `can_speak`: something can still be said on the connection. `tls_broken`: TLS has failed.
    farewell say(bool can_speak, bool tls_broken) const noexcept;
    /// Of `farewell::http_ok`: it was a HEAD, whose answer has no body.
    bool without_body() const noexcept { return head_request_; }
    /// Whether the client's input has to be drained before the close (RFC 9112 §9.6).
    bool lingers() const noexcept { return !eof_ && !client_gone_ && !pause_; }
    ending end() const noexcept;
    /// Whether the connection carries another exchange: the whole frame of this one was read, and
    /// the client has the whole reply, or the line in place of it.
    bool keeps_connection() const noexcept { return whole_frame_ && is_followed(); }
    /// It ended before its frame has begun.
    bool in_pause() const noexcept { return pause_; }

    bool eof_seen() const noexcept { return eof_; }
    bool client_gone() const noexcept { return client_gone_; }
    /// A client that has gone ends the handler's work as well.
    bool client_reset_cancels() const noexcept {
        return on_client_reset_ == client_reset_policy::cancel;
    }
    /// Whether a stop of the gateway (`stopped`) cut the exchange, of which `bytes` had come.
    bool cut_by_stop(bool stopped, std::uint64_t bytes) const noexcept;

private:
    enum class abort_at : std::uint8_t { none, read, handle, reply, by_reason };

    void abort(abort_at where) noexcept;
    void abort(reason why) noexcept;
    void refuse_or_abort(reason why, bool reply_begun) noexcept;
    bool is_followed() const noexcept;
    bool is_answered() const noexcept { return kind_ == kind::replied || kind_ == kind::queued; }
    bool foreign_ended(const foreign_bytes& first) noexcept;
    void only_looked(const error_code& error) noexcept;
    void pause_ended(const payload_end& end) noexcept;

    const refusal_style on_refusal_;
    const foreign_policy foreign_;
    const client_reset_policy on_client_reset_;
    kind kind_ = kind::undecided;
    reason why_ = reason::internal;
    abort_at aborted_at_ = abort_at::none;
    bool no_refusal_line_ = false;
    bool speaks_tls_ = false;
    bool denied_ = false;
    bool http_probe_ = false, head_request_ = false;
    bool eof_ = false;
    bool receipt_ = false;
    bool follows_ = false;
    bool last_ = false;
    bool pause_ = false;       // between two frames, or before the first
    bool whole_frame_ = false; // it was read to its end, and what follows may be the next
    bool told_ = false;        // the line was written
    bool client_gone_ = false;
    bool fin_would_lie_ = false; // a FIN now would look like an empty reply
};

} // namespace finpost::detail
