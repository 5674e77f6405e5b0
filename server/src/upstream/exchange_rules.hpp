#pragma once

#include "upstream/response_guard.hpp"

#include "finpost/error.hpp"
#include "finpost/result.hpp"
#include "finpost/upstream_config.hpp"

#include <cstddef>

namespace finpost::detail {

/// How far an exchange with an upstream has come.
struct exchange_progress {
    bool sent_before = false; // something of the request went out on an earlier connection
    bool sent = false;        // and something on this one
    bool cut = false;         // the request could not be sent whole
    bool rejected = false;    // the upstream does not take this side's certificate
    int status = 0;           // of the response; zero before it is known
};

/// Gives the guard what a read on the upstream's connection came to, whatever that is.
response_guard::state take_read(response_guard& guard, const result<std::size_t>& read,
                                bool request_is_whole);

/// Whether a read says that the upstream does not take this side's certificate. With TLS 1.3 it
/// says so only after the handshake (RFC 8446 §4.4.3). To be asked before the guard takes the read;
/// an upstream that has answered on this connection before has read the request.
bool rejects_certificate(const result<std::size_t>& read, const response_guard& guard,
                         bool answered_before) noexcept;

/// Whether a request that has failed is sent once more, on a new connection.
///
/// The upstream may close a kept connection just as the request goes out, or say by a 408 that it
/// does (RFC 9110 §15.5.9). Only then, and only while no other byte of a response has come, is the
/// request sent again: once, with the same Idempotency-Key (RFC 9112 §9.3.1, RFC 9110 §9.2.2).
///
/// `repeatable`: the connection was kept, the payload is still here, and there is time left.
bool may_send_again(bool repeatable, error_code failed, int status, bool response_started) noexcept;

/// Whether an endpoint has failed by `why`: no connection, no answer in time, or one that is not
/// acceptable. A status is an answer; what this side lacks or the client wanted is not the
/// endpoint's fault.
bool is_endpoint_failure(error_code why) noexcept;

/// What a client is told that gets no reply because of `why`. Three reasons say that nothing was
/// sent, and that it is safe to try again; they become `upstream_incomplete` when that is not so.
/// What an upstream got that then rejects this side's certificate (TLS 1.3) was read by nobody.
error_code refusal_reason(error_code why, const exchange_progress& progress) noexcept;

/// Whether a response with this status goes to the client; zero is a status not known yet.
bool is_relayed(int status, status_policy on_status) noexcept;

/// Whether a response ends its exchange before the request is sent whole: one that does not go to
/// the client. The upstream need not get the rest.
bool ends_upload(int status, status_policy on_status, bool request_is_whole) noexcept;

} // namespace finpost::detail
