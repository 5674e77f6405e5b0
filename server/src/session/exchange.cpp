#include "session/exchange.hpp"

#include "request_access.hpp"
#include "session/exchange_log.hpp"
#include "session/exchange_record.hpp"
#include "session/payload_codec.hpp"
#include "session/receive.hpp"
#include "session/upload.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/error.hpp>

#include <chrono>
#include <new>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

// How long a handler works before the client is watched for a reset. Most have answered by then,
// and the watch costs an exchange more than anything else in here: a registration and a system
// call.
constexpr std::chrono::milliseconds watched_after{100};

} // namespace

exchange::exchange(const session_context& context, const accepted_client& client,
                   client_socket& socket, payload_input& input, exchange_deadline& deadline,
                   const request_id& id, std::uint64_t before) noexcept
    : context_(context), client_(client), socket_(socket), input_(input), deadline_(deadline),
      before_(before), made_at_(before == 0 ? client.at : exchange_deadline::clock::now()), id_(id),
      outcome_(context.config), payload_(&context.budget), reply_(reason::internal),
      sampled_(id_.sampled(context.config.trace_sampled)), began_at_(made_at_),
      received_at_(made_at_), answered_at_(made_at_) {
    if (before + 1 == context.config.max_exchanges) outcome_.is_last();
    if (before == 0) return;
    outcome_.follows();
    stage_.store(session_stage::pause, std::memory_order_relaxed);
    between_frames_ = true;
    context.counters.between_frames.add(1);
}

asio::awaitable<void> exchange::run() {
    upload coming(input_, payload_, received_, context_.budget, context_.spills, growth_ticket_);
    coming.begins = this;
    receive_end end = co_await receive(socket_, coming, context_.config, deadline_);
    if (end.becomes_stream) {
        co_await stream(coming);
    } else {
        received(end.error, coming);
        decode();
        if (context_.forms.are_hl7()) read_header();
        if (outcome_.undecided()) co_await handle();
    }
    if (!write_reply_at_once()) co_await write_rest_of_reply();
}

void exchange::begin_receive() noexcept {
    received_at_ = exchange_deadline::clock::now();
    enter(input_.frames() ? session_stage::pause : session_stage::receive);
}

void exchange::frame_begun() {
    began_at_ = received_at_ = exchange_deadline::clock::now();
    enter(session_stage::receive);
    if (!std::exchange(between_frames_, false)) return;
    context_.counters.further.add();
    context_.counters.between_frames.add(-1);
}

void exchange::received(error_code ended, upload& coming) {
    received_at_ = exchange_deadline::clock::now();
    context_.counters.payload_bytes.add(received_.value());
    if (!ended) coming.opening.finish();
    if (coming.fault) log_bad_encoding(context_, id_, *coming.fault);
    outcome::payload_end end{ended, received_.value(), coming.fault.has_value()};
    if (input_.frames()) {
        end.framed = true;
        end.begun = input_.touched();
        if (end.begun && !input_.begun()) frame_begun(); // the pause is none of its time
        end.eof = input_.fin_seen();
        if (ended == reason::bad_frame) log_bad_frame(context_, id_, input_.fault());
    }
    outcome_.payload_ended(end, coming.opening);
    if (outcome_.undecided()) return log_foreign(context_, client_.peer, id_, coming.opening);
    if (context_.forms.are_hl7()) read_beginning();
    payload_ = payload(&context_.budget); // nothing of it is sent on
}

void exchange::decode() {
    if (!outcome_.undecided() || arrives_plain(context_.config)) return;
    if (!payload_.spilled()) { // else it was trimmed and decoded on its way
        if (const auto fault = decode_whole(payload_, context_.config)) {
            log_bad_encoding(context_, id_, *fault);
            return refuse(reason::bad_encoding);
        }
    }
    if (payload_.empty()) refuse(reason::empty);
}

void exchange::refuse(reason why) {
    outcome_.refuse(why);
    release();
}

asio::awaitable<void> exchange::handle() {
    enter(session_stage::handle);
    const exchange_deadline::call_at late(deadline_, received_at_ + watched_after,
                                          [this] { watch_for_reset(); });
    try {
        request request = make_request(std::move(payload_), false);
        deadline_.disarm(); // the handler says itself how long it may take
        reply reply = co_await context_.handler(std::move(request));
        reply_ = std::move(reply);
    } catch (...) {
        log_handler_failed(context_, id_);
    }
    deadline_.disarm();
    socket_.ignore_reset();
    answered_at_ = exchange_deadline::clock::now();
    context_.counters.upstream_seconds.record(answered_at_ - received_at_);
    outcome_.handler_ended({reply_.refused(), reply_.why(), reply_.is_receipt()});
    if (outcome_.undecided()) form_answer();
    if (outcome_.is() == outcome::kind::refused) release();
}

request exchange::make_request(payload body, bool streamed) const {
    request made({.body = std::move(body),
                  .peer = client_.peer,
                  .local = client_.local,
                  .id = id_,
                  .sampled = sampled_,
                  .tls_peer_name = client_.tls_peer_name,
                  .streamed = streamed},
                 deadline_);
    detail::request_access::replies(made, context_.replies);
    return made;
}

void exchange::watch_for_reset() {
    try {
        socket_.when_reset([this] {
            note_reset();
            if (outcome_.client_reset_cancels()) deadline_.stop(asio::error::connection_reset);
        });
    } catch (const std::bad_alloc&) {
        // Then the write tells.
    }
}

void exchange::note_reset() noexcept {
    if (outcome_.client_reset()) context_.counters.client_gone.add();
}

// False when something is left to write: nearly every reply fits into the kernel's buffer.
bool exchange::write_reply_at_once() {
    if (!outcome_.undecided()) return true;
    if (wordless_ && has_frames(context_.config)) {
        replied({}); // an empty frame would be a word
        return true;
    }
    const codec encode = reply_.is_receipt() ? codec::none : context_.config.encode;
    writer_.emplace(context_, socket_, reply_.bytes(), encode, written_);
    const error_code unframed = writer_->frame();
    if (unframed == asio::error::would_block) return false;
    if (unframed) {
        unwritable(unframed);
        return true;
    }
    enter(session_stage::reply);
    const error_code failed = writer_->write_some();
    if (failed == asio::error::would_block) return false;
    replied(failed);
    return true;
}

asio::awaitable<void> exchange::write_rest_of_reply() {
    error_code failed;
    if (writer_->has_to_look()) failed = co_await writer_->look(deadline_);
    if (failed) co_return unwritable(failed);
    enter(session_stage::reply);
    failed = co_await writer_->write_rest(deadline_);
    replied(failed);
}

void exchange::replied(error_code failed) {
    context_.counters.reply_bytes.add(written_.value());
    // A reply of no bytes has no write that would fail.
    const bool gone = failed ? failed.category() != reason_category()
                             : written_.value() == 0 && socket_.was_reset();
    if (gone) note_reset();
    const bool begun = written_.value() > 0 || socket_.mid_write();
    outcome_.reply_ended({failed, begun, deadline_.stopped(), gone});
    if (outcome_.is() == outcome::kind::refused) release();
}

void exchange::record() noexcept {
    if (recorded_) return;
    recorded_ = true;
    if (between_frames_) {
        // Who goes in a pause ends no exchange.
        if (!outcome_.in_pause()) context_.counters.further.add();
        context_.counters.between_frames.add(-1);
        if (outcome_.in_pause()) return;
    }
    const bool stopped = deadline_.stopped() && deadline_.error() == reason::draining;
    const exchange_record record{id_,
                                 client_.peer,
                                 outcome_,
                                 stage_.load(std::memory_order_relaxed),
                                 received_.value(),
                                 written_.value(),
                                 reply_.upstream(),
                                 reply_.status(),
                                 began_at_,
                                 received_at_,
                                 answered_at_,
                                 sampled_,
                                 stopped};
    detail::record(record, context_.counters, context_.log, context_.config.access_log);
}

void exchange::release() noexcept {
    payload_ = payload(&context_.budget);
    reply_.bytes() = payload(&context_.budget);
}

void exchange::finish() noexcept {
    record();
    release();
    growth_ticket_.reset();
}

session_view exchange::view(exchange_deadline::clock::time_point now) const noexcept {
    const session_stage stage = stage_.load(std::memory_order_relaxed);
    const std::uint64_t in = received_.value(), out = written_.value();
    exchange_deadline::clock::duration pause{};
    if (stage == session_stage::pause) pause = now - made_at_;
    return {id_, client_.peer, client_.local, stage, now - client_.at, in, out, before_, pause};
}

} // namespace finpost::detail
