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
#include <cerrno>
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

struct http_forwarder::attempt {
    explicit attempt(request& r, const upstream_config& config)
        : asked(r), deadline(r.deadline()), began(clock::now()),
          connect_until(began + config.connect), until(began + config.total) {
        connect_until = std::min(connect_until, until);
    }

    request& asked;
    exchange_deadline& deadline;
    clock::time_point began, connect_until, until;
    endpoint_set::selection selection;
    endpoint_set::mask tried = 0; // could not be connected to
    std::optional<pool::lease> held;
    std::size_t endpoint = 0; // taken last
    std::size_t lane = 0;     // which of the executors this exchange is on
    std::string head;         // of the request
    std::size_t in_head = 0;  // of the body: goes out with the head in one record
    std::size_t sent = 0;     // of head and body
    int status = 0;
    bool asked_any = false; // an endpoint was chosen: the log can name it
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
        asked.body() = payload(asked.body().budget());
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
                                               request asked) {
    attempt now(asked, config_);
    std::optional<response_guard> guard;
    if (executors_.size() > 1) {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        now.lane = lane_of(executor);
    }
    choose(now);
    for (;;) {
        // A kept connection is there nearly always, and then there is nothing to wait for.
        error_code failed;
        if (!take(now) || !now.connected()) failed = co_await connect(now);
        if (failed) co_return refuse(now, failed);
        now.may_repeat = now.held->kept_before();
        guard.emplace(config_.max_reply, asked.body().budget(), response_guard::body::kept,
                      asked.spills());
        guard->asked_for(codings_, config_.on_status == status_policy::relay);
        if (now.may_repeat) guard->follows_another();
        failed = co_await exchange(now, *guard);
        now.status = guard->status();
        if (!may_send_again(now, failed, *guard)) {
            if (!failed) break;
            tell_refused(now, *guard, failed);
            record_failure(now, failed);
            co_return refuse(now, failed);
        }
        counters_.upstream_retries.add();
        now.fresh_only = true;
        now.held.reset();
    }
    co_return relay(now, *guard);
}

// The upstream may close a kept connection just as the request goes out, or say by a 408 that it
// does (RFC 9110 §15.5.9). Only then, and only while no other byte of a response has come, is it
// sent again: once, with the same Idempotency-Key, on a new connection (RFC 9112 §9.3.1, RFC 9110
// §9.2.2), to the endpoint that may have seen it unless that is gone.
bool http_forwarder::may_send_again(const attempt& now, error_code failed,
                                    const response_guard& guard) {
    if (!now.may_repeat || now.deadline.error()) return false;
    return guard.status() == 408 || (failed == reason::upstream_incomplete && !guard.started());
}

asio::awaitable<reply> http_forwarder::forward_stream(std::shared_ptr<const void> owner,
                                                      request asked, exchange_stream& client) {
    attempt now(asked, config_);
    // What was sent of a stream is gone: it cannot be sent again when a kept connection turns out
    // closed.
    now.fresh_only = true;
    if (executors_.size() > 1) {
        const asio::any_io_executor executor = co_await asio::this_coro::executor;
        now.lane = lane_of(executor);
    }
    choose(now);
    const bool in_one_piece = now.selection && speaks_1_0_[now.selection.endpoint()];
    now.selection.end(); // who waits for room burdens no endpoint
    if (in_one_piece) {
        reply given = co_await forward_whole(owner, std::move(asked), client);
        co_return given;
    }
    byte_budget* const budget = asked.body().budget();
    response_guard guard(config_.max_reply, budget, response_guard::body::passed_on);
    guard.asked_for(codings_, config_.on_status == status_policy::relay);
    streamed_exchange both(client, guard, budget, config_);
    error_code failed = co_await both.make_room(now.deadline);
    if (failed) co_return refuse(now, failed);
    now.connect_until = clock::now() + config_.connect;
    choose(now);
    if (!take(now) || !now.connected()) failed = co_await connect(now);
    if (failed) co_return refuse(now, failed);
    if (speaks_1_0_[now.endpoint]) { // another than was chosen
        now.selection.end();
        now.held.reset();
        both.leave_room();
        reply given = co_await forward_whole(owner, std::move(asked), client);
        co_return given;
    }
    prepare(now);
    failed = co_await both.run(now.stream(), now.head);
    now.sent_before =
        both.begun() &&
        !both.rejected(); // what a service that refuses this side got, nobody has read
    now.status = guard.status();
    now.cut = !both.whole();
    if (both.rejected()) tell_handshake(now, now.stream().failure());
    now.rejected = both.rejected();
    if (failed || now.cut) now.stream().reset();
    if (failed) {
        remember_version(now.endpoint, guard);
        tell_refused(now, guard, failed);
        record_failure(now, failed);
        co_return refuse(now, failed);
    }
    co_return relay(now, guard);
}

// For a service that cannot read chunks: the payload waits for its end, in a file when it is large.
asio::awaitable<reply> http_forwarder::forward_whole(std::shared_ptr<const void> owner,
                                                     request asked, exchange_stream& client) {
    error_code failed = co_await receive_whole(asked, client);
    if (failed) co_return reply(to_reason(failed));
    request whole(std::move(asked.body()), asked.peer(), asked.local(), asked.id(),
                  asked.deadline(), asked.sampled(), asked.tls_peer_name());
    whole.spills(asked.spills());
    reply given = co_await forward(owner, std::move(whole));
    co_return given;
}

asio::awaitable<error_code> http_forwarder::receive_whole(request& asked,
                                                          exchange_stream& client) const {
    payload piece(asked.body().budget());
    asked.deadline().arm(exchange_deadline::duration::zero(), config_.connect, reason::busy);
    error_code failed = co_await wait_for_buffer(piece, piece_size, asked.deadline());
    while (!failed) {
        const std::span<std::byte> buffer = piece.writable();
        auto got = co_await client.read(buffer);
        if (got.has_error()) co_return got.error();
        if (*got == 0) break;
        failed = hold(asked, buffer.first(*got));
    }
    if (!failed && asked.body().spilled()) asked.spills()->kept();
    co_return failed;
}

// In memory as far as that is allowed and there, else in a file.
error_code http_forwarder::hold(request& asked, std::span<const std::byte> data) {
    payload& body = asked.body();
    const spill_policy* const files = asked.spills();
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

reply http_forwarder::relay(attempt& now, response_guard& guard) {
    if (now.selection.answered()) tell(now.endpoint, {});
    remember_version(now.endpoint, guard);
    if (tls_.used() && !now.held->kept_before()) tls_.remember(now.stream(), now.endpoint);
    // One that is not kept is looked at here, the others when they are taken again.
    const bool reusable = guard.reusable() && !now.cut;
    if (guard.behind() > 0 || (!reusable && now.stream().has_bytes())) tell_behind(now);
    if (reusable) {
        now.held->keep(clock::now());
        kept_();
    }
    now.held.reset();
    const bool success = now.status >= 200 && now.status < 300;
    // Nothing to relay would look like the empty reply of a success.
    if (!success && (config_.on_status == status_policy::refuse || guard.without_body()))
        return refuse(now, reason::upstream_status);
    reply answer(guard.take_body());
    answer.from(labels_[now.endpoint], now.status);
    return answer;
}

reply http_forwarder::refuse(const attempt& now, error_code why) const {
    // Those three say that nothing was sent, and that it is safe to try again. A handshake that
    // fails when the request is out already (TLS 1.3) is no lie: nobody has read it.
    const bool unread = now.rejected && !now.sent_before;
    if (now.begun() && !unread &&
        (why == reason::upstream_unreachable || why == reason::busy || why == reason::draining))
        why = reason::upstream_incomplete;
    reply refusal(to_reason(why));
    if (now.asked_any) refusal.from(labels_[now.endpoint], now.status);
    return refusal;
}

// An exchange that came on none of the executors uses the first, which is as good as any.
std::size_t http_forwarder::lane_of(const asio::any_io_executor& executor) const {
    for (std::size_t lane = 1; lane < executors_.size(); ++lane)
        if (&executors_[lane].context() == &executor.context()) return lane;
    return 0;
}

// Where the pool has the connections to an endpoint that belong to a lane.
std::size_t http_forwarder::place(std::size_t endpoint, std::size_t lane) const noexcept {
    return lane * endpoints_.size() + endpoint;
}

void http_forwarder::restrict(std::size_t endpoint,
                              const std::function<bool(const connection&)>& wanted) {
    for (std::size_t lane = 0; lane < executors_.size(); ++lane)
        pool_.restrict(place(endpoint, lane), wanted);
}

// Among the endpoints that have not been tried; none when all have.
void http_forwarder::choose(attempt& now) {
    now.selection = endpoints_.choose(clock::now(), now.tried, resolver_->unknown());
}

// A lease for the chosen endpoint, with a connection when a fit one was kept; false when all are in
// use.
bool http_forwarder::take(attempt& now) {
    if (!now.held) now.held = pool_.take(place(now.selection.endpoint(), now.lane), clock::now());
    if (!now.held) return false;
    now.endpoint = now.selection.endpoint();
    now.asked_any = true;
    if (!now.connected()) return true;
    const bool quiet = now.stream().is_quiet();
    if (!quiet && now.stream().has_bytes()) tell_behind(now);
    if (!quiet || now.fresh_only) now.held->drop();
    return true;
}

asio::awaitable<error_code> http_forwarder::connect(attempt& now) {
    error_code failed = reason::upstream_unreachable;
    for (; now.selection; choose(now)) {
        if (!take(now)) {
            now.selection.end(); // who waits burdens no endpoint
            error_code gave_up = co_await wait_for_slot(now);
            if (gave_up) co_return gave_up;
            continue;
        }
        if (now.connected()) co_return error_code{};
        error_code refused = co_await connect_to(now);
        if (!refused) co_return refused;
        now.held.reset();
        now.tried |= endpoint_set::mask{1} << now.endpoint;
        if (now.deadline.stopped()) co_return now.deadline.error();
        failed = refused;
    }
    co_return failed;
}

asio::awaitable<error_code> http_forwarder::connect_to(attempt& now) {
    // A silent endpoint gets its share of the time, not all of it, and leaves one to each that is
    // still to be tried.
    const auto began = clock::now();
    const auto untried = static_cast<std::int64_t>(
        endpoints_.size() - static_cast<std::size_t>(std::popcount(now.tried)));
    const auto share = (now.connect_until - began) / untried;
    if (share <= clock::duration::zero()) co_return reason::upstream_unreachable; // not its fault
    now.deadline.arm(exchange_deadline::duration::zero(), share, reason::upstream_unreachable);
    auto addresses = resolver_->of(now.endpoint);
    if (addresses.empty()) {
        // Only the exchanges of a gateway that has just been started find a name not looked up yet.
        co_await resolver_->first_answer(now.endpoint, now.deadline);
        addresses = resolver_->of(now.endpoint);
    }
    const asio::any_io_executor strand = co_await asio::this_coro::executor;
    const auto race =
        std::make_shared<connect_race>(strand, executors_[now.lane], std::move(addresses));
    error_code failed = co_await race->run(now.deadline, began + share);
    if (!failed) {
        made(now, *race);
        if (tls_.used()) failed = co_await secure(now);
        if (!failed) {
            if (now.selection.connected()) tell(now.endpoint, {});
            co_return failed;
        }
    }
    if (now.deadline.stopped()) co_return now.deadline.error();
    if (!race->connected()) tell_connect(now, race->cause());
    if (lacks_resources(failed)) co_return reason::busy; // this side's fault
    if (now.trouble.empty()) now.trouble = race->cause().message();
    const endpoint_set::fault what(reason::upstream_unreachable, std::exchange(now.trouble, {}),
                                   false);
    eject(now, what);
    resolver_->request_refresh();
    co_return reason::upstream_unreachable;
}

void http_forwarder::made(attempt& now, connect_race& race) {
    for (std::size_t i = 0; i < race.position(); ++i)
        resolver_->deprioritize(now.endpoint, race.address(i));
    now.held->made(upstream_stream(std::move(race.winner()), race.address(race.position())));
    now.held->forget_kept();
}

// Within what is left of this endpoint's share. Plain text is no way out when it fails.
asio::awaitable<error_code> http_forwarder::secure(attempt& now) {
    tls_.secure(now.stream(), now.endpoint);
    error_code failed = co_await handshake(now.stream(), now.deadline);
    if (!failed || now.deadline.stopped()) co_return failed;
    tell_handshake(now, now.deadline.error() ? "it took too long" : now.stream().failure());
    tls_.forget(now.endpoint); // what was to be resumed may be why
    co_return failed;
}

void http_forwarder::tell_handshake(attempt& now, std::string_view what) const {
    now.trouble = handshake_failure(what);
    log_(log_level::warning, "upstream handshake failed",
         {{"endpoint", labels_[now.endpoint]},
          {"what", what.empty() ? "the connection broke" : what}});
}

void http_forwarder::tell_connect(const attempt& now, const error_code& cause) const {
    const std::string what = cause.message();
    log_(log_level::warning, "upstream connect failed",
         {{"endpoint", labels_[now.endpoint]}, {"what", what}});
}

// Whoever reads only `upstream_invalid` does not know what to fix.
void http_forwarder::tell_refused(const attempt& now, const response_guard& guard,
                                  error_code why) const {
    std::string_view what = guard.what();
    if (what.empty() && why == reason::busy) what = "no room in max_buffered for the response";
    if (what.empty() && why == reason::upstream_incomplete)
        what = "the request was not taken to its end";
    if (what.empty()) return;
    log_(log_level::warning, "upstream response refused",
         {{"id", now.asked.id().text()},
          {"endpoint", labels_[now.endpoint]},
          {"reason", to_string(to_reason(why))},
          {"what", what},
          {"offset",
           static_cast<std::int64_t>(guard.what().empty() ? guard.taken() : guard.offset())}});
}

// A length that was counted in characters cuts replies, and nobody notices.
void http_forwarder::tell_behind(const attempt& now) {
    if (!behind_warning_.is_due(clock::now())) return;
    log_(log_level::warning, "upstream bytes behind response",
         {{"endpoint", labels_[now.endpoint]},
          {"what",
           "the service sent more than its response said: is the length counted in characters?"}});
}

// What counts as a failure of an endpoint: no connection, no answer in time, or one that is not
// acceptable. Not for a status, which is an answer, nor for what this side lacks or the client
// wanted.
void http_forwarder::record_failure(const attempt& now, error_code why) {
    if (why != reason::upstream_unreachable && why != reason::upstream_timeout &&
        why != reason::upstream_invalid && why != reason::upstream_incomplete)
        return;
    // Not before it has read the request does TLS 1.3 say that it takes no certificate of ours.
    const std::string cause = now.trouble.empty() ? why.message() : now.trouble;
    eject(now, endpoint_set::fault(to_reason(why), cause, true));
}

void http_forwarder::eject(const attempt& now, const endpoint_set::fault& what) {
    if (now.selection.failed(what, clock::now(), random_bits())) tell(now.endpoint, what.why);
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

asio::awaitable<error_code> http_forwarder::wait_for_slot(attempt& now) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    slot_wait wait(pool_, pool_.join_unless_free(executor));
    if (!wait.ticket) co_return error_code{};
    const auto remaining = now.connect_until - clock::now();
    now.deadline.arm(exchange_deadline::duration::zero(), std::max(remaining, clock::duration(1)),
                     reason::busy);
    co_await wait.ticket->wait(now.deadline);
    wait.gave_up = now.deadline.error().failed();
    co_return now.deadline.error();
}

asio::awaitable<error_code> http_forwarder::exchange(attempt& now, response_guard& guard) {
    const exchange_deadline::on_cancel cancel(now.deadline, [&now] { now.stream().cancel(); });
    const auto remaining = std::max(now.until - clock::now(), clock::duration(1));
    now.deadline.arm(exchange_deadline::duration::zero(), remaining, reason::upstream_timeout);
    if (now.deadline.stopped()) co_return now.deadline.error(); // while nothing of it is out
    prepare(now);
    now.stream().begin_request();
    error_code unsent = send_some(now);
    if (unsent == asio::error::would_block) unsent = co_await send_rest(now);
    if (!unsent) now.stream().end_request();
    if (unsent == reason::spill_failed) co_return unsent;
    now.cut = unsent.failed();
    now.head = std::string(); // most exchanges that are in flight wait from here on
    if (now.deadline.error()) co_return now.deadline.error();
    // An upstream that refuses early answers before it has read everything (RFC 9112 §9.5): what it
    // said is read even when the request could not be sent whole.
    error_code failed = co_await read_response(now, guard);
    if (now.cut && !failed && guard.status() < 300) co_return reason::upstream_incomplete;
    co_return failed;
}

void http_forwarder::prepare(attempt& now) const {
    const std::uint64_t parent = random_bits() | 1; // never zero
    now.head = request_head(heads_[now.endpoint], now.asked, parent);
    now.sent_before = now.begun();
    now.sent = now.in_head = 0;
    if (!tls_.used() || now.head.size() >= tls_record) return;
    const payload& body = now.asked.body();
    now.in_head = std::min(body.size(), tls_record - now.head.size());
    const std::size_t head_size = now.head.size();
    now.head.resize(head_size + now.in_head);
    // Should the file not give it, it will fail again where that is looked at.
    const auto got = body.read(0, std::as_writable_bytes(std::span(now.head)).subspan(head_size));
    now.in_head = got.has_value() ? *got : 0;
    now.head.resize(head_size + now.in_head);
}

// Sends what the kernel takes, and no more than others can wait for: success when that is
// everything, `would_block` when there is more.
error_code http_forwarder::send_some(attempt& now) const {
    const payload& body = now.asked.body();
    const std::size_t total = now.head.size() + body.size() - now.in_head;
    const std::size_t before = now.sent;
    while (now.sent < total) {
        if (now.sent - before >= quantum) return asio::error::would_block;
        // Head and body in one gathered write; the payload is never copied, but for what fills a
        // TLS record.
        const std::size_t of_head = std::min(now.sent, now.head.size());
        const std::size_t of_body = now.sent - of_head + now.in_head;
        const auto head = std::as_bytes(std::span(now.head)).subspan(of_head);
        auto sent = result<std::size_t>(std::size_t{0});
        const std::size_t of_quantum = std::min(body.size() - of_body, quantum);
        if (!body.spilled())
            sent = now.stream().write_some(head, body.bytes().subspan(of_body, of_quantum));
        else if (!head.empty())
            sent = now.stream().write_some(head, {});
        else
            sent = now.stream().send_piece(body, of_body);
        if (sent.error() == reason::spill_failed) return unreadable(now);
        if (sent.has_error()) return sent.error();
        now.sent += *sent;
    }
    return {};
}

error_code http_forwarder::unreadable(const attempt& now) {
    const error_code why(errno, boost::system::system_category());
    if (now.asked.spills() != nullptr) return now.asked.spills()->failed(why);
    return reason::spill_failed;
}

asio::awaitable<error_code> http_forwarder::send_rest(attempt& now) {
    error_code unsent = asio::error::would_block;
    while (unsent == asio::error::would_block) {
        if (now.deadline.error()) co_return now.deadline.error();
        auto [ec] = co_await now.stream().async_wait_writable();
        if (ec) co_return ec;
        if (now.sent > yields_above) co_await fair_yield();
        if (now.deadline.error()) co_return now.deadline.error();
        unsent = send_some(now);
    }
    co_return unsent;
}

asio::awaitable<error_code> http_forwarder::read_response(attempt& now, response_guard& guard) {
    payload& into = guard.buffer();
    auto state = response_guard::state::more;
    while (state == response_guard::state::more) {
        if (now.deadline.error()) co_return now.deadline.error();
        // Whoever waits holds no buffer: most exchanges that are in flight wait here.
        if (!guard.started() || guard.spills()) into.release_writable();
        auto [waited] = co_await now.stream().async_wait_readable();
        if (!waited && guard.taken() > yields_above) co_await fair_yield();
        if (now.deadline.error()) co_return now.deadline.error();
        if (waited) {
            guard.cut();
            co_return reason::upstream_incomplete;
        }
        bool has_buffer = !into.writable().empty() || guard.make_room();
        while (!has_buffer) {
            const response_guard::shortfall lacking = guard.lacking();
            error_code failed = co_await wait_for_buffer(*lacking.of, lacking.size, now.deadline);
            if (failed) co_return failed;
            has_buffer = guard.make_room();
        }
        state = read_some(now, guard);
        // A request that is being answered is not sent again. Its bytes may be the very ones that
        // are missing for the reply: exchanges that fill the budget would wait for themselves.
        const bool comes = guard.started() && state == response_guard::state::more;
        // It is not held beside a reply, once that is known not to be a 408.
        const bool may_be_408 = now.may_repeat && (guard.status() == 0 || guard.status() == 408);
        if (comes && !may_be_408) now.give_payload_back();
    }
    if (now.rejected) co_return reason::upstream_unreachable;
    if (state == response_guard::state::failed) co_return guard.why();
    co_return error_code{};
}

response_guard::state http_forwarder::read_some(attempt& now, response_guard& guard) {
    const std::span<std::byte> buffer = guard.buffer().writable();
    const auto got = now.stream().read_some(buffer.first(std::min(buffer.size(), quantum)));
    if (got.has_value()) return guard.received(*got);
    if (got.error() == asio::error::would_block) return response_guard::state::more;
    // The close that meets a request which is not out ends no body.
    if (got.error() == asio::error::eof && !now.cut) return guard.closed();
    // With TLS 1.3 it says only now whether it takes this side's certificate (RFC 8446 §4.4.3).
    // Where it has answered before, it has read the request.
    now.rejected =
        got.error() == reason::tls_handshake && !guard.started() && !now.held->kept_before();
    if (now.rejected) tell_handshake(now, now.stream().failure());
    return guard.cut();
}

} // namespace finpost
