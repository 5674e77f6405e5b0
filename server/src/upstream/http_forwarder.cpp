#include "upstream/http_forwarder.hpp"

#include "async/fairness.hpp"
#include "async/sequence.hpp"
#include "net/spill_io.hpp"
#include "policy/buffer_budget.hpp"
#include "policy/spill_policy.hpp"
#include "random.hpp"
#include "upstream/streamed_exchange.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <bit>
#include <span>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

namespace {

constexpr std::size_t tls_record = 16 << 10;  // what goes into one (RFC 8446 §5.1)
constexpr std::size_t piece_size = 128 << 10; // of a stream that is held back

std::vector<head_opening> openings(const upstream_config& config) {
    std::vector<head_opening> heads;
    for (const http_url& url : config.endpoints) heads.emplace_back(url, config);
    return heads;
}

std::vector<std::string> host_and_port(const upstream_config& config) {
    std::vector<std::string> labels;
    for (const http_url& url : config.endpoints)
        labels.push_back(to_string(host_port{url.host, url.port}));
    return labels;
}

} // namespace

struct http_forwarder::upstream_attempt {
    explicit upstream_attempt(finpost::request& r, const upstream_config& config)
        : request(r), deadline(r.deadline()), began(clock::now()),
          connect_until(began + config.connect), until(began + config.total) {
        connect_until = std::min(connect_until, until);
    }

    finpost::request& request;
    exchange_deadline& deadline;
    clock::time_point began, connect_until, until;
    endpoint_set::selection selection;
    endpoint_set::mask tried = 0; // could not be connected to
    std::optional<pool::lease> held;
    std::size_t endpoint = 0;       // taken last
    std::size_t executor_index = 0; // which of the executors this exchange is on
    std::string head;               // of the request
    std::size_t in_head = 0;        // of the body: goes out with the head in one record
    std::size_t sent = 0;           // of head and body
    int status = 0;
    bool endpoint_chosen = false; // an endpoint was chosen: the log can name it
    bool fresh_only = false;
    bool cut = false;         // the request could not be sent whole
    bool rejected = false;    // the upstream does not take this side's certificate
    bool sent_before = false; // something of the request went out on a connection before this one
    bool may_repeat = false;  // the connection was kept, and the payload is still here
    std::string trouble;      // why there is no TLS

    upstream_stream& stream() { return *held->connection(); }
    bool connected() { return held && held->connection() != nullptr; }
    bool begun() const { return sent_before || sent > 0; }
    void give_payload_back() {
        request.body() = payload(request.body().budget());
        may_repeat = false;
    }
};

// A place in the queue for a connection. Whatever ends the wait, a wake is not lost.
struct http_forwarder::slot_wait {
    slot_wait(pool& from_, std::shared_ptr<waiter> ticket_)
        : from(from_), ticket(std::move(ticket_)) {}
    ~slot_wait() {
        if (ticket) from.leave(ticket, gave_up);
    }
    slot_wait(const slot_wait&) = delete;

    pool& from;
    const std::shared_ptr<waiter> ticket;
    bool gave_up = true;
};

http_forwarder::http_forwarder(std::vector<asio::any_io_executor> executors, bool one_thread_each,
                               const upstream_config& config, metrics& counters, logger log,
                               std::function<void()> kept)
    : executors_(std::move(executors)), config_(config), counters_(counters), log_(std::move(log)),
      tls_(config, log_), heads_(openings(config)), labels_(host_and_port(config)),
      codings_(accept_encoding(config)), speaks_1_0_(config.endpoints.size()),
      endpoints_(config.endpoints.size()),
      resolver_(std::make_shared<resolver>(sequence_on(executors_.front(), one_thread_each),
                                           config.endpoints, config.resolve_every, log_)),
      pool_(config.endpoints.size() * executors_.size(), config.max_connections, config.keep_alive,
            counters.upstream_busy, counters.upstream_idle),
      kept_(std::move(kept)) {}

asio::awaitable<reply> http_forwarder::forward(std::shared_ptr<const void> /*owner*/,
                                               request request) {
    upstream_attempt attempt(request, config_);
    std::optional<response_guard> guard;
    if (executors_.size() > 1) {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        attempt.executor_index = executor_index_of(executor);
    }
    choose(attempt);
    for (;;) {
        // A kept connection is there nearly always, and then there is nothing to wait for.
        error_code failed;
        if (!take(attempt) || !attempt.connected()) failed = co_await connect(attempt);
        if (failed) co_return refuse(attempt, failed);
        attempt.may_repeat = attempt.held->kept_before();
        guard.emplace(config_.max_reply, request.body().budget(), response_guard::body::kept,
                      request.spills());
        guard->asked_for(codings_, config_.on_status == status_policy::relay);
        if (attempt.may_repeat) guard->follows_another();
        failed = co_await exchange(attempt, *guard);
        attempt.status = guard->status();
        if (!may_send_again(attempt, failed, *guard)) {
            if (!failed) break;
            tell_refused(attempt, *guard, failed);
            record_failure(attempt, failed);
            co_return refuse(attempt, failed);
        }
        counters_.upstream_retries.add();
        attempt.fresh_only = true;
        attempt.held.reset();
    }
    co_return relay(attempt, *guard);
}

// The upstream may close a kept connection just as the request goes out, or say by a 408 that it
// does (RFC 9110 §15.5.9). Only then, and only while no other byte of a response has come, is it
// sent again: once, with the same Idempotency-Key, on a new connection (RFC 9112 §9.3.1, RFC 9110
// §9.2.2), to the endpoint that may have seen it unless that is gone.
bool http_forwarder::may_send_again(const upstream_attempt& attempt, error_code failed,
                                    const response_guard& guard) {
    if (!attempt.may_repeat || attempt.deadline.error()) return false;
    return guard.status() == 408 || (failed == reason::upstream_incomplete && !guard.started());
}

asio::awaitable<reply> http_forwarder::forward_stream(std::shared_ptr<const void> owner,
                                                      request request, exchange_stream& client) {
    upstream_attempt attempt(request, config_);
    // What was sent of a stream is gone: it cannot be sent again when a kept connection turns out
    // closed.
    attempt.fresh_only = true;
    if (executors_.size() > 1) {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        attempt.executor_index = executor_index_of(executor);
    }
    choose(attempt);
    const bool in_one_piece = attempt.selection && speaks_1_0_[attempt.selection.endpoint()];
    attempt.selection.end(); // who waits for room burdens no endpoint
    if (in_one_piece) {
        reply reply = co_await forward_whole(owner, std::move(request), client);
        co_return reply;
    }
    byte_budget* const budget = request.body().budget();
    response_guard guard(config_.max_reply, budget, response_guard::body::passed_on);
    guard.asked_for(codings_, config_.on_status == status_policy::relay);
    streamed_exchange pump(client, guard, budget, config_);
    error_code failed = co_await pump.make_room(attempt.deadline);
    if (failed) co_return refuse(attempt, failed);
    attempt.connect_until = clock::now() + config_.connect;
    choose(attempt);
    if (!take(attempt) || !attempt.connected()) failed = co_await connect(attempt);
    if (failed) co_return refuse(attempt, failed);
    if (speaks_1_0_[attempt.endpoint]) { // another than was chosen
        attempt.selection.end();
        attempt.held.reset();
        pump.leave_room();
        reply reply = co_await forward_whole(owner, std::move(request), client);
        co_return reply;
    }
    prepare(attempt);
    failed = co_await pump.run(attempt.stream(), attempt.head);
    attempt.sent_before =
        pump.begun() &&
        !pump.rejected(); // what a service that refuses this side got, nobody has read
    attempt.status = guard.status();
    attempt.cut = !pump.whole();
    if (pump.rejected()) tell_handshake(attempt, attempt.stream().failure());
    attempt.rejected = pump.rejected();
    if (failed || attempt.cut) attempt.stream().reset();
    if (failed) {
        remember_version(attempt.endpoint, guard);
        tell_refused(attempt, guard, failed);
        record_failure(attempt, failed);
        co_return refuse(attempt, failed);
    }
    co_return relay(attempt, guard);
}

// For a service that cannot read chunks: the payload waits for its end, in a file when it is large.
asio::awaitable<reply> http_forwarder::forward_whole(std::shared_ptr<const void> owner,
                                                     request request, exchange_stream& client) {
    error_code failed = co_await receive_whole(request, client);
    if (failed) co_return reply(to_reason(failed));
    finpost::request whole(std::move(request.body()), request.peer(), request.local(), request.id(),
                           request.deadline(), request.sampled(), request.tls_peer_name());
    whole.spills(request.spills());
    reply reply = co_await forward(owner, std::move(whole));
    co_return reply;
}

asio::awaitable<error_code> http_forwarder::receive_whole(request& request,
                                                          exchange_stream& client) const {
    payload piece(request.body().budget());
    request.deadline().arm(exchange_deadline::duration::zero(), config_.connect, reason::busy);
    error_code failed = co_await wait_for_buffer(piece, piece_size, request.deadline());
    while (!failed) {
        const std::span<std::byte> buffer = piece.writable();
        auto got = co_await client.read(buffer);
        if (got.has_error()) co_return got.error();
        if (*got == 0) break;
        failed = hold(request, buffer.first(*got));
    }
    if (!failed && request.body().spilled()) request.spills()->kept();
    co_return failed;
}

// In memory as far as that is allowed and there, else in a file.
error_code http_forwarder::hold(request& request, std::span<const std::byte> data) {
    payload& body = request.body();
    const spill_policy* const files = request.spills();
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

reply http_forwarder::relay(upstream_attempt& attempt, response_guard& guard) {
    if (attempt.selection.answered()) tell(attempt.endpoint, {});
    remember_version(attempt.endpoint, guard);
    if (tls_.used() && !attempt.held->kept_before())
        tls_.remember(attempt.stream(), attempt.endpoint);
    // One that is not kept is looked at here, the others when they are taken again.
    const bool reusable = guard.reusable() && !attempt.cut;
    if (guard.behind() > 0 || (!reusable && attempt.stream().has_bytes())) tell_behind(attempt);
    if (reusable) {
        attempt.held->keep(clock::now());
        kept_();
    }
    attempt.held.reset();
    const bool success = attempt.status >= 200 && attempt.status < 300;
    // Nothing to relay would look like the empty reply of a success.
    if (!success && (config_.on_status == status_policy::refuse || guard.without_body()))
        return refuse(attempt, reason::upstream_status);
    reply relayed(guard.take_body());
    relayed.from(labels_[attempt.endpoint], attempt.status);
    return relayed;
}

reply http_forwarder::refuse(const upstream_attempt& attempt, error_code why) const {
    // Those three say that nothing was sent, and that it is safe to try again. A handshake that
    // fails when the request is out already (TLS 1.3) is no lie: nobody has read it.
    const bool unread = attempt.rejected && !attempt.sent_before;
    if (attempt.begun() && !unread &&
        (why == reason::upstream_unreachable || why == reason::busy || why == reason::draining))
        why = reason::upstream_incomplete;
    reply refusal(to_reason(why));
    if (attempt.endpoint_chosen) refusal.from(labels_[attempt.endpoint], attempt.status);
    return refusal;
}

// An exchange that came on none of the executors uses the first, which is as good as any.
std::size_t http_forwarder::executor_index_of(const asio::any_io_executor& executor) const {
    for (std::size_t executor_index = 1; executor_index < executors_.size(); ++executor_index)
        if (&executors_[executor_index].context() == &executor.context()) return executor_index;
    return 0;
}

// Where the pool has the connections to an endpoint that belong to an executor.
std::size_t http_forwarder::pool_slot(std::size_t endpoint,
                                      std::size_t executor_index) const noexcept {
    return executor_index * endpoints_.size() + endpoint;
}

void http_forwarder::restrict(std::size_t endpoint,
                              const std::function<bool(const connection&)>& wanted) {
    for (std::size_t executor_index = 0; executor_index < executors_.size(); ++executor_index)
        pool_.restrict(pool_slot(endpoint, executor_index), wanted);
}

// Among the endpoints that have not been tried; none when all have.
void http_forwarder::choose(upstream_attempt& attempt) {
    attempt.selection = endpoints_.choose(clock::now(), attempt.tried, resolver_->unknown());
}

// A lease for the chosen endpoint, with a connection when a fit one was kept; false when all are in
// use.
bool http_forwarder::take(upstream_attempt& attempt) {
    if (!attempt.held)
        attempt.held = pool_.take(pool_slot(attempt.selection.endpoint(), attempt.executor_index),
                                  clock::now());
    if (!attempt.held) return false;
    attempt.endpoint = attempt.selection.endpoint();
    attempt.endpoint_chosen = true;
    if (!attempt.connected()) return true;
    const bool quiet = attempt.stream().is_quiet();
    if (!quiet && attempt.stream().has_bytes()) tell_behind(attempt);
    if (!quiet || attempt.fresh_only) attempt.held->drop();
    return true;
}

asio::awaitable<error_code> http_forwarder::connect(upstream_attempt& attempt) {
    error_code failed = reason::upstream_unreachable;
    for (; attempt.selection; choose(attempt)) {
        if (!take(attempt)) {
            attempt.selection.end(); // who waits burdens no endpoint
            error_code gave_up = co_await wait_for_slot(attempt);
            if (gave_up) co_return gave_up;
            continue;
        }
        if (attempt.connected()) co_return error_code{};
        error_code refused = co_await connect_to(attempt);
        if (!refused) co_return refused;
        attempt.held.reset();
        attempt.tried |= endpoint_set::mask{1} << attempt.endpoint;
        if (attempt.deadline.stopped()) co_return attempt.deadline.error();
        failed = refused;
    }
    co_return failed;
}

asio::awaitable<error_code> http_forwarder::connect_to(upstream_attempt& attempt) {
    // A silent endpoint gets its share of the time, not all of it, and leaves one to each that is
    // still to be tried.
    const auto began = clock::now();
    const auto untried = static_cast<std::int64_t>(
        endpoints_.size() - static_cast<std::size_t>(std::popcount(attempt.tried)));
    const auto share = (attempt.connect_until - began) / untried;
    if (share <= clock::duration::zero()) co_return reason::upstream_unreachable; // not its fault
    attempt.deadline.arm(exchange_deadline::duration::zero(), share, reason::upstream_unreachable);
    auto addresses = resolver_->of(attempt.endpoint);
    if (addresses.empty()) {
        // Only the exchanges of a gateway that has just been started find a name not looked up yet.
        co_await resolver_->first_answer(attempt.endpoint, attempt.deadline);
        addresses = resolver_->of(attempt.endpoint);
    }
    const asio::any_io_executor strand = co_await asio::this_coro::executor;
    const auto race = std::make_shared<connect_race>(strand, executors_[attempt.executor_index],
                                                     std::move(addresses));
    error_code failed = co_await race->run(attempt.deadline, began + share);
    if (!failed) {
        made(attempt, *race);
        if (tls_.used()) failed = co_await secure(attempt);
        if (!failed) {
            if (attempt.selection.connected()) tell(attempt.endpoint, {});
            co_return failed;
        }
    }
    if (attempt.deadline.stopped()) co_return attempt.deadline.error();
    if (!race->connected()) tell_connect(attempt, race->cause());
    if (lacks_resources(failed)) co_return reason::busy; // this side's fault
    if (attempt.trouble.empty()) attempt.trouble = race->cause().message();
    const endpoint_set::fault what(reason::upstream_unreachable, std::exchange(attempt.trouble, {}),
                                   false);
    eject(attempt, what);
    resolver_->request_refresh();
    co_return reason::upstream_unreachable;
}

void http_forwarder::made(upstream_attempt& attempt, connect_race& race) {
    for (std::size_t i = 0; i < race.position(); ++i)
        resolver_->deprioritize(attempt.endpoint, race.address(i));
    attempt.held->made(upstream_stream(std::move(race.winner()), race.address(race.position())));
    attempt.held->forget_kept();
}

// Within what is left of this endpoint's share. Plain text is no way out when it fails.
asio::awaitable<error_code> http_forwarder::secure(upstream_attempt& attempt) {
    tls_.secure(attempt.stream(), attempt.endpoint);
    error_code failed = co_await handshake(attempt.stream().stream(), attempt.deadline);
    if (!failed || attempt.deadline.stopped()) co_return failed;
    tell_handshake(attempt,
                   attempt.deadline.error() ? "it took too long" : attempt.stream().failure());
    tls_.forget(attempt.endpoint); // what was to be resumed may be why
    co_return failed;
}

void http_forwarder::tell_handshake(upstream_attempt& attempt, std::string_view what) const {
    attempt.trouble = handshake_failure(what);
    log_(log_level::warning, "upstream handshake failed",
         {{"endpoint", labels_[attempt.endpoint]},
          {"what", what.empty() ? "the connection broke" : what}});
}

void http_forwarder::tell_connect(const upstream_attempt& attempt, const error_code& cause) const {
    const std::string what = cause.message();
    log_(log_level::warning, "upstream connect failed",
         {{"endpoint", labels_[attempt.endpoint]}, {"what", what}});
}

// Whoever reads only `upstream_invalid` does not know what to fix.
void http_forwarder::tell_refused(const upstream_attempt& attempt, const response_guard& guard,
                                  error_code why) const {
    std::string_view what = guard.what();
    if (what.empty() && why == reason::busy) what = "no room in max_buffered for the response";
    if (what.empty() && why == reason::upstream_incomplete)
        what = "the request was not taken to its end";
    if (what.empty()) return;
    log_(log_level::warning, "upstream response refused",
         {{"id", attempt.request.id().text()},
          {"endpoint", labels_[attempt.endpoint]},
          {"reason", to_string(to_reason(why))},
          {"what", what},
          {"offset",
           static_cast<std::int64_t>(guard.what().empty() ? guard.taken() : guard.offset())}});
}

// A length that was counted in characters cuts replies, and nobody notices.
void http_forwarder::tell_behind(const upstream_attempt& attempt) {
    if (!behind_warning_.is_due(clock::now())) return;
    log_(log_level::warning, "upstream bytes behind response",
         {{"endpoint", labels_[attempt.endpoint]},
          {"what",
           "the service sent more than its response said: is the length counted in characters?"}});
}

// What counts as a failure of an endpoint: no connection, no answer in time, or one that is not
// acceptable. Not for a status, which is an answer, nor for what this side lacks or the client
// wanted.
void http_forwarder::record_failure(const upstream_attempt& attempt, error_code why) {
    if (why != reason::upstream_unreachable && why != reason::upstream_timeout &&
        why != reason::upstream_invalid && why != reason::upstream_incomplete)
        return;
    // Not before it has read the request does TLS 1.3 say that it takes no certificate of ours.
    const std::string cause = attempt.trouble.empty() ? why.message() : attempt.trouble;
    eject(attempt, endpoint_set::fault(to_reason(why), cause, true));
}

void http_forwarder::eject(const upstream_attempt& attempt, const endpoint_set::fault& what) {
    if (attempt.selection.failed(what, clock::now(), random_bits()))
        tell(attempt.endpoint, what.why);
}

void http_forwarder::tell(std::size_t endpoint, error_code why) {
    if (!why)
        return log_(log_level::info, "upstream endpoint restored",
                    {{"endpoint", labels_[endpoint]}});
    counters_.upstream_ejections.add();
    const std::string cause = endpoints_.look(endpoint).cause;
    log_(log_level::warning, "upstream endpoint ejected",
         {{"endpoint", labels_[endpoint]}, {"reason", to_string(to_reason(why))}, {"what", cause}});
}

asio::awaitable<error_code> http_forwarder::wait_for_slot(upstream_attempt& attempt) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    slot_wait wait(pool_, pool_.join_unless_free(executor));
    if (!wait.ticket) co_return error_code{};
    const auto remaining = attempt.connect_until - clock::now();
    attempt.deadline.arm(exchange_deadline::duration::zero(),
                         std::max(remaining, clock::duration(1)), reason::busy);
    co_await wait.ticket->wait(attempt.deadline);
    wait.gave_up = attempt.deadline.error().failed();
    co_return attempt.deadline.error();
}

asio::awaitable<error_code> http_forwarder::exchange(upstream_attempt& attempt,
                                                     response_guard& guard) {
    const exchange_deadline::on_cancel cancel(attempt.deadline,
                                              [&attempt] { attempt.stream().cancel(); });
    const auto remaining = std::max(attempt.until - clock::now(), clock::duration(1));
    attempt.deadline.arm(exchange_deadline::duration::zero(), remaining, reason::upstream_timeout);
    if (attempt.deadline.stopped())
        co_return attempt.deadline.error(); // while nothing of it is out
    prepare(attempt);
    attempt.stream().begin_request();
    error_code unsent = send_some(attempt);
    if (unsent == asio::error::would_block) unsent = co_await send_rest(attempt);
    if (!unsent) attempt.stream().end_request();
    if (unsent == reason::spill_failed) co_return unsent;
    attempt.cut = unsent.failed();
    attempt.head = std::string(); // most exchanges that are in flight wait from here on
    if (attempt.deadline.error()) co_return attempt.deadline.error();
    // An upstream that refuses early answers before it has read everything (RFC 9112 §9.5): what it
    // said is read even when the request could not be sent whole.
    error_code failed = co_await read_response(attempt, guard);
    if (attempt.cut && !failed && guard.status() < 300) co_return reason::upstream_incomplete;
    co_return failed;
}

void http_forwarder::prepare(upstream_attempt& attempt) const {
    const std::uint64_t parent = random_bits() | 1; // never zero
    attempt.head = request_head(heads_[attempt.endpoint], attempt.request, parent);
    attempt.sent_before = attempt.begun();
    attempt.sent = attempt.in_head = 0;
    if (!tls_.used() || attempt.head.size() >= tls_record) return;
    const payload& body = attempt.request.body();
    attempt.in_head = std::min(body.size(), tls_record - attempt.head.size());
    const std::size_t head_size = attempt.head.size();
    attempt.head.resize(head_size + attempt.in_head);
    // Should the file not give it, it will fail again where that is looked at.
    const auto got =
        body.read(0, std::as_writable_bytes(std::span(attempt.head)).subspan(head_size));
    attempt.in_head = got.has_value() ? *got : 0;
    attempt.head.resize(head_size + attempt.in_head);
}

// Sends what the kernel takes, and no more than others can wait for: success when that is
// everything, `would_block` when there is more.
error_code http_forwarder::send_some(upstream_attempt& attempt) const {
    const payload& body = attempt.request.body();
    const std::size_t total = attempt.head.size() + body.size() - attempt.in_head;
    const std::size_t before = attempt.sent;
    while (attempt.sent < total) {
        if (attempt.sent - before >= quantum) return asio::error::would_block;
        // Head and body in one gathered write; the payload is never copied, but for what fills a
        // TLS record.
        const std::size_t of_head = std::min(attempt.sent, attempt.head.size());
        const std::size_t of_body = attempt.sent - of_head + attempt.in_head;
        const auto head = std::as_bytes(std::span(attempt.head)).subspan(of_head);
        auto sent = result<std::size_t>(std::size_t{0});
        const std::size_t of_quantum = std::min(body.size() - of_body, quantum);
        if (!body.spilled())
            sent = attempt.stream().write_some(head, body.bytes().subspan(of_body, of_quantum));
        else if (!head.empty())
            sent = attempt.stream().write_some(head, {});
        else
            sent = attempt.stream().send_file_piece(body, of_body);
        if (sent.has_error() && is_file_error(sent.error()))
            return unreadable(attempt, sent.error());
        if (sent.has_error()) return sent.error();
        attempt.sent += *sent;
    }
    return {};
}

error_code http_forwarder::unreadable(const upstream_attempt& attempt, error_code why) {
    if (attempt.request.spills() != nullptr) return attempt.request.spills()->failed(why);
    return reason::spill_failed;
}

asio::awaitable<error_code> http_forwarder::send_rest(upstream_attempt& attempt) {
    error_code unsent = asio::error::would_block;
    while (unsent == asio::error::would_block) {
        if (attempt.deadline.error()) co_return attempt.deadline.error();
        auto [ec] = co_await attempt.stream().async_wait_writable();
        if (ec) co_return ec;
        if (attempt.sent > yields_above) co_await fair_yield();
        if (attempt.deadline.error()) co_return attempt.deadline.error();
        unsent = send_some(attempt);
    }
    co_return unsent;
}

asio::awaitable<error_code> http_forwarder::read_response(upstream_attempt& attempt,
                                                          response_guard& guard) {
    payload& into = guard.buffer();
    auto state = response_guard::state::more;
    while (state == response_guard::state::more) {
        if (attempt.deadline.error()) co_return attempt.deadline.error();
        // Whoever waits holds no buffer: most exchanges that are in flight wait here.
        if (!guard.started() || guard.spills()) into.release_writable();
        auto [waited] = co_await attempt.stream().async_wait_readable();
        if (!waited && guard.taken() > yields_above) co_await fair_yield();
        if (attempt.deadline.error()) co_return attempt.deadline.error();
        if (waited) {
            guard.cut();
            co_return reason::upstream_incomplete;
        }
        bool has_buffer = !into.writable().empty() || guard.make_room();
        while (!has_buffer) {
            const response_guard::shortfall lacking = guard.lacking();
            error_code failed =
                co_await wait_for_buffer(*lacking.of, lacking.size, attempt.deadline);
            if (failed) co_return failed;
            has_buffer = guard.make_room();
        }
        state = read_some(attempt, guard);
        // A request that is being answered is not sent again. Its bytes may be the very ones that
        // are missing for the reply: exchanges that fill the budget would wait for themselves.
        const bool comes = guard.started() && state == response_guard::state::more;
        // It is not held beside a reply, once that is known not to be a 408.
        const bool may_be_408 =
            attempt.may_repeat && (guard.status() == 0 || guard.status() == 408);
        if (comes && !may_be_408) attempt.give_payload_back();
    }
    if (attempt.rejected) co_return reason::upstream_unreachable;
    if (state == response_guard::state::failed) co_return guard.why();
    co_return error_code{};
}

response_guard::state http_forwarder::read_some(upstream_attempt& attempt, response_guard& guard) {
    const std::span<std::byte> buffer = guard.buffer().writable();
    const auto got = attempt.stream().read_some(buffer.first(std::min(buffer.size(), quantum)));
    if (got.has_value()) return guard.received(*got);
    if (got.error() == asio::error::would_block) return response_guard::state::more;
    // The close that meets a request which is not out ends no body.
    if (got.error() == asio::error::eof && !attempt.cut) return guard.closed();
    // With TLS 1.3 it says only now whether it takes this side's certificate (RFC 8446 §4.4.3).
    // Where it has answered before, it has read the request.
    attempt.rejected =
        got.error() == reason::tls_handshake && !guard.started() && !attempt.held->kept_before();
    if (attempt.rejected) tell_handshake(attempt, attempt.stream().failure());
    return guard.cut();
}

} // namespace finpost
