#pragma once

#include "transfer.hpp"

#include "finpost/export.hpp"
#include "finpost/tls_context.hpp"

#include <memory>
#include <span>
#include <string>
#include <string_view>

struct ssl_st;         // OpenSSL's SSL
struct ssl_session_st; // and its SSL_SESSION

namespace finpost::detail {

/// What a later connection of a client to the same server may go on from, without the cost of
/// certificates. A handle: copies share it; safe to use from several threads. Good for the context
/// it came from only.
class tls_session {
public:
    tls_session() noexcept = default;
    explicit operator bool() const noexcept { return state_ != nullptr; }

private:
    friend class tls_connection;
    std::shared_ptr<ssl_session_st> state_;
};

/// TLS on a connected TCP socket, one step at a time: each call does what the socket allows now and
/// says what to wait for. It never blocks, never raises SIGPIPE, and belongs to one strand. Reading
/// and writing may be under way at the same time; a step that has to wait is repeated with the same
/// or more data.
///
/// The end of each direction is its `close_notify` (RFC 8446 §6.1). A FIN or RST without it is
/// `reason::tls_truncated` or a reset, never an end. After a truncation the other direction still
/// works.
class tls_connection {
public:
    enum class role { client, server };

    /// `fd` stays the caller's and outlives this object. For a client `name` is the host it means
    /// to talk to, unless the context has a `server_name`; its subjectAltName must have it (RFC
    /// 9525).
    FINPOST_EXPORT tls_connection(const tls_context& context, role as, int fd,
                                  std::string_view name = {});

    /// Agrees on keys, and verifies the peer. The error is `reason::tls_handshake` or the socket's;
    /// `failure` says more.
    FINPOST_EXPORT transfer handshake();

    /// `ended` is the peer's close_notify. With TLS 1.3 a server may reject a client's certificate
    /// as late as here: `reason::tls_handshake`.
    FINPOST_EXPORT transfer read_some(std::span<std::byte> buffer);
    /// Says what `read_some` would say, gives the same bytes, and takes nothing.
    FINPOST_EXPORT transfer peek(std::span<std::byte> buffer);
    /// Whether anything was taken from the socket that `read_some` has not given yet, be it half a
    /// record.
    FINPOST_EXPORT bool holds_input() const noexcept;
    /// Takes at least one byte of `data`, or says what to wait for.
    FINPOST_EXPORT transfer write_some(std::span<const std::byte> data);
    /// Ends this side's direction; reading goes on. Success means that the alert is in the kernel's
    /// hands. Not to be called again after that.
    FINPOST_EXPORT transfer close_notify();

    /// Why the last step failed, in words for people and logs; empty when the error itself says it
    /// all.
    const std::string& failure() const noexcept { return failure_; }

    /// Whether it was made from that context.
    FINPOST_EXPORT bool uses(const tls_context& context) const noexcept;

    /// A client's, before its handshake: to go on from that session if the server agrees.
    FINPOST_EXPORT void resume(const tls_session& from);
    /// A client's, once something was read (in TLS 1.3 it comes behind the handshake): what a later
    /// connection may resume; none when the server offers nothing.
    FINPOST_EXPORT tls_session session() const;

    FINPOST_EXPORT tls_description description() const;

    /// The name in the certificate of a peer that was verified: its first DNS name, else its common
    /// name. Whatever is not in `[!-~]`, and the percent sign, is percent-encoded. Empty without a
    /// verified certificate, and when the name holds a NUL or is longer than 255 bytes.
    FINPOST_EXPORT std::string peer_name() const;

private:
    struct freeing {
        FINPOST_EXPORT void operator()(ssl_st* one) const noexcept;
    };
    void set_peer(std::string_view name);
    transfer judge(int returned);
    error_code judge_end();
    error_code judge_failure();
    error_code judge_silence() noexcept;

    std::unique_ptr<ssl_st, freeing> ssl_;
    std::string failure_;
    bool agreed_ = false; // OpenSSL forgets it after a failure
};

} // namespace finpost::detail
