// What happened in one schedule: what the invariants judge.
#pragma once

#include "sim/plan.hpp"

#include "finpost/config.hpp"
#include "finpost/endpoint.hpp"
#include "finpost/metrics.hpp"
#include "finpost/request_id.hpp"
#include "finpost/upstream_config.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace finpost::sim {

struct tcp_end;

/// How a connection ended for its client.
enum class ending { none, fin, rst, refused };

/// What peers and the host do, each counted when it is done.
enum class conduct {
    // Clients: first their kinds, in the order of `client_kind`.
    good,
    probe,
    probe_reset,
    reset_before_fin,
    reset_after_fin,
    close_after_fin,
    silent,
    never_reads,
    close_unread,
    foreign,
    no_header,
    in_preamble,
    fin_in_frame,
    bad_text,
    forgets,
    header_in_payload,
    to_second_address,
    to_second_group,
    finds_nobody,
    begins_late,
    pauses,
    reads_slowly,
    small_window,
    further_frames,
    in_turn,
    heartbeats,
    stays,
    blanks,
    pauses_between,
    junk,
    damaged,
    oversize,
    length,
    // The service.
    sized,
    chunked,
    until_close,
    interim,
    interim_without_end,
    bodiless,
    nonsense,
    coded,
    resets,
    resets_early,
    echoes,
    closes,
    early_413,
    status_101,
    status_204,
    status_404,
    status_408,
    status_429,
    status_500,
    cut_by_fin,
    cut_by_reset,
    extra,
    extra_later,
    answers_late,
    in_pieces,
    leaves_idle,
    unwell,
    restarts,
    all_restart,
    // The queue's store.
    slow_commits,
    failed_commits,
    full_commits,
    withdrawn,
    given_up,
    // The host.
    drains,
    stops,
    reloads,
    moves,
    second_address,
    broken_rules,
    address_taken,
    count
};
std::string_view name_of(conduct what);
using conduct_counts = std::array<std::uint64_t, static_cast<std::size_t>(conduct::count)>;

/// What the access log says of an exchange.
struct access_line {
    std::string id, outcome, reason;
};

struct client_history {
    const client_plan* plan = nullptr;
    std::size_t number = 0;
    std::uint16_t port = 0;
    std::string payload;
    std::string sends; ///< the payload as it is on the wire, in TLS what is in the records
    std::vector<std::size_t> ends;  ///< of its frames in that
    std::vector<std::size_t> stops; ///< and of its heartbeats: it may pause there
    // What came of it.
    bool connected = false, fin_sent = false, left = false, ended = false;
    ending how = ending::none;
    std::string got;
    std::size_t sent = 0; ///< of frames
    nanos ended_at = -1, last_read = -1;
    std::vector<std::string> keys; ///< of its requests, as the service saw them
    // At the gateway's kernel: when it was accepted, what has come since when, and its end; -1:
    // not.
    nanos accepted_at = -1, end_came = -1;
    std::vector<std::pair<nanos, std::uint64_t>> arrived; ///< all that had come a moment later
    // By the access log: all of its lines, the last one, and the longest times.
    std::vector<access_line> lines;
    std::string logged, reason;
    double receive_ms = 0, upstream_ms = 0, reply_ms = 0;

    std::string name() const; ///< "client 3 (good)"
    bool is_mild() const { return plan->kind == client_kind::good && connected && !plan->bad_text; }
};

/// A request whose head has reached the service.
struct post {
    std::uint16_t client = 0;
    std::string body, key;
    std::size_t connection = 0;
    nanos at = 0;
    unsigned status = 200; ///< of the answer
    bool complete = false, answered = false, first_on_connection = false, chunked = false;
    bool rejected = false; ///< by a 408
    bool coded = false;    ///< the answer has a content coding
    bool bodiless = false; ///< it is an error status and nothing else
};

/// What was stored, whatever became of it.
struct kept_payload {
    enum class state { waiting, delivered, dead };
    request_id id{std::chrono::milliseconds(0), 0, 0};
    std::string key, listener, upstream, tls_name, body, owner;
    socket_address peer, local;
    std::uint32_t attempts = 0;
    std::int64_t since = 0, due = 0, lease_until = 0; ///< milliseconds
    state is = state::waiting;
};

struct history {
    const sim::plan* plan = nullptr;
    gateway_config rules;
    upstream_config service;
    std::deque<client_history> clients;
    std::deque<post> posts;
    std::deque<kept_payload> kept;
    struct {
        std::uint64_t puts = 0, delivered = 0, dead = 0;
    } acknowledged; ///< by the store
    metrics counters;
    metrics::sessions books{};
    std::vector<std::string> complaints; ///< of the world itself, said while it ran
    nanos took = 0, drain_began = -1, drain_ended = -1, grace = 0;
    std::uint64_t hash = 0, ticks = 0, calls = 0, allocations = 0;
    hardship_counts hits{};
    conduct_counts conducts{};
    std::set<const tcp_end*> until_close; ///< connections on which only the end ends the response
    std::vector<std::pair<nanos, std::uint16_t>> accepts; ///< and on which port
    std::size_t most_preambles = 0;                       ///< at once, of sessions
    std::size_t sessions_left = 0, descriptors_left = 0, over = 0, connections = 0;
    bool stuck = false, killed = false, stopped = false;

    void complain(std::string what) { complaints.push_back(std::move(what)); }
    client_history* of_port(std::uint16_t port);
    std::vector<const post*> posts_of(const client_history& one) const;
    void did(conduct what, bool really = true) {
        conducts[static_cast<std::size_t>(what)] += really;
    }
    nanos now() const { return kernel::current->now; }
    bool any(hardship what) const { return hits[static_cast<std::size_t>(what)] > 0; }
};

/// What the service answers to a payload: never the payload itself, nor empty.
std::string reply_to(std::string_view payload);
std::string base64_of(std::string_view bytes);
/// The bodies of the service's other answers.
constexpr std::string_view too_large_body = "no more", failed_body = "oops";

} // namespace finpost::sim
