#pragma once

#include "net/unique_fd.hpp"
#include "policy/admission.hpp"
#include "session/preamble.hpp"
#include "session/session_registry.hpp"

#include "finpost/endpoint.hpp"
#include "finpost/error.hpp"
#include "finpost/exchange_deadline.hpp"

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace finpost {
struct metrics;
}

namespace finpost::detail {

/// A connection that was accepted, and is counted so. Its end is counted as well: unless a session
/// or an early refusal takes it over, it is refused as `internal`, and reset by the listening
/// socket's `reset_on_close`.
class accepted_socket {
public:
    accepted_socket(unique_fd descriptor, metrics& counters) noexcept;
    accepted_socket(accepted_socket&& other) noexcept
        : fd_(std::move(other.fd_)), counters_(std::exchange(other.counters_, nullptr)) {}
    ~accepted_socket();

    int fd() const noexcept { return fd_.get(); }
    /// The caller owns the descriptor and counts the end from now on.
    int hand_over() noexcept {
        counters_ = nullptr;
        return fd_.release();
    }

private:
    unique_fd fd_;
    metrics* counters_;
};

/// One client's connection as the listener hands it over.
class accepted_client {
public:
    accepted_client(accepted_socket connection, socket_address peer_address,
                    socket_address local_address, admission::permit held,
                    session_registry& registry, std::optional<reason> refused)
        : socket(std::move(connection)), v6(peer_address.is_v6()), peer(peer_address),
          local(local_address), permit(std::move(held)), keeps_open(registry), refusal(refused),
          at(exchange_deadline::clock::now()) {}

    accepted_socket socket; // until there is a session
    bool v6;                // the socket
    socket_address peer;
    socket_address local;
    std::string tls_peer_name; // in its verified certificate; empty without one
    admission::permit permit;
    session_registry::keep_alive keeps_open; // until there is a session
    std::optional<reason> refusal;           // known before a byte was read
    exchange_deadline::clock::time_point at;
    std::unique_ptr<finpost::detail::preamble> preamble; // null when the payload begins at once
};

} // namespace finpost::detail
