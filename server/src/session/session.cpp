#include "session/session.hpp"

#include "net/spill_io.hpp"
#include "policy/address_filter.hpp"
#include "policy/buffer_budget.hpp"
#include "policy/foreign.hpp"
#include "policy/log_throttle.hpp"
#include "policy/spill_policy.hpp"
#include "session/client_stream.hpp"
#include "session/payload_text.hpp"
#include "session/receive.hpp"
#include "session/reply.hpp"
#include "session/reply_in_pieces.hpp"

#include "finpost/base64.hpp"
#include "finpost/metrics.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <exception>
#include <new>
#include <span>

namespace asio = boost::asio;

namespace finpost {

namespace {

// How long a handler works before the client is watched for a reset. Most have answered by then,
// and the watch costs an exchange more than anything else in here: a registration and a system
// call.
constexpr std::chrono::milliseconds watched_after{100};

double milliseconds(exchange_deadline::clock::duration span) {
    return std::chrono::duration<double, std::milli>(span).count();
}

} // namespace

asio::awaitable<void> serve(std::shared_ptr<const session_context> context,
                            asio::any_io_executor strand, accepted_client client) {
    session one(*context, strand, client);
    co_await one.run();
}

arrival::arrival(unique_fd descriptor, metrics& counters) noexcept
    : fd_(std::move(descriptor)), counters_(&counters) {
    counters_->accepted.add();
}

arrival::~arrival() {
    if (counters_ == nullptr) return;
    counters_->refused_for(reason::internal).add();
}

session::session(const session_context& context, asio::any_io_executor strand,
                 accepted_client& client)
    : context_(context), client_(client), deadline_(&context.registry), socket_(strand, client_.v6),
      id_(request_id::generate()), payload_(&context.budget), answer_(reason::internal),
      received_at_(client_.at), answered_at_(client_.at),
      registration_(context.registry, strand, *this) {
    socket_.take(client_.came.hand_over());
    client_.keeps_open.release();
    no_refusal_line_ = client_.first && client_.first->tls;
    sampled_ = id_.sampled(context_.config.trace_sampled);
}

session::~session() {
    close();
    // Before the registry counts one session less: whoever waits for the last one to end, and then
    // drops the counters, finds every buffer given back.
    payload_ = payload();
    answer_ = reply(reason::internal);
    growth_ticket_.reset();
}

asio::awaitable<void> session::run() {
    if (admitted() && client_.first) co_await run_preamble();
    if (undecided()) {
        upload coming(payload_, received_, context_.budget, context_.spills, growth_ticket_);
        error_code ended = co_await receive(socket_, coming, context_.config, deadline_);
        if (ended == asio::error::in_progress) tell_of_stranger(coming.first);
        if (ended == asio::error::in_progress)
            co_await stream(coming);
        else
            received(ended, coming);
    }
    decode();
    if (undecided()) co_await handle();
    encode();
    if (!send_reply_at_once()) co_await send_rest_of_reply();
    if (outcome_ == outcome::refused) co_await send_refusal();
    if (looked_) co_await answer_look();
    if (outcome_ == outcome::aborted && !socket_.failure().empty()) co_await close_broken_tls();
    close();
}

bool session::admitted() {
    if (context_.log.enabled(log_level::debug)) {
        const std::string peer = to_string(client_.peer);
        const std::string local = to_string(client_.local);
        context_.log(log_level::debug, "accepted",
                     {{"id", id_.text()},
                      {"family", client_.peer.is_v6() ? "AF_INET6" : "AF_INET"},
                      {"type", "SOCK_STREAM"},
                      {"local", local},
                      {"remote", peer}});
    }
    if (client_.refusal) refuse(*client_.refusal);
    return undecided();
}

// What is due before the payload. Somebody who goes without a word is a probe, here as well.
asio::awaitable<void> session::run_preamble() {
    enter(session_stage::handshake);
    preamble& first = *client_.first;
    error_code failed;
    if (first.header) {
        failed =
            co_await read_proxy_header(socket_, first, context_.config.proxy_protocol, deadline_);
        if (!failed) identify(*first.header);
    }
    if (!failed && undecided() && first.tls) {
        failed = co_await handshake(socket_, first, context_.config.tls_handshake, deadline_);
        no_refusal_line_ = failed && !first.is_other; // who does not speak TLS understands a line
        speaks_tls_ = first.begun && !first.is_other;
        if (!failed) tls_peer_name_ = socket_.peer_name();
    }
    preamble_ended(failed);
    client_.first.reset(); // others may come in now
    received_at_ = exchange_deadline::clock::now();
    enter(session_stage::receive);
}

// From here on the client is whom the proxy speaks for. Where it does not say whom, it stands for
// itself.
void session::identify(const proxy_parser& header) {
    if (header.whose() == proxy_parser::subject::proxy)
        return; // it only looks, and was let in by name
    if (header.whose() == proxy_parser::subject::client) {
        if (context_.log.enabled(log_level::debug)) {
            const std::string proxy = to_string(client_.peer);
            const std::string peer = to_string(header.source());
            context_.log(log_level::debug, "proxied",
                         {{"id", id_.text()}, {"peer", peer}, {"proxy", proxy}});
        }
        registration_.change([&] {
            client_.peer = header.source();
            client_.local = header.destination();
        });
    }
    denied_ = !context_.filter.admits(client_.peer);
    if (denied_)
        refuse(reason::denied);
    else if (!context_.admits.admit_source(client_.permit, client_.peer))
        refuse(reason::busy);
}

void session::preamble_ended(error_code failed) {
    if (!failed) return;
    const bool refusable = failed.category() == reason_category();
    if (!client_.first->begun && !refusable) {
        outcome_ = outcome::probe; // the client has ended it, not a limit
    } else if (!refusable) {
        abort("aborted_read");
    } else {
        refuse(to_reason(failed));
        if (failed == reason::draining) return;
        const bool header = failed == reason::proxy_protocol;
        std::string_view what = header ? client_.first->header->fault() : socket_.failure();
        if (client_.first->is_other) what = "the other side does not speak TLS";
        if (what.empty()) what = deadline_.error() ? "it took too long" : "it ended too early";
        log_handshake(what);
    }
}

void session::log_handshake(std::string_view what) {
    const std::string peer = to_string(client_.peer);
    context_.log(log_level::info, "handshake failed",
                 {{"id", id_.text()}, {"peer", peer}, {"reason", to_string(why_)}, {"what", what}});
}

void session::received(error_code ended, upload& coming) {
    received_at_ = exchange_deadline::clock::now();
    eof_ = !ended;
    context_.counters.payload_bytes.add(received_.value());
    const bool refusable = ended.category() == reason_category();
    if (eof_) coming.first.finish();
    // Who is only late must not take the end for an answer: a probe is what the client itself has
    // ended.
    const bool by_client = !refusable || ended == reason::tls_truncated;
    if (received_.value() == 0 && by_client)
        outcome_ = outcome::probe;
    else if (coming.fault)
        refuse_text(*coming.fault);
    else if ((eof_ || ended == reason::foreign) && is_stranger(coming.first))
        return;
    else if (refusable && ended)
        refuse(to_reason(ended));
    else if (ended)
        abort("aborted_read");
    // Somebody between here and the client may have cut all of it: no end that could be taken for a
    // reply.
    const bool gives_up = context_.config.on_refusal == refusal_style::close;
    if (ended == reason::tls_truncated && outcome_ == outcome::probe && !gives_up) unsaid_ = true;
}

// Whether it is somebody's health check or scan, and is dealt with as such.
bool session::is_stranger(const foreign_bytes& first) {
    if (!first.is_foreign()) return false;
    if (context_.config.foreign == foreign_policy::forward) {
        tell_of_stranger(first);
        return false;
    }
    const auto kind = first.is();
    if (context_.config.foreign == foreign_policy::refuse || kind == foreign_bytes::kind::request) {
        refuse(reason::foreign);
        return true;
    }
    outcome_ = outcome::probe;
    payload_ = payload();
    looked_ = kind == foreign_bytes::kind::look;
    looked_for_head_ = first.is_head();
    // A hello waits for another kind of answer, and no end of this one would be true.
    unsaid_ = !looked_ && context_.config.on_refusal != refusal_style::close;
    return true;
}

void session::tell_of_stranger(const foreign_bytes& first) {
    if (!first.is_foreign() || context_.config.decode != codec::none) return;
    if (!context_.foreign_warning.is_due(exchange_deadline::clock::now())) return;
    const std::string peer = to_string(client_.peer);
    const bool hello = first.is() == foreign_bytes::kind::hello;
    context_.log(log_level::warning, "foreign payload",
                 {{"id", id_.text()},
                  {"peer", peer},
                  {"what", hello ? "a TLS ClientHello is forwarded as a payload: see --foreign"
                                 : "an HTTP request is forwarded as a payload: see --foreign"}});
}

void session::decode() {
    const gateway_config& config = context_.config;
    if (!undecided() || (config.decode == codec::none && config.trim == trimming::none)) return;
    if (!payload_.spilled()) { // else it was trimmed and decoded on its way
        static_cast<void>(trim_end(payload_, config.trim)); // memory cannot fail
        if (config.decode == codec::none) return payload_.empty() ? refuse(reason::empty) : void();
        const auto decoded = base64::decode(payload_.bytes(), payload_.data(), config.base64);
        if (decoded.error) return refuse_text(*decoded.error);
        payload_.truncate(decoded.size);
    }
    if (payload_.empty()) refuse(reason::empty);
}

void session::refuse_text(const base64::decode_error& fault) {
    log_bad_encoding(fault);
    refuse(reason::bad_encoding);
}

void session::log_bad_encoding(const base64::decode_error& error) {
    context_.log(log_level::debug, "bad encoding",
                 {{"id", id_.text()},
                  {"cause", error.cause},
                  {"offset", static_cast<std::int64_t>(error.offset)}});
}

asio::awaitable<void> session::handle() {
    enter(session_stage::handle);
    const exchange_deadline::call_at late(deadline_, received_at_ + watched_after,
                                          [this] { watch_for_reset(); });
    request asked(std::move(payload_), client_.peer, client_.local, id_, deadline_, sampled_,
                  std::move(tls_peer_name_));
    asked.spills(&context_.spills);
    try {
        deadline_.disarm(); // the handler says itself how long it may take
        reply given = co_await context_.answer(std::move(asked));
        answer_ = std::move(given);
    } catch (...) {
        handler_failed();
    }
    deadline_.disarm();
    socket_.ignore_reset();
    answered_at_ = exchange_deadline::clock::now();
    context_.counters.upstream_seconds.record(answered_at_ - received_at_);
    const bool finishes = context_.config.on_client_reset == client_reset_policy::finish;
    if (client_gone_ && !finishes)
        abort("aborted_handle");
    else if (answer_.refused())
        refuse(answer_.why());
    else if (client_gone_)
        abort("aborted_reply");
}

// In a catch block.
void session::handler_failed() {
    try {
        throw;
    } catch (const std::exception& bug) {
        context_.log(log_level::error, "handler failed",
                     {{"id", id_.text()}, {"what", bug.what()}});
    } catch (...) {
        context_.log(log_level::error, "handler failed", {{"id", id_.text()}, {"what", "unknown"}});
    }
}

// All steps from here to the reply at once, for a payload that does not end soon.
asio::awaitable<void> session::stream(upload& begun) {
    enter(session_stage::stream);
    client_stream::beginning start(std::move(payload_), received_at_, begun.paused,
                                   [this] { payload_ended(); });
    start.ticket = &*begun.ticket;
    client_stream both(socket_, received_, written_, context_.config, deadline_, std::move(start));
    request asked(payload(&*begun.ticket), client_.peer, client_.local, id_, deadline_, sampled_,
                  std::move(tls_peer_name_), true);
    asked.spills(&context_.spills);
    try {
        deadline_.disarm(); // until a client or an upstream is waited for
        reply given = co_await context_.streams(std::move(asked), both);
        answer_ = std::move(given);
    } catch (...) {
        handler_failed();
    }
    both.on_cancel({}); // what the handler had is gone
    both.limit(exchange_deadline::clock::time_point::max(), reason::internal);
    if (!answer_.refused()) co_await both.finish(answer_.bytes().bytes());
    deadline_.disarm();
    streamed(both);
    if (outcome_ == outcome::replied) co_await lingering_close();
}

void session::payload_ended() {
    eof_ = true;
    received_at_ = exchange_deadline::clock::now();
    watch_for_reset();
}

void session::streamed(const client_stream& both) {
    socket_.ignore_reset();
    answered_at_ = exchange_deadline::clock::now();
    if (!eof_) received_at_ = answered_at_;
    context_.counters.payload_bytes.add(received_.value());
    context_.counters.reply_bytes.add(written_.value());
    context_.counters.upstream_seconds.record(answered_at_ - received_at_);
    if (both.bad_encoding()) log_bad_encoding(*both.bad_encoding());
    const bool begun = written_.value() > 0 || socket_.mid_write();
    const error_code failed = both.error();
    const bool by_reset = failed && failed.category() != reason_category();
    const bool finishes = context_.config.on_client_reset == client_reset_policy::finish;
    if (eof_ && (by_reset || both.gone())) note_reset();
    if (client_gone_ && !finishes)
        abort("aborted_handle");
    else if (by_reset)
        abort(eof_ ? "aborted_reply" : "aborted_read");
    else if (both.reply_late())
        abort(failed == reason::too_slow ? to_string(reason::too_slow) : "aborted_reply");
    else if (failed == reason::draining && !begun)
        refuse(why_stopped());
    else if (failed || answer_.refused())
        refuse_or_cut(failed ? to_reason(failed) : answer_.why(), begun);
    else if (client_gone_)
        abort("aborted_reply");
    else
        outcome_ = outcome::replied;
}

// The handler knows whether anything was sent on; if it has an answer already, all was.
reason session::why_stopped() const noexcept {
    return answer_.refused() ? answer_.why() : reason::upstream_incomplete;
}

// Who has a part of an answer must not take it, or a line behind it, for the whole.
void session::refuse_or_cut(reason why, bool begun) {
    if (begun)
        abort(to_string(why));
    else
        refuse(why);
}

void session::encode() {
    if (!undecided()) return;
    payload& bytes = answer_.bytes();
    piecewise_ = bytes.spilled();
    if (piecewise_ || context_.config.encode == codec::none) return;
    payload text(&context_.budget);
    const std::size_t size = base64::encoded_size(bytes.size());
    piecewise_ = context_.spills.takes(size) || !text.reserve(size);
    if (piecewise_) return; // it is encoded as it is written
    text.commit(base64::encode(bytes.bytes(), reinterpret_cast<char*>(text.writable().data())));
    bytes = std::move(text);
}

// Writes what the kernel takes now.
error_code session::write_reply() {
    if (!piecewise_) return write_at_once(socket_, answer_.bytes().bytes(), written_);
    const error_code failed =
        write_piecewise(socket_, answer_.bytes(), context_.config.encode, written_);
    return is_file_error(failed) ? context_.spills.failed(failed) : failed;
}

// True when nothing is left to send: nearly every reply fits into the kernel's buffer.
bool session::send_reply_at_once() {
    if (!undecided()) return true;
    enter(session_stage::reply);
    const error_code failed = write_reply();
    if (failed == asio::error::would_block) return false;
    replied(failed);
    return true;
}

asio::awaitable<void> session::send_rest_of_reply() {
    const write_step more = [this] { return write_reply(); };
    const write_limits limits(context_.config.reply_total, context_.config.min_rate);
    error_code failed = co_await write_in_steps(socket_, more, limits, deadline_, written_);
    replied(failed);
}

void session::replied(error_code failed) {
    context_.counters.reply_bytes.add(written_.value());
    // A reply of no bytes has no write that would fail.
    const bool gone = failed ? failed.category() != reason_category()
                             : written_.value() == 0 && socket_.was_reset();
    if (gone) {
        note_reset();
        abort("aborted_reply");
    } else if (!failed) {
        outcome_ = outcome::replied;
    } else if (deadline_.stopped() && written_.value() == 0 && !socket_.mid_write()) {
        // Not a byte of the answer is out: a refusal can still be read. But the work was done, and
        // `draining` would ask for it again.
        refuse(reason::upstream_incomplete);
    } else if (failed == reason::spill_failed && written_.value() == 0 && !socket_.mid_write()) {
        refuse(reason::spill_failed);
    } else if (failed == reason::too_slow) {
        abort(to_string(reason::too_slow));
    } else {
        abort("aborted_reply"); // a cut reply must not look complete
    }
}

asio::awaitable<void> session::send_refusal() {
    enter(session_stage::refuse);
    const refusal_style style = context_.config.on_refusal;
    if (style == refusal_style::close) unsaid_ = false; // that is what was asked for
    if (style == refusal_style::reset || denied_) co_return;
    if (style == refusal_style::line && (no_refusal_line_ || !socket_.can_speak())) {
        if (speaks_tls_) co_await close_broken_tls();
        co_return;
    }
    if (style == refusal_style::line) {
        const std::string line = refusal_line(why_, id_);
        const auto data = std::as_bytes(std::span(line));
        const write_limits limits(context_.config.lingering_close);
        error_code failed = co_await write_all(socket_, data, limits, deadline_, written_);
        if (failed && failed.category() != reason_category()) note_reset();
        unsaid_ = failed.failed(); // a part of the line would be an answer
    }
    if (!unsaid_) co_await lingering_close();
}

// Of a TLS client that could not be talked to: an alert has said so, and a reset follows once it
// could be read. A FIN would tell those who do not understand the alert that this was all.
asio::awaitable<void> session::close_broken_tls() {
    if (outcome_ == outcome::aborted) {
        const std::string peer = to_string(client_.peer);
        context_.log(log_level::info, "tls failed",
                     {{"id", id_.text()}, {"peer", peer}, {"what", socket_.failure()}});
    }
    record(); // what is drained now changes nothing any more
    socket_.send_alert();
    socket_.end_tls();
    co_await let_it_read(socket_, context_.config.lingering_close, deadline_);
}

// A health check by HTTP gets what it asks for.
asio::awaitable<void> session::answer_look() {
    unsaid_ = true;
    enter(session_stage::reply);
    record();
    std::string text = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "
                       "3\r\nConnection: close\r\n\r\n";
    if (!looked_for_head_) text += "ok\n";
    const auto data = std::as_bytes(std::span(text));
    const write_limits limits(context_.config.lingering_close);
    error_code failed = co_await write_all(socket_, data, limits, deadline_, written_);
    unsaid_ = failed.failed();
    if (!unsaid_) co_await lingering_close();
}

// Closing while the client is still sending would be a reset.
asio::awaitable<void> session::lingering_close() {
    record(); // what is drained now changes nothing any more
    if (eof_ || client_gone_) co_return;
    socket_.shutdown_send();
    co_await drain_input(socket_, context_.config.lingering_close, deadline_);
}

void session::close() noexcept {
    record();
    client_.permit.leave_source(); // whoever sees the end may come again at once
    const bool cut = outcome_ == outcome::aborted || outcome_ == outcome::none;
    if (cut || unsaid_)
        socket_.reset();
    else
        socket_.close(); // after the EOF everything was read, so this is a FIN
}

void session::refuse(reason why) {
    outcome_ = outcome::refused;
    why_ = why;
    unsaid_ = true;
    // Give the buffers back at once: nothing of them is sent any more.
    payload_ = payload(&context_.budget);
    answer_.bytes() = payload(&context_.budget);
}

void session::abort(std::string_view why) {
    outcome_ = outcome::aborted;
    aborted_why_ = why;
}

void session::on_drain() {
    if (!eof_ && received_.value() == 0 && outcome_ == outcome::none)
        deadline_.stop(reason::draining);
}

// From any thread, while the session is in the registry: only what never changes, what changes
// under the registry's lock, and what is atomic.
session_view session::view(exchange_deadline::clock::time_point now) const noexcept {
    return {id_,
            client_.peer,
            client_.local,
            stage_.load(std::memory_order_relaxed),
            now - client_.at,
            received_.value(),
            written_.value()};
}

void session::enter(session_stage stage) noexcept {
    stage_.store(stage, std::memory_order_relaxed);
}

void session::watch_for_reset() {
    try {
        socket_.when_reset([this] {
            note_reset();
            const bool cancels = context_.config.on_client_reset == client_reset_policy::cancel;
            if (cancels) deadline_.stop(reason::internal);
        });
    } catch (const std::bad_alloc&) {
        // Then the write tells.
    }
}

void session::note_reset() noexcept {
    if (!std::exchange(client_gone_, true)) context_.counters.client_gone.add();
}

// Before the client can see the end, so that whoever has read a reply finds it counted and logged.
void session::record() noexcept {
    if (recorded_) return;
    recorded_ = true;
    metrics& counters = context_.counters;
    if (aborted_by_stop()) counters.cut.add();
    if (outcome_ != outcome::probe)
        counters.exchange_seconds.record(exchange_deadline::clock::now() - client_.at);
    switch (outcome_) {
    case outcome::probe:
        counters.probes.add();
        break;
    case outcome::replied:
        counters.replied.add();
        break;
    case outcome::aborted:
        counters.aborted.add();
        break;
    case outcome::none: // an exception cut the session: refused by a RST
    case outcome::refused:
        counters.refused_for(why_).add();
        break;
    }
    try {
        if (outcome_ != outcome::probe) return write_access_line();
        if (context_.log.enabled(log_level::debug)) {
            const std::string peer = to_string(client_.peer);
            context_.log(log_level::debug, "probe", {{"peer", peer}});
        }
    } catch (...) {
        // No memory for a log line: the counters tell.
    }
}

// An exchange that was in flight and did not get to its end because the gateway stopped.
bool session::aborted_by_stop() const noexcept {
    const bool unfinished = outcome_ == outcome::aborted ||
                            (outcome_ == outcome::refused &&
                             (why_ == reason::draining || why_ == reason::upstream_incomplete));
    return unfinished && received_.value() > 0 && deadline_.stopped() &&
           deadline_.error() == reason::draining;
}

std::string_view session::outcome_word() const noexcept {
    switch (outcome_) {
    case outcome::replied:
        return "replied";
    case outcome::aborted:
        return "aborted";
    case outcome::probe:
        return "probe";
    case outcome::none:
    case outcome::refused:
        break;
    }
    return "refused";
}

void session::write_access_line() {
    const access_log wanted = context_.config.access_log;
    const bool refused = outcome_ == outcome::refused || outcome_ == outcome::none;
    if (wanted == access_log::off || (wanted == access_log::refused && !refused)) return;
    if (!context_.log.enabled(log_level::info)) return;
    const auto now = exchange_deadline::clock::now();
    // What an exception has cut lasted until now.
    const session_stage stage = stage_.load(std::memory_order_relaxed);
    const bool cut = outcome_ == outcome::none;
    const bool receiving = stage == session_stage::handshake || stage == session_stage::receive;
    const bool handling = stage == session_stage::handle || stage == session_stage::stream;
    const auto received = cut && receiving ? now : std::max(received_at_, client_.at);
    const auto answered = cut && handling ? now : std::max(answered_at_, received);
    const std::string peer = to_string(client_.peer);
    const std::array<char, 32> trace = sampled_ ? id_.trace_id() : std::array<char, 32>();
    const std::array<log_field, 13> fields{{
        {"id", id_.text()},
        {"peer", peer},
        {"bytes_in", static_cast<std::int64_t>(received_.value())},
        {"bytes_out", static_cast<std::int64_t>(written_.value())},
        {"outcome", outcome_word()},
        {"reason", refused ? to_string(why_) : aborted_why_},
        {"upstream", std::string_view(answer_.upstream())},
        {"status", static_cast<std::int64_t>(answer_.status())},
        {"receive_ms", milliseconds(received - client_.at)},
        {"upstream_ms", milliseconds(answered - received)},
        {"reply_ms", milliseconds(now - answered)},
        {"client_gone", client_gone_},
        {"trace_id", std::string_view(trace.data(), trace.size())}, // of sampled exchanges only
    }};
    const std::span<const log_field> all(fields);
    context_.log(log_level::info, "exchange", sampled_ ? all : all.first(fields.size() - 1));
}

} // namespace finpost
