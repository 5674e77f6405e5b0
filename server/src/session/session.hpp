#pragma once

#include "net/client_socket.hpp"
#include "net/unique_fd.hpp"
#include "policy/admission.hpp"
#include "policy/buffer_budget.hpp"
#include "session/preamble.hpp"
#include "session/session_registry.hpp"
#include "single_writer_counter.hpp"

#include "finpost/base64.hpp"
#include "finpost/config.hpp"
#include "finpost/exchange_deadline.hpp"
#include "finpost/exchange_stream.hpp"
#include "finpost/handler.hpp"
#include "finpost/logger.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace finpost {

class address_filter;
class client_stream;
class foreign_bytes;
class log_throttle;
class spill_policy;
class upload;
struct metrics;

/// What every session of a listener group uses, and nobody changes while it runs: new rules come in
/// a new context, and a session keeps the one it began with.
struct session_context {
    const gateway_config& config;
    const handler& answer;
    const streaming_handler& streams;
    metrics& counters;
    const logger& log;
    buffer_budget& budget;
    session_registry& registry;
    admission& admits;
    const address_filter& filter;
    const tls_context& tls; // none: plain TCP
    admission& handshakes;  // of clients in their preamble
    bool preambles;         // clients may have one
    const spill_policy& spills;
    log_throttle& foreign_warning; // that payloads of strangers are forwarded
};

/// A connection that was accepted, and counted so. Whatever becomes of it on its way to a session,
/// it has an end that is counted as well: unless a session answers for it, it is reset (the
/// listening socket sees to that), and refused as `internal`.
class arrival {
public:
    arrival(unique_fd descriptor, metrics& counters) noexcept;
    arrival(arrival&& other) noexcept
        : fd_(std::move(other.fd_)), counters_(std::exchange(other.counters_, nullptr)) {}
    ~arrival();

    int fd() const noexcept { return fd_.get(); }
    /// Descriptor and end are somebody else's now.
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
    accepted_client(arrival connection, socket_address peer_address, socket_address local_address,
                    admission::permit held, session_registry& registry,
                    std::optional<reason> refused)
        : came(std::move(connection)), v6(peer_address.is_v6()), peer(peer_address),
          local(local_address), permit(std::move(held)), keeps_open(registry), refusal(refused),
          at(exchange_deadline::clock::now()) {}

    arrival came; // until there is a session
    bool v6;      // the socket
    socket_address peer;
    socket_address local;
    admission::permit permit;
    session_registry::keep_alive keeps_open; // until there is a session
    std::optional<reason> refusal;           // known before a byte was read
    exchange_deadline::clock::time_point at;
    std::unique_ptr<preamble> first; // null when the payload begins at once
};

/// One accepted TCP connection and its exchange. It lives in the frame of `serve` and on its
/// strand.
class session final : private registered {
public:
    session(const session_context& context, boost::asio::any_io_executor strand,
            accepted_client& client);
    ~session();

    /// The whole product: receive, decode, handle, encode, reply; or, for what is streamed, all of
    /// it at once.
    boost::asio::awaitable<void> run();

private:
    enum class outcome { none, replied, refused, aborted, probe };

    bool admitted();
    boost::asio::awaitable<void> run_preamble();
    void identify(const proxy_parser& header);
    void preamble_ended(error_code failed);
    void received(error_code ended, upload& coming);
    bool is_stranger(const foreign_bytes& first);
    void tell_of_stranger(const foreign_bytes& first);
    void decode();
    void log_bad_encoding(const base64::decode_error& error);
    void refuse_text(const base64::decode_error& fault);
    boost::asio::awaitable<void> handle();
    void handler_failed();
    boost::asio::awaitable<void> stream(upload& begun);
    void payload_ended();
    void streamed(const client_stream& both);
    reason why_stopped() const noexcept;
    void refuse_or_cut(reason why, bool begun);
    void encode();
    bool send_reply_at_once();
    error_code write_reply();
    boost::asio::awaitable<void> send_rest_of_reply();
    void replied(error_code failed);
    boost::asio::awaitable<void> send_refusal();
    boost::asio::awaitable<void> answer_look();
    boost::asio::awaitable<void> lingering_close();
    boost::asio::awaitable<void> close_broken_tls();
    void log_handshake(std::string_view what);

    void enter(session_stage stage) noexcept;
    bool undecided() const noexcept { return outcome_ == outcome::none; }
    void refuse(reason why);
    void abort(std::string_view why);
    void watch_for_reset();
    void note_reset() noexcept;
    void close() noexcept;
    void record() noexcept;
    bool aborted_by_stop() const noexcept;
    std::string_view outcome_word() const noexcept;
    void write_access_line();

    exchange_deadline& deadline() noexcept override { return deadline_; }
    void on_drain() override;
    session_view view(exchange_deadline::clock::time_point now) const noexcept override;

    const session_context& context_;
    accepted_client& client_;
    exchange_deadline deadline_;
    client_socket socket_;
    request_id id_;
    std::optional<growth_ticket>
        growth_ticket_; // in the line for memory; a stream's buffers were taken by way of it
    payload payload_;
    reply answer_;
    outcome outcome_ = outcome::none;
    reason why_ = reason::internal;
    std::string_view aborted_why_;
    bool no_refusal_line_ = false; // the client waits for TLS, and would not understand a line
    bool speaks_tls_ = false;      // it has begun to
    bool looked_ = false;          // by an HTTP request, which is answered here
    bool looked_for_head_ = false;
    bool denied_ = false; // by its address, as the proxy tells it
    bool unsaid_ =
        false; // nothing true was said so far, whatever it is counted as: its end must be no FIN
    bool eof_ = false;         // the client has half-closed
    bool client_gone_ = false; // it has reset the connection since
    bool recorded_ = false;    // counted and logged
    bool sampled_ = false;     // the trace is
    bool piecewise_ = false;   // the reply is too large to be sent, or encoded, from memory
    std::atomic<session_stage> stage_{session_stage::receive}; // read by `view` as the counters are
    std::string tls_peer_name_;
    single_writer_counter received_, written_;
    exchange_deadline::clock::time_point received_at_, answered_at_;
    session_registry::registration registration_; // last: the registry sees a complete session
};

/// Runs a session from accept to close. Its completion handler keeps the context: the client's
/// permit goes last, when the coroutine may have let go of it.
boost::asio::awaitable<void> serve(std::shared_ptr<const session_context> context,
                                   boost::asio::any_io_executor strand, accepted_client client);

} // namespace finpost
