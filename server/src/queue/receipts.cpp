#include "queue/receipts.hpp"

#include "async/use_tuple_awaitable.hpp"
#include "queue/payload_digest.hpp"
#include "request_access.hpp"
#include "upstream/delivery_notes.hpp"

#include "finpost/deadline_cancellation.hpp"
#include "finpost/metrics.hpp"
#include "finpost/queue_error.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/error.hpp>

#include <utility>
#include <vector>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

bool is_for_later(int status) noexcept {
    switch (status) {
    case 408:
    case 425:
    case 429:
    case 502:
    case 503:
    case 504:
        return true;
    default:
        return false;
    }
}

// Whether the service may take it another time.
bool is_for_later(const reply& reply) noexcept {
    if (!reply.refused()) return is_for_later(reply.status());
    switch (reply.why()) {
    case reason::upstream_unreachable:
    case reason::upstream_timeout:
    case reason::upstream_incomplete:
        return true;
    case reason::upstream_status:
        return is_for_later(reply.status());
    default:
        return false;
    }
}

// Of a put that gave no receipt. `ended`: why the exchange was ended meanwhile, if it was.
reason reason_of(error_code failed, error_code ended) noexcept {
    if (failed == queue_error::full) return reason::queue_full;
    // It was withdrawn before it had begun, so that it is safe to try again.
    const bool withdrawn = failed == asio::error::operation_aborted;
    if (withdrawn && ended == reason::draining) return reason::draining;
    return reason::queue_failed;
}

} // namespace

receipt_office::receipt_office(std::shared_ptr<queue_store> store, handler relay,
                               std::string upstream, duration timeout, metrics& counters,
                               std::shared_ptr<deliverer> wakes)
    : store_(std::move(store)), relay_(std::move(relay)), upstream_(std::move(upstream)),
      timeout_(timeout), counters_(counters), wakes_(std::move(wakes)) {}

new_payload receipt_office::describe(const receipt_place& place, const request& request) const {
    new_payload one{.id = request.id()};
    one.listener = place.listener;
    one.upstream = upstream_;
    one.peer = request.peer();
    one.local = request.local();
    one.tls_name = request.tls_peer_name();
    return one;
}

asio::awaitable<error_code> receipt_office::choose_key(new_payload& of, const payload& body,
                                                       idempotency_key key) const {
    of.idempotency_key = of.id.text();
    if (key == idempotency_key::id) co_return error_code{};
    auto digest = co_await sha256_of(body);
    if (digest.has_error()) co_return digest.error();
    of.idempotency_key = std::move(*digest);
    co_return error_code{};
}

asio::awaitable<reply> receipt_office::store(std::shared_ptr<const void> /*owner*/,
                                             std::shared_ptr<const receipt_place> place,
                                             request request) const {
    new_payload one = describe(*place, request);
    const error_code unread = co_await choose_key(one, request.body(), place->key);
    if (unread) co_return reply(reason::spill_failed);
    one.body = std::move(request.body());
    reply stored = co_await put(one, request.deadline());
    co_return stored;
}

asio::awaitable<reply> receipt_office::relay_or_store(std::shared_ptr<const void> /*owner*/,
                                                      std::shared_ptr<const receipt_place> place,
                                                      request request) const {
    new_payload one = describe(*place, request);
    const error_code unread = co_await choose_key(one, request.body(), place->key);
    if (unread) co_return reply(reason::spill_failed);
    exchange_deadline& deadline = request.deadline();
    delivery_notes notes;
    notes.idempotency_key = one.idempotency_key;
    notes.keeps_payload = true;
    request_access::notes(request, &notes);
    reply relayed = co_await relay_(std::move(request));
    if (deadline.stopped() || !is_for_later(relayed)) co_return relayed;
    one.body = std::move(notes.payload);
    reply stored = co_await put(one, deadline);
    // Nothing was stored: what the service did is all there is to tell.
    if (stored.refused() && stored.why() != reason::queue_failed) co_return relayed;
    stored.from(relayed.upstream(), relayed.status());
    co_return stored;
}

asio::awaitable<reply> receipt_office::put(new_payload& one, exchange_deadline& deadline) const {
    if (deadline.stopped()) co_return reply(to_reason(deadline.error()));
    // The store may hold the bytes for longer than the gateway lives, whose budget they are of.
    const counted_bytes counted = one.body.leave_budget();
    std::vector<new_payload> batch;
    batch.push_back(std::move(one));
    deadline_cancellation limit(deadline, timeout_, reason::queue_failed);
    auto token = asio::bind_cancellation_slot(limit.slot(), use_shared_tuple_awaitable);
    auto [failed] = co_await store_->async_put(std::move(batch), token);
    if (failed) co_return reply(reason_of(failed, limit.error()));
    counters_.queue.stored.add();
    wakes_->wake();
    co_return reply::receipt();
}

} // namespace finpost::detail
