// The part of an exchange whose client is still sending when its handler begins.
#include "policy/reply_budget.hpp"
#include "reply_format/reply_frame.hpp"
#include "session/client_stream.hpp"
#include "session/exchange.hpp"
#include "session/exchange_log.hpp"
#include "session/upload.hpp"

#include "finpost/metrics.hpp"

#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

// All steps from here to the reply at once, for a payload that does not end soon.
asio::awaitable<void> exchange::stream(upload& begun) {
    log_foreign(context_, client_.peer, id_, begun.opening);
    enter(session_stage::stream);
    client_stream::beginning start(std::move(payload_), received_at_, begun.paused,
                                   [this] { stream_eof(); });
    start.ticket = &*begun.ticket;
    payload whole(&context_.replies);
    const bool collects = has_frames(context_.config) || !context_.forms.are_bodies();
    if (collects) start.collects = &whole;
    client_stream client(socket_, input_, received_, written_, context_.config, deadline_,
                         std::move(start));
    try {
        request request = make_request(payload(&*begun.ticket), true);
        deadline_.disarm(); // until a client or an upstream is waited for
        reply reply = co_await context_.streaming_handler(std::move(request), client);
        reply_ = std::move(reply);
    } catch (...) {
        log_handler_failed(context_, id_);
    }
    client.on_cancel({}); // what the handler had is gone
    client.limit(exchange_deadline::clock::time_point::max(), reason::internal);
    const bool follows = collects || reply_.is_receipt();
    if (!reply_.refused() && !reply_.is_receipt()) co_await client.finish(reply_.bytes().bytes());
    deadline_.disarm();
    streamed(client, follows);
    if (!outcome_.undecided()) co_return;
    reply_.bytes() = std::move(whole);
    form_answer();
}

void exchange::stream_eof() {
    outcome_.stream_complete(input_.frames(), !input_.frames() || input_.fin_seen());
    received_at_ = exchange_deadline::clock::now();
    watch_for_reset();
}

// `follows`: the reply was collected, or is a receipt, and is still to be written.
void exchange::streamed(const client_stream& client, bool follows) {
    socket_.ignore_reset();
    answered_at_ = exchange_deadline::clock::now();
    if (!client.complete()) received_at_ = answered_at_;
    context_.counters.payload_bytes.add(received_.value());
    if (!follows) context_.counters.reply_bytes.add(written_.value());
    context_.counters.upstream_seconds.record(answered_at_ - received_at_);
    if (client.bad_encoding()) log_bad_encoding(context_, id_, *client.bad_encoding());
    const error_code failed = client.error();
    if (failed == reason::bad_frame) log_bad_frame(context_, id_, input_.fault());
    const bool by_reset = failed && failed.category() != reason_category();
    if (client.complete() && (by_reset || client.gone())) note_reset();
    const bool reply_begun = written_.value() > 0 || socket_.mid_write();
    outcome_.stream_ended({failed,
                           {reply_.refused(), reply_.why(), reply_.is_receipt()},
                           reply_begun,
                           client.reply_late(),
                           follows});
    if (input_.fin_seen()) outcome_.eof();
    if (outcome_.is() == outcome::kind::refused) release();
}

} // namespace finpost::detail
