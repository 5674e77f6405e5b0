#include "upstream/http_forwarder.hpp"

#include "policy/buffer_budget.hpp"
#include "policy/spill_policy.hpp"
#include "request_access.hpp"
#include "upstream/buffered_exchange.hpp"
#include "upstream/delivery_notes.hpp"
#include "upstream/streamed_exchange.hpp"

#include <boost/asio/this_coro.hpp>

#include <optional>
#include <span>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

constexpr std::size_t held_back_piece = 128 << 10; // of a stream that is held back

std::vector<head_opening> openings(const upstream_config& config,
                                   const request_templates& templates) {
    std::vector<head_opening> heads;
    for (const http_url& url : config.endpoints) heads.emplace_back(url, config, templates);
    return heads;
}

} // namespace

http_forwarder::http_forwarder(const event_loops& loops, const upstream_config& config,
                               upstream_parts parts, metrics& counters, logger log,
                               std::function<void()> on_idle)
    : config_(config), counters_(counters), log_(log),
      connector_(loops, config_, std::move(parts.tls), counters, std::move(log),
                 std::move(on_idle)),
      heads_(openings(config, parts.templates)), codings_(accept_encoding(config)),
      speaks_1_0_(config.endpoints.size()) {}

asio::awaitable<reply> http_forwarder::forward(std::shared_ptr<const void> /*owner*/,
                                               request request) {
    upstream_attempt attempt(request.deadline(), config_);
    buffered_exchange exchange(request, attempt, connector_.tls().used());
    std::optional<response_guard> guard;
    if (connector_.has_several_executors()) {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        connector_.set_executor(attempt, executor);
    }
    connector_.choose(attempt);
    for (;;) {
        error_code failed;
        if (!connector_.take_lease(attempt)) failed = co_await connector_.connect(attempt);
        if (failed) {
            tell(request, nullptr, false);
            co_return refuse(attempt, exchange.progress(), failed);
        }
        guard.emplace(config_.max_reply, request.body().budget(), response_guard::body::kept,
                      detail::request_access::files(request));
        guard->asked_for(codings_, config_.on_status == status_policy::relay);
        failed = co_await exchange.run(heads_[attempt.endpoint], *guard);
        const bool repeatable = exchange.may_repeat() && !attempt.deadline.error();
        if (!may_send_again(repeatable, failed, guard->status(), guard->started())) {
            const bool is_told = detail::request_access::notes(request) != nullptr;
            if (!failed && !is_told) co_return relay(attempt, exchange.progress(), *guard);
            reply reply = failed ? fail(request, attempt, exchange.progress(), *guard, failed)
                                 : relay(attempt, exchange.progress(), *guard);
            tell(request, &*guard, !failed && reply.refused());
            co_return reply;
        }
        counters_.upstream_retries.add();
        attempt.fresh_only = true;
        attempt.restart_connecting(config_.connect);
        attempt.lease.reset();
    }
}

asio::awaitable<reply> http_forwarder::forward_stream(std::shared_ptr<const void> owner,
                                                      request request, exchange_stream& client) {
    upstream_attempt attempt(request.deadline(), config_);
    // What was sent of a stream is gone: it cannot be sent again when a kept connection turns out
    // closed.
    attempt.fresh_only = true;
    if (connector_.has_several_executors()) {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        connector_.set_executor(attempt, executor);
    }
    connector_.choose(attempt);
    const bool in_one_piece = attempt.selection && speaks_1_0_[attempt.selection.endpoint()];
    attempt.selection.end(); // a wait for memory burdens no endpoint
    if (in_one_piece) {
        reply reply = co_await forward_whole(owner, std::move(request), client);
        co_return reply;
    }
    byte_budget* const budget = request.body().budget();
    response_guard guard(config_.max_reply, budget, response_guard::body::streamed);
    guard.asked_for(codings_, config_.on_status == status_policy::relay);
    streamed_exchange pump(client, guard, budget, config_);
    error_code failed = co_await pump.make_room(attempt.deadline);
    if (failed) co_return refuse(attempt, {}, failed);
    attempt.restart_connecting(config_.connect);
    connector_.choose(attempt);
    if (!connector_.take_lease(attempt)) failed = co_await connector_.connect(attempt);
    if (failed) co_return refuse(attempt, {}, failed);
    if (speaks_1_0_[attempt.endpoint]) { // another than was chosen
        attempt.selection.end();
        attempt.lease.reset();
        pump.leave_room();
        reply reply = co_await forward_whole(owner, std::move(request), client);
        co_return reply;
    }
    const std::string head = request_head(heads_[attempt.endpoint], request, random_parent());
    failed = co_await pump.run(attempt.stream(), head);
    const exchange_progress progress = pump.progress();
    if (!failed) co_return relay(attempt, progress, guard);
    remember_version(attempt.endpoint, guard);
    reply refusal = fail(request, attempt, progress, guard, failed);
    attempt.stream().reset();
    co_return refusal;
}

// For a service that cannot read chunks: the payload waits for its end, in a file when it is large.
asio::awaitable<reply> http_forwarder::forward_whole(std::shared_ptr<const void> owner,
                                                     request request, exchange_stream& client) {
    error_code failed = co_await receive_whole(request, client);
    if (failed) co_return reply(to_reason(failed));
    finpost::request whole({.body = std::move(request.body()),
                            .peer = request.peer(),
                            .local = request.local(),
                            .id = request.id(),
                            .sampled = request.sampled(),
                            .tls_peer_name = request.tls_peer_name()},
                           request.deadline());
    detail::request_access::same_replies(whole, request);
    reply reply = co_await forward(owner, std::move(whole));
    co_return reply;
}

asio::awaitable<error_code> http_forwarder::receive_whole(request& request,
                                                          exchange_stream& client) const {
    payload piece(request.body().budget());
    request.deadline().arm(exchange_deadline::duration::zero(), config_.connect, reason::busy);
    error_code failed = co_await wait_for_buffer(piece, held_back_piece, request.deadline());
    while (!failed) {
        const std::span<std::byte> buffer = piece.writable();
        auto got = co_await client.read(buffer);
        if (got.has_error()) co_return got.error();
        if (*got == 0) break;
        failed = hold(request, buffer.first(*got));
    }
    if (!failed && request.body().spilled()) detail::request_access::files(request)->kept();
    co_return failed;
}

// In memory as far as that is allowed and there, else in a file.
error_code http_forwarder::hold(request& request, std::span<const std::byte> data) {
    payload& body = request.body();
    const spill_policy* const files = detail::request_access::files(request);
    const bool may_spill = files != nullptr && files->is_on();
    if (!body.spilled()) {
        const bool small = !may_spill || !files->takes(body.size() + data.size());
        if (small && body.append(data)) return {};
        if (!may_spill) return reason::busy;
        const error_code unwritten = files->move(body);
        if (unwritten) return unwritten;
    }
    return files->write(body, data);
}

// A request in chunks may only go to who is known to read HTTP/1.1 (RFC 9112 §6.1): its last
// response tells.
void http_forwarder::remember_version(std::size_t endpoint, const response_guard& guard) {
    std::atomic<bool>& old = speaks_1_0_[endpoint];
    if (guard.status() != 0 && old.load(std::memory_order_relaxed) != guard.http_1_0())
        old = guard.http_1_0();
}

// No complete response came.
reply http_forwarder::fail(const request& request, upstream_attempt& attempt,
                           const exchange_progress& progress, const response_guard& guard,
                           error_code why) {
    if (progress.rejected) connector_.handshake_failed(attempt, attempt.stream().failure());
    log_refused(request, attempt.endpoint, guard, why);
    connector_.failed(attempt, why);
    return refuse(attempt, progress, why);
}

reply http_forwarder::relay(upstream_attempt& attempt, const exchange_progress& progress,
                            response_guard& guard) {
    remember_version(attempt.endpoint, guard);
    const bool bytes_behind = guard.behind() > 0;
    if (progress.cut)
        connector_.answered_early(attempt, bytes_behind);
    else
        connector_.answered(attempt, guard.reusable(), bytes_behind);
    // Nothing to relay would look like the empty reply of a success.
    const int status = progress.status;
    const bool looks_empty = guard.without_body() && !(status >= 200 && status < 300);
    if (!is_relayed(status, config_.on_status) || looks_empty)
        return refuse(attempt, progress, reason::upstream_status);
    reply relayed(guard.take_body());
    relayed.from(connector_.label(attempt.endpoint), status);
    return relayed;
}

// Who delivers it, or may have to. `refused`: the response is complete, and nobody else has its
// body.
void http_forwarder::tell(request& request, response_guard* guard, bool refused) {
    delivery_notes* const notes = detail::request_access::notes(request);
    if (notes == nullptr) return;
    if (notes->keeps_payload) notes->payload = std::move(request.body());
    if (guard == nullptr) return;
    notes->retry_after = guard->retry_after();
    if (!refused) return;
    const payload body = guard->take_body();
    notes->beginning.resize(std::min<std::size_t>(body.size(), delivery_notes::longest_beginning));
    const auto got = body.read(0, std::as_writable_bytes(std::span(notes->beginning)));
    notes->beginning.resize(got.has_value() ? *got : 0);
}

reply http_forwarder::refuse(const upstream_attempt& attempt, const exchange_progress& progress,
                             error_code why) const {
    reply refusal(to_reason(refusal_reason(why, progress)));
    if (attempt.endpoint_chosen) refusal.from(connector_.label(attempt.endpoint), progress.status);
    return refusal;
}

// `upstream_invalid` alone does not say what to fix.
void http_forwarder::log_refused(const request& request, std::size_t endpoint,
                                 const response_guard& guard, error_code why) const {
    std::string_view what = guard.what();
    if (what.empty() && why == reason::busy) what = "no room in max_buffered for the response";
    if (what.empty() && why == reason::upstream_incomplete)
        what = "the request was not taken to its end";
    if (what.empty()) return;
    log_(log_level::warning, "upstream response refused",
         {{"id", request.id().text()},
          {"endpoint", connector_.label(endpoint)},
          {"reason", to_string(to_reason(why))},
          {"what", what},
          {"offset", static_cast<std::int64_t>(guard.what().empty() ? guard.bytes_received()
                                                                    : guard.offset())}});
}

} // namespace finpost::detail
