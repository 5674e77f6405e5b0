#pragma once

#include "finpost/endpoint.hpp"
#include "finpost/error.hpp"
#include "finpost/payload.hpp"
#include "finpost/request_id.hpp"
#include "finpost/shared_function.hpp"

#include <boost/asio/awaitable.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace finpost {

class exchange_deadline;

namespace detail {
struct delivery_notes;
struct request_access;
} // namespace detail

/// What a request is made of. A gateway fills it in; a test of a handler sets what the handler
/// looks at, and leaves the rest.
struct request_parts {
    /// The whole payload, decoded. Empty when `streamed`.
    payload body = {};
    /// The client's address, and the address it connected to.
    socket_address peer = {};
    socket_address local = {};
    /// Without one given: a new one.
    request_id id = request_id::generate();
    /// Whether the exchange's trace is recorded.
    bool sampled = false;
    /// The name in the client's verified certificate; empty without one.
    std::string tls_peer_name = {};
    /// Whether the payload comes by an `exchange_stream`.
    bool streamed = false;
};

/// One payload, complete and decoded, and where it came from. Movable, not copyable. A large body
/// may be in a file (`payload::spilled`), which `body().bytes()` hides.
///
/// Threads: it belongs to the handler that got it, on the exchange's executor.
/// Lifetime: the body stays valid as long as the request or the payload that it was moved to, and
/// at most until the handler's reply is written.
class request {
public:
    /// `deadline` outlives the request. A test makes one by `exchange_deadline deadline;`, which
    /// never expires by itself.
    request(request_parts parts, exchange_deadline& deadline)
        : parts_(std::move(parts)), deadline_(&deadline) {}

    /// Whether the payload comes by an `exchange_stream` and the body is empty: for a
    /// `streaming_handler` only.
    bool streamed() const noexcept { return parts_.streamed; }

    /// The payload. A handler may change it, and move it into its reply.
    const payload& body() const noexcept { return parts_.body; }
    payload& body() noexcept { return parts_.body; }

    /// The client's address, and the address it connected to: as the PROXY header tells them, where
    /// there is one.
    const socket_address& peer() const noexcept { return parts_.peer; }
    const socket_address& local() const noexcept { return parts_.local; }

    /// The name in the client's verified certificate: visible ASCII, `tls_connection::peer_name`
    /// says how. Empty without one.
    const std::string& tls_peer_name() const noexcept { return parts_.tls_peer_name; }

    /// The same in the refusal line, the log and the HTTP request.
    const request_id& id() const noexcept { return parts_.id; }

    /// Whether the exchange's trace is recorded: `trace_sampled` of the configuration decides.
    bool sampled() const noexcept { return parts_.sampled; }

    /// The exchange's time limit and cancellation. A handler that waits for anything names what
    /// cancels it (`exchange_deadline::on_cancel`) and says how long it may take
    /// (`exchange_deadline::arm`). One that does neither delays the gateway's drain until it
    /// returns by itself. Valid until the handler returns.
    exchange_deadline& deadline() const noexcept { return *deadline_; }

    /// An empty payload to build the reply in, by `payload::write` or `payload::append`. Its memory
    /// counts in the gateway's `max_buffered`. Beyond `spill_above` its bytes go to a file. `write`
    /// fails with `reason::busy` when the memory is used up and there are no files, and with
    /// `reason::spill_failed` when the disk takes no more. For a request that no gateway made it
    /// has the budget of the body, or none.
    payload make_reply_buffer() const noexcept {
        return payload(reply_budget_ != nullptr ? reply_budget_ : parts_.body.budget());
    }

private:
    friend struct detail::request_access;

    request_parts parts_;
    exchange_deadline* deadline_;
    byte_budget* reply_budget_ = nullptr;
    detail::delivery_notes* notes_ = nullptr;
};

/// What a client gets: bytes (none is a valid answer), a receipt, or a refusal with its reason.
/// Movable, not copyable. Not thread safe.
class reply {
public:
    /// The answer; `bytes` are encoded as the gateway's configuration says.
    explicit reply(payload bytes) : bytes_(std::move(bytes)) {}

    /// The same from a copy of `text`: for short answers that are made on the spot. Throws
    /// std::bad_alloc.
    explicit reply(std::string_view text) : bytes_(text) {}
    explicit reply(const char* text) : bytes_(text) {}

    /// The same from `text` itself, without a copy. It counts in no budget, so that large answers
    /// belong into `request::make_reply_buffer`.
    explicit reply(std::string&& text) : bytes_(std::move(text)) {}

    /// No answer, and why: the client gets the line `finpost: <reason> <request id>`, or what
    /// `on_refusal` of the configuration says.
    explicit reply(reason why) : refused_(true), why_(why) {}

    /// No answer yet: the payload is on stable storage, and whoever gives this sees to it that it
    /// is delivered. The client gets the line `finpost: queued <request id>`, or what
    /// `reply_format` and `receipt_template` of the configuration say.
    static reply receipt() {
        reply stored{payload()};
        stored.receipt_ = true;
        return stored;
    }

    bool is_receipt() const noexcept { return receipt_; }
    bool refused() const noexcept { return refused_; }
    /// Meaningful when `refused()`.
    reason why() const noexcept { return why_; }

    /// Empty when `refused()` or `is_receipt()`.
    const payload& bytes() const noexcept { return bytes_; }
    payload& bytes() noexcept { return bytes_; }

    /// For the access log: which endpoint was asked and the HTTP status it gave (0: none).
    reply& from(std::string endpoint, int status) {
        upstream_ = std::move(endpoint);
        status_ = status;
        return *this;
    }
    const std::string& upstream() const noexcept { return upstream_; }
    int status() const noexcept { return status_; }

private:
    payload bytes_;
    bool refused_ = false;
    bool receipt_ = false;
    reason why_ = reason::internal;
    int status_ = 0;
    std::string upstream_;
};

/// Turns a request into a reply: the seam between the TCP side and whatever answers.
///
/// Threads: each call runs on the exchange's executor (`event_loops`). Calls for several sessions
/// overlap, and come from several threads where there are some. What they share is the handler's
/// own business.
/// Completion: the reply is written when the coroutine returns. It may wait for as long as it
/// likes, unless `request::deadline()` is told a limit.
/// Cancellation: by `request::deadline()` only. No cancellation slot of Asio is set in it.
/// Errors: a refusal is a `reply(reason)`. An exception becomes the refusal `internal`.
/// Limits: a large reply is built in `request::make_reply_buffer`, which counts in the gateway's
/// limits.
/// Lifetime: it may be any function object, also one that can only be moved. Copies share it
/// (`shared_function`). It lives as long as the gateway's last session.
using handler = shared_function<boost::asio::awaitable<reply>(request)>;

} // namespace finpost
