#pragma once

#include "client_socket.hpp"
#include "policy/admission.hpp"
#include "session_gate.hpp"
#include "unique_fd.hpp"

#include "finpost/config.hpp"
#include "finpost/handler.hpp"
#include "finpost/logger.hpp"
#include "finpost/watchdog.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/strand.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace finpost {

class buffer_budget;
struct metrics;

/// What every session of a gateway uses, and nobody changes while it runs.
struct session_context {
    const gateway_config& config;
    const handler& answer;
    metrics& counters;
    const logger& log;
    buffer_budget& budget;
    session_gate& gate;
};

/// One client's connection as the listener hands it over.
class accepted_client {
public:
    accepted_client(unique_fd descriptor, socket_address peer_address, socket_address local_address,
                    admission::permit held, session_gate& gate, std::optional<reason> refused)
        : fd(std::move(descriptor)), peer(peer_address), local(local_address), permit(std::move(held)),
          announced(gate), refusal(refused), at(watchdog::clock::now()) {}

    unique_fd fd; // until a session takes it over
    socket_address peer;
    socket_address local;
    admission::permit permit;
    session_gate::hold announced; // until there is a session
    std::optional<reason> refusal; // known before a byte was read
    watchdog::clock::time_point at;
};

/// One accepted TCP connection and its exchange. It lives in the frame of `serve` and on its strand.
class session final : private gated {
public:
    session(const session_context& context, boost::asio::any_io_executor strand,
            accepted_client client);
    ~session();

    /// The whole product: receive, decode, handle, encode, reply.
    boost::asio::awaitable<void> run();

private:
    enum class outcome { none, replied, refused, aborted, probe };

    bool admitted();
    void received(error_code ended);
    void decode();
    boost::asio::awaitable<void> handle();
    void encode();
    bool send_reply_at_once();
    boost::asio::awaitable<void> send_rest_of_reply();
    void replied(error_code failed);
    boost::asio::awaitable<void> send_refusal();

    bool undecided() const noexcept { return outcome_ == outcome::none; }
    void refuse(reason why);
    void abort(std::string_view why);
    void watch_for_reset();
    void close() noexcept;
    void record() noexcept;
    std::string_view outcome_word() const noexcept;
    void write_access_line();

    watchdog& dog() noexcept override { return dog_; }
    void on_drain() override;

    const session_context& context_;
    accepted_client client_;
    watchdog dog_;
    client_socket socket_;
    request_id id_;
    payload payload_;
    reply answer_;
    outcome outcome_ = outcome::none;
    reason why_ = reason::internal;
    std::string_view aborted_why_;
    bool eof_ = false;         // the client has half-closed
    bool client_gone_ = false; // it has reset the connection since
    bool recorded_ = false;    // counted and logged
    std::size_t received_ = 0;
    std::size_t written_ = 0;
    watchdog::clock::time_point received_at_, answered_at_;
    std::shared_ptr<session*> reset_watch_; // null inside once the handler has returned
    session_gate::pass pass_;               // last: the gate sees a complete session
};

/// Runs a session from accept to close; `owner` keeps the context alive.
boost::asio::awaitable<void> serve(std::shared_ptr<const session_context> context,
                                   boost::asio::any_io_executor strand, accepted_client client);

} // namespace finpost
