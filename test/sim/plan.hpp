// One schedule as plain data: what is drawn from a seed, printed when it fails, shrunk, and read
// again.
#pragma once

#include "sim/kernel.hpp"

#include <array>
#include <cstdint>
#include <iosfwd>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::sim {

constexpr std::uint64_t everything = std::numeric_limits<std::uint64_t>::max();

enum class client_kind {
    good,             ///< sends all, half-closes, reads to the end
    probe,            ///< half-closes without a byte
    probe_reset,      ///< resets without a byte
    reset_before_fin, ///< resets in the middle of its payload
    reset_after_fin,
    close_after_fin, ///< and reads nothing
    silent,          ///< sends a part and then nothing more
    never_reads,     ///< for two minutes
    close_unread,    ///< closes after a part of the reply
    foreign,         ///< an HTTP request of a health check
    no_header,       ///< no PROXY header, though it is a proxy
    in_preamble,     ///< sends a part of its PROXY header or of TLS, and then nothing more
    fin_in_frame,    ///< half-closes after a part of its frames; without frames a good one
};
enum class framing { sized, chunked, until_close };
enum class act_kind { drain, stop, reload };
enum class style { line, close, reset };
/// Where a payload ends; each one's name is the gateway's own.
enum class frame_form {
    eof,
    line,
    crlf,
    bars,
    stx_etx,
    stx_etx_lrc,
    stx_etx_sum,
    mllp,
    u8,
    u16be,
    u16le,
    u32be,
    u32le,
    u8_inclusive,
    u16be_inclusive,
    u32le_inclusive,
    ascii_4,
    ascii_6,
    netstring,
    fixed_64,
    fixed_4kib,
    idle
};
enum class tail { automatic, accept, refuse };
enum class reply_frame { same, none, line, netstring };
/// When its client is told: with the service's answer, once it is stored, or the one and else the
/// other.
enum class delivery_form { relay, queue, fallback };
enum class reply_form { body, status, json, ack_nak, hl7 };
/// What is wrong in a client's frames, where its framing can show it.
enum class slip {
    none,
    junk,     ///< bytes between two frames
    damaged,  ///< a wrong checksum, a letter in a length, no comma
    oversize, ///< a payload above `max_payload`
    length    ///< a length above it, and no payload
};

/// What the service does with one request.
struct answer {
    framing how = framing::sized;
    unsigned status = 200;
    std::uint64_t interim = 0;         ///< so many 100 before it
    bool bodiless = false;             ///< an error status without a body
    bool nonsense = false;             ///< bytes that are no response
    bool coded = false;                ///< it has a content coding that nobody asked for
    bool resets = false;               ///< in place of an answer
    bool echoes = false;               ///< answers while it reads; a request in chunks only
    bool closes = false;               ///< after it, without having said so
    bool cut_by_reset = false;         ///< as opposed to a FIN
    std::uint64_t reads = everything;  ///< bytes of the body before it answers 413
    std::uint64_t cut_at = everything; ///< bytes of the response
    std::uint64_t extra = 0;           ///< bytes behind it that belong to nobody
    nanos extra_after = 0;             ///< and when they come
    std::uint64_t piece = everything;  ///< bytes a send
    nanos waits = 0, pause = 0,
          lingers = 0; ///< before it; between pieces at the most; before a cut
    bool operator==(const answer&) const = default;
};

struct client_plan {
    client_kind kind = client_kind::good;
    std::uint64_t size = 10, seed = 0;
    nanos begins = 0, waits = 0;     ///< when it connects; from then to its first byte
    nanos pause = 0, read_pause = 0; ///< between its sends, between its reads, at the most
    nanos leaves_after = 0;
    std::uint64_t stop_at = 0;     ///< bytes that it sends, of those that do not send all
    std::uint64_t piece = 1 << 20; ///< bytes a send at the most
    std::uint64_t receive_buffer = 64 << 10;
    bool bad_text = false;          ///< one byte that is no Base64
    bool header_in_payload = false; ///< a PROXY header, of one that is no proxy
    std::uint64_t door = 0; ///< 1: the address that reloads bring and take; 2: the second group's
    bool forgets = false;   ///< its system drops what it has received when a RST comes
    // Of a listener with frames.
    std::uint64_t frames = 1, heartbeats = 0; ///< that it sends; before each frame
    bool in_turn = false;                     ///< waits for each answer before the next frame
    bool stays = false;                       ///< does not half-close, and waits for the end
    bool blanks = false;                      ///< some payloads are of no bytes
    nanos between = 0;                        ///< behind each frame and each heartbeat
    slip wrong = slip::none;
    std::uint64_t wrong_at = 0; ///< before or in which frame
    /// What the service does with its request, and when it is sent again. Of several requests they
    /// are for every other one.
    answer first, again;
    bool operator==(const client_plan&) const = default;
};

struct act {
    act_kind kind = act_kind::drain;
    nanos at = 0;
    std::uint64_t tick = 0;                                ///< in place of the time
    nanos grace = 0;                                       ///< of a drain
    std::uint64_t max_connections = 0, max_per_source = 0; ///< of a reload; 0: as they were
    bool second_address = false;                           ///< of a reload
    bool moves = false;                 ///< of a reload: the address goes to another group
    bool broken = false, taken = false; ///< of a reload: a rule that cannot be, an address in use
    bool operator==(const act&) const = default;
};

/// The gateway's configuration. Sizes are bytes, times milliseconds.
struct rules_plan {
    std::uint64_t loops = 1;
    bool strands = false, tls = false, proxy = false, base64 = false, cancels = false,
         relays = false, health = false, second_service = false, second_group = false;
    style on_refusal = style::line;
    bool refuses_foreign = false, probes_foreign = false;
    std::uint64_t max_payload = 256 << 10, stream_above = everything, max_buffered = 1 << 30,
                  spill_above = 0, max_connections = 10'000, max_per_source = 0, accept_rate = 0,
                  min_rate = 0, max_handshakes = 1'000, upstream_connections = 4'096,
                  max_reply = 16 << 20;
    std::uint64_t receive_idle = 10'000, receive_total = 60'000, reply_total = 30'000,
                  linger = 2'000, handshake = 5'000, connect = 3'000, total = 30'000,
                  keep_alive = 4'000, health_every = 5'000;
    frame_form frame = frame_form::eof;
    sim::tail frame_tail = sim::tail::automatic;
    sim::reply_frame replies = sim::reply_frame::same;
    reply_form form = reply_form::body;
    std::uint64_t max_exchanges = 0, between = 300'000;
    delivery_form delivery = delivery_form::relay;
    std::uint64_t queue_timeout = 10'000, retry_for = 20'000, deliveries = 8;
    std::uint64_t slow_commits = 0, failed_commits = 0, full_commits = 0; ///< in a hundred
    bool operator==(const rules_plan&) const = default;
};

struct service_plan {
    nanos patience = 0;           ///< with an idle connection, at the most; 0: it never closes one
    nanos down_at = 0, up_at = 0; ///< it restarts; 0: it does not
    bool all_down = false;        ///< the second one with it
    double unwell = 0;            ///< of its health checks
    bool operator==(const service_plan&) const = default;
};

struct plan {
    std::uint64_t dice = 1; ///< of the kernel
    bool fair = false;      ///< nothing in it excuses a refusal
    nanos few_from = 0, few_until = 0;
    std::uint64_t few = everything; ///< descriptors more than there are, in that time
    hardships hard;
    rules_plan rules;
    service_plan service;
    std::vector<act> acts;
    std::vector<client_plan> clients;
};

/// The schedule of a seed. Swarm testing: each has some of the hardships, none has all of them.
plan draw(std::uint64_t seed);

void print(std::ostream& to, const plan& what);
/// Throws std::invalid_argument that names the line.
plan read_plan(std::istream& from);

/// The rules that a plan can draw by their names, each other value of an enumeration for itself.
const std::vector<std::string>& rule_names();
/// In the order of their names, those that a plan has drawn.
using rule_counts = std::array<std::uint64_t, 96>;
rule_counts drawn_rules(const rules_plan& of);

std::span<const std::string_view> names(client_kind);
std::span<const std::string_view> names(framing);
std::span<const std::string_view> names(act_kind);
std::span<const std::string_view> names(style);
std::span<const std::string_view> names(frame_form);
std::span<const std::string_view> names(tail);
std::span<const std::string_view> names(reply_frame);
std::span<const std::string_view> names(reply_form);
std::span<const std::string_view> names(slip);
std::span<const std::string_view> names(delivery_form);

/// Calls `each(name, field)` for every field of a part, those parts excepted that have fields of
/// their own.
template <class F>
void fields(auto& of, F&& each) requires requires {
    of.cut_by_reset;
}
{
    each("framing", of.how), each("status", of.status), each("interim", of.interim),
        each("bodiless", of.bodiless), each("nonsense", of.nonsense), each("coded", of.coded);
    each("resets", of.resets), each("echoes", of.echoes), each("closes", of.closes),
        each("cut_by_reset", of.cut_by_reset), each("reads", of.reads);
    each("cut_at", of.cut_at), each("extra", of.extra), each("extra_after", of.extra_after),
        each("piece", of.piece), each("waits", of.waits);
    each("pause", of.pause), each("lingers", of.lingers);
}
template <class F>
void fields(auto& of, F&& each) requires requires {
    of.bad_text;
}
{
    each("kind", of.kind), each("size", of.size), each("seed", of.seed), each("begins", of.begins),
        each("waits", of.waits);
    each("pause", of.pause), each("read_pause", of.read_pause),
        each("leaves_after", of.leaves_after), each("stop_at", of.stop_at);
    each("piece", of.piece), each("receive_buffer", of.receive_buffer),
        each("bad_text", of.bad_text);
    each("header_in_payload", of.header_in_payload), each("door", of.door),
        each("forgets", of.forgets);
    each("frames", of.frames), each("heartbeats", of.heartbeats), each("in_turn", of.in_turn);
    each("stays", of.stays), each("blanks", of.blanks), each("between", of.between);
    each("wrong", of.wrong), each("wrong_at", of.wrong_at);
}
template <class F>
void fields(auto& of, F&& each) requires requires {
    of.second_address;
}
{
    each("kind", of.kind), each("at", of.at), each("tick", of.tick), each("grace", of.grace);
    each("max_connections", of.max_connections), each("max_per_source", of.max_per_source);
    each("second_address", of.second_address), each("moves", of.moves);
    each("broken", of.broken), each("taken", of.taken);
}
template <class F>
void fields(auto& of, F&& each) requires requires {
    of.strands;
}
{
    each("loops", of.loops), each("strands", of.strands), each("tls", of.tls),
        each("proxy", of.proxy);
    each("base64", of.base64), each("cancels", of.cancels), each("relays", of.relays),
        each("health", of.health);
    each("second_service", of.second_service), each("second_group", of.second_group),
        each("on_refusal", of.on_refusal);
    each("refuses_foreign", of.refuses_foreign), each("probes_foreign", of.probes_foreign);
    each("max_payload", of.max_payload), each("stream_above", of.stream_above),
        each("max_buffered", of.max_buffered);
    each("spill_above", of.spill_above), each("max_connections", of.max_connections);
    each("max_per_source", of.max_per_source), each("accept_rate", of.accept_rate),
        each("min_rate", of.min_rate);
    each("max_handshakes", of.max_handshakes),
        each("upstream_connections", of.upstream_connections);
    each("max_reply", of.max_reply), each("receive_idle", of.receive_idle),
        each("receive_total", of.receive_total);
    each("reply_total", of.reply_total), each("linger", of.linger), each("handshake", of.handshake);
    each("connect", of.connect), each("total", of.total), each("keep_alive", of.keep_alive);
    each("health_every", of.health_every);
    each("frame", of.frame), each("frame_tail", of.frame_tail), each("replies", of.replies);
    each("form", of.form), each("max_exchanges", of.max_exchanges), each("between", of.between);
    each("delivery", of.delivery), each("queue_timeout", of.queue_timeout);
    each("retry_for", of.retry_for), each("deliveries", of.deliveries);
    each("slow_commits", of.slow_commits), each("failed_commits", of.failed_commits);
    each("full_commits", of.full_commits);
}
template <class F>
void fields(auto& of, F&& each) requires requires {
    of.patience;
}
{
    each("patience", of.patience), each("down_at", of.down_at), each("up_at", of.up_at),
        each("all_down", of.all_down), each("unwell", of.unwell);
}
template <class F>
void fields(auto& of, F&& each) requires requires {
    of.lost_syn;
}
{
    each("fastest", of.fastest), each("slowest", of.slowest), each("late", of.late),
        each("small", of.small);
    each("short_write", of.short_write), each("no_space", of.no_space),
        each("lost_syn", of.lost_syn);
    each("unanswered", of.unanswered), each("stall", of.stall),
        each("accept_fails", of.accept_fails);
    each("socket_fails", of.socket_fails), each("disk_full", of.disk_full),
        each("short_disk", of.short_disk);
    each("disk_error", of.disk_error), each("read_error", of.read_error),
        each("no_file", of.no_file), each("short_read", of.short_read);
    each("send_buffer", of.send_buffer), each("receive_buffer", of.receive_buffer);
    each("allocation_fails_at", of.allocation_fails_at),
        each("allocation_fails_every", of.allocation_fails_every);
    each("dies_at", of.dies_at);
}
template <class F>
void fields(auto& of, F&& each) requires requires {
    of.few_until;
}
{
    each("dice", of.dice), each("fair", of.fair), each("few_from", of.few_from),
        each("few_until", of.few_until);
    each("few", of.few);
}

} // namespace finpost::sim
