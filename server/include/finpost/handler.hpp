#pragma once

#include "finpost/endpoint.hpp"
#include "finpost/error.hpp"
#include "finpost/payload.hpp"
#include "finpost/request_id.hpp"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <string>
#include <utility>

namespace finpost {

class spill_policy;
class exchange_deadline;

/// One payload, complete and decoded, and where it came from. Movable. A large body may be in a
/// file
/// (`payload::spilled`), which `body().bytes()` hides.
class request {
public:
    request(payload body, socket_address peer, socket_address local, request_id id,
            exchange_deadline& deadline, bool sampled = false, std::string tls_peer_name = {},
            bool streamed = false)
        : body_(std::move(body)), peer_(peer), local_(local), id_(id), deadline_(&deadline),
          sampled_(sampled), streamed_(streamed), tls_peer_name_(std::move(tls_peer_name)) {}

    /// Whether the payload comes by an `exchange_stream` and the body is empty: for a
    /// `streaming_handler` only.
    bool streamed() const noexcept { return streamed_; }

    const payload& body() const noexcept { return body_; }
    payload& body() noexcept { return body_; }

    /// The client's address, and the address it connected to: as the PROXY header tells them, where
    /// there is one.
    const socket_address& peer() const noexcept { return peer_; }
    const socket_address& local() const noexcept { return local_; }

    /// The name in the client's verified certificate: visible ASCII, `tls_connection::peer_name`
    /// says how. Empty without one.
    const std::string& tls_peer_name() const noexcept { return tls_peer_name_; }

    /// The same in the refusal line, the log and the HTTP request.
    const request_id& id() const noexcept { return id_; }

    /// Whether the exchange's trace is recorded: `trace_sampled` of the configuration decides.
    bool sampled() const noexcept { return sampled_; }

    /// The exchange's time limit and cancellation. A handler that waits for anything names what
    /// cancels it (`exchange_deadline::on_cancel`) and says how long it may take
    /// (`exchange_deadline::arm`); one that does neither delays the gateway's drain until it
    /// returns by itself. Valid until the handler returns.
    exchange_deadline& deadline() const noexcept { return *deadline_; }

    /// What the gateway's own forwarder asks about replies that are too large for memory; null for
    /// none.
    const spill_policy* spills() const noexcept { return spills_; }
    void spills(const spill_policy* files) noexcept { spills_ = files; }

private:
    payload body_;
    socket_address peer_;
    socket_address local_;
    request_id id_;
    exchange_deadline* deadline_;
    bool sampled_;
    bool streamed_;
    std::string tls_peer_name_;
    const spill_policy* spills_ = nullptr;
};

/// What a client gets: bytes (none is a valid answer), or a refusal with its reason. Movable.
class reply {
public:
    /// The answer; `bytes` are encoded as the gateway's configuration says.
    explicit reply(payload bytes) : bytes_(std::move(bytes)) {}

    /// No answer, and why.
    explicit reply(reason why) : refused_(true), why_(why) {}

    bool refused() const noexcept { return refused_; }
    /// Meaningful when `refused()`.
    reason why() const noexcept { return why_; }

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
    reason why_ = reason::internal;
    int status_ = 0;
    std::string upstream_;
};

/// Turns a request into a reply: the seam between the TCP side and whatever answers.
///
/// It runs on the session's strand and may be called for many sessions at once, from several
/// threads when the executor has them. Buffers it makes for the reply can be taken from the
/// gateway's budget
/// (`payload(request.body().budget())`). An exception becomes the refusal `internal`.
using handler = std::function<boost::asio::awaitable<reply>(request)>;

} // namespace finpost
