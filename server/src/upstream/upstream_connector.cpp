#include "upstream/upstream_connector.hpp"

#include "async/sequence.hpp"
#include "random.hpp"
#include "upstream/exchange_rules.hpp"

#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

std::vector<std::string> host_and_port(const upstream_config& config) {
    std::vector<std::string> labels;
    for (const http_url& url : config.endpoints)
        labels.push_back(to_string(host_port{url.host, url.port}));
    return labels;
}

} // namespace

upstream_attempt::upstream_attempt(exchange_deadline& limit, const upstream_config& config)
    : deadline(limit), until(clock::now() + config.total) {
    restart_connecting(config.connect);
}

void upstream_attempt::restart_connecting(clock::duration limit) {
    connect_until = std::min(clock::now() + limit, until);
    has_waited = false;
}

std::string_view upstream_dial::tls_failure() const noexcept {
    if (deadline.error()) return "it took too long";
    return stream ? stream->failure() : std::string_view();
}

// A place in the queue for a connection. Whatever ends the wait, a wake is not lost.
struct upstream_connector::slot_wait {
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

upstream_connector::upstream_connector(const event_loops& loops, const upstream_config& config,
                                       tls_side tls, metrics& counters, logger log,
                                       std::function<void()> on_idle)
    : executors_(loops.executors()), counters_(counters), log_(std::move(log)),
      tls_(config, std::move(tls), log_), labels_(host_and_port(config)),
      endpoints_(config.endpoints.size()),
      resolver_(std::make_shared<resolver>(sequence_on(loops.first(), loops.one_thread_each()),
                                           config.endpoints, config.resolve_every, log_)),
      pool_(config.endpoints.size() * executors_.size(), config.max_connections, config.keep_alive,
            counters.upstream_busy, counters.upstream_idle),
      on_idle_(std::move(on_idle)) {}

// An exchange that came on none of the executors uses the first, which is as good as any.
void upstream_connector::set_executor(upstream_attempt& attempt,
                                      const asio::any_io_executor& executor) const {
    for (std::size_t i = 1; i < executors_.size(); ++i)
        if (&executors_[i].context() == &executor.context()) attempt.executor_index = i;
}

// Where the pool has the connections to an endpoint that belong to an executor.
std::size_t upstream_connector::pool_slot(std::size_t endpoint,
                                          std::size_t executor_index) const noexcept {
    return executor_index * endpoints_.size() + endpoint;
}

void upstream_connector::restrict(std::size_t endpoint,
                                  const std::function<bool(const upstream_stream&)>& wanted) {
    for (std::size_t i = 0; i < executors_.size(); ++i)
        pool_.restrict(pool_slot(endpoint, i), wanted);
}

void upstream_connector::choose(upstream_attempt& attempt) {
    attempt.selection = endpoints_.choose(clock::now(), attempt.tried, resolver_->unknown());
}

// A lease for the chosen endpoint, with a connection when a fit one was kept; false when all are in
// use.
bool upstream_connector::take(upstream_attempt& attempt) {
    if (!attempt.lease)
        attempt.lease = pool_.take(pool_slot(attempt.selection.endpoint(), attempt.executor_index),
                                   clock::now());
    if (!attempt.lease) return false;
    attempt.endpoint = attempt.selection.endpoint();
    attempt.endpoint_chosen = true;
    if (!attempt.connected()) return true;
    const bool quiet = attempt.stream().is_quiet();
    if (!quiet && attempt.stream().has_bytes()) warn_of_bytes_behind(attempt.endpoint);
    if (!quiet || attempt.fresh_only) attempt.lease->drop();
    return true;
}

asio::awaitable<error_code> upstream_connector::connect(upstream_attempt& attempt) {
    error_code failed = reason::upstream_unreachable;
    for (; attempt.selection; choose(attempt)) {
        if (!take(attempt)) {
            attempt.selection.end(); // a waiter burdens no endpoint
            error_code gave_up = co_await wait_for_slot(attempt);
            if (gave_up) co_return gave_up;
            continue;
        }
        if (attempt.connected()) co_return error_code{};
        error_code refused = co_await connect_to(attempt);
        if (!refused) co_return error_code{};
        attempt.lease.reset();
        attempt.tried |= endpoint_set::mask{1} << attempt.endpoint;
        if (attempt.deadline.stopped()) co_return attempt.deadline.error();
        failed = refused;
    }
    co_return failed;
}

asio::awaitable<error_code> upstream_connector::wait_for_slot(upstream_attempt& attempt) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    slot_wait wait(pool_, pool_.join_unless_free(executor));
    if (!wait.ticket) co_return error_code{};
    attempt.has_waited = true;
    const auto remaining = attempt.connect_until - clock::now();
    attempt.deadline.arm(exchange_deadline::duration::zero(),
                         std::max(remaining, clock::duration(1)), reason::busy);
    co_await wait.ticket->wait(attempt.deadline);
    wait.gave_up = attempt.deadline.error().failed();
    co_return attempt.deadline.error();
}

// A silent endpoint gets its share of the time, not all of it, and leaves one to each that is still
// to be tried.
upstream_connector::clock::duration
upstream_connector::share_of_time(const upstream_attempt& attempt, clock::time_point now) const {
    const auto untried = static_cast<std::int64_t>(
        endpoints_.size() - static_cast<std::size_t>(std::popcount(attempt.tried)));
    return (attempt.connect_until - now) / untried;
}

asio::awaitable<error_code> upstream_connector::connect_to(upstream_attempt& attempt) {
    const auto began = clock::now();
    const auto share = share_of_time(attempt, began);
    if (share <= clock::duration::zero()) // not its fault
        co_return attempt.has_waited ? reason::busy : reason::upstream_unreachable;
    attempt.deadline.arm(exchange_deadline::duration::zero(), share, reason::upstream_unreachable);
    auto addresses = resolver_->of(attempt.endpoint);
    if (addresses.empty()) {
        // Only the exchanges of a gateway that has just been started find a name not looked up yet.
        co_await resolver_->first_answer(attempt.endpoint, attempt.deadline);
        addresses = resolver_->of(attempt.endpoint);
    }
    const asio::any_io_executor strand = co_await asio::this_coro::executor;
    upstream_dial call(attempt.endpoint, std::move(addresses), strand,
                       executors_[attempt.executor_index], attempt.deadline);
    const auto left = share - (clock::now() - began); // a lookup may have taken some of it
    error_code failed = co_await dial(call, left);
    if (failed) co_return not_connected(attempt, call, failed);
    attempt.lease->made(std::move(*call.stream));
    attempt.lease->forget_reuse();
    if (attempt.selection.connected()) report_restored(attempt.endpoint);
    co_return error_code{};
}

error_code upstream_connector::not_connected(upstream_attempt& attempt, const upstream_dial& dial,
                                             error_code failed) {
    if (attempt.deadline.stopped()) return attempt.deadline.error();
    // The wait for a slot took the time that the endpoint should have had.
    if (attempt.has_waited && attempt.deadline.error()) return reason::busy;
    const std::string cause = dial.race->cause().message();
    if (dial.stream) {
        handshake_failed(attempt, dial.tls_failure());
        tls_.forget(attempt.endpoint); // what was to be resumed may be why
    } else if (!dial.race->connected()) {
        log_(log_level::warning, "upstream connect failed",
             {{"endpoint", labels_[attempt.endpoint]}, {"what", cause}});
    }
    if (lacks_resources(failed)) return reason::busy; // this side's fault
    const std::string what = std::exchange(attempt.tls_failure, {});
    const endpoint_set::fault fault(reason::upstream_unreachable, what.empty() ? cause : what,
                                    false);
    record(attempt, fault);
    resolver_->request_refresh();
    return reason::upstream_unreachable;
}

// Plain text is no way out when the handshake fails.
asio::awaitable<error_code> upstream_connector::dial(upstream_dial& dial,
                                                     clock::duration within) const {
    connect_race& race = *dial.race;
    error_code failed = co_await race.run(dial.deadline, clock::now() + within);
    if (failed) co_return failed;
    dial.stream.emplace(std::move(race.winner()), race.address(race.position()));
    for (std::size_t i = 0; i < race.position(); ++i) // they were silent, or refused
        resolver_->deprioritize(dial.endpoint, race.address(i));
    if (!tls_.used()) co_return error_code{};
    tls_.secure(*dial.stream, dial.endpoint);
    failed = co_await handshake(dial.stream->stream(), dial.deadline);
    co_return failed;
}

void upstream_connector::answered(upstream_attempt& attempt, bool reusable, bool bytes_behind) {
    if (attempt.selection.answered()) report_restored(attempt.endpoint);
    if (tls_.used() && !attempt.lease->reused()) tls_.remember(attempt.stream(), attempt.endpoint);
    // One that is not kept is looked at here, the others when they are taken again.
    if (bytes_behind || (!reusable && attempt.stream().has_bytes()))
        warn_of_bytes_behind(attempt.endpoint);
    if (reusable) {
        attempt.lease->release_idle(clock::now());
        on_idle_();
    }
    attempt.lease.reset();
}

void upstream_connector::answered_early(upstream_attempt& attempt, bool bytes_behind) {
    if (attempt.selection.answered()) report_restored(attempt.endpoint);
    if (bytes_behind) warn_of_bytes_behind(attempt.endpoint);
    attempt.stream().reset();
    attempt.lease.reset();
}

void upstream_connector::failed(const upstream_attempt& attempt, error_code why) {
    if (!is_endpoint_failure(why)) return;
    // Not before it has read the request does TLS 1.3 say that it takes no certificate of ours.
    const std::string cause = attempt.tls_failure.empty() ? why.message() : attempt.tls_failure;
    record(attempt, endpoint_set::fault(to_reason(why), cause, true));
}

void upstream_connector::record(const upstream_attempt& attempt, const endpoint_set::fault& fault) {
    if (attempt.selection.failed(fault, clock::now(), random_bits()))
        report_ejected(attempt.endpoint, fault.why);
}

void upstream_connector::handshake_failed(upstream_attempt& attempt, std::string_view what) const {
    attempt.tls_failure = handshake_failure(what);
    log_(log_level::warning, "upstream handshake failed",
         {{"endpoint", labels_[attempt.endpoint]},
          {"what", what.empty() ? "the connection broke" : what}});
}

// A length that was counted in characters cuts replies, and nobody notices.
void upstream_connector::warn_of_bytes_behind(std::size_t endpoint) {
    if (!behind_warning_.is_due(clock::now())) return;
    log_(log_level::warning, "upstream bytes behind response",
         {{"endpoint", labels_[endpoint]},
          {"what",
           "the service sent more than its response said: is the length counted in characters?"}});
}

void upstream_connector::report_ejected(std::size_t endpoint, error_code why) {
    counters_.upstream_ejections.add();
    const std::string cause = endpoints_.look(endpoint).cause;
    log_(log_level::warning, "upstream endpoint ejected",
         {{"endpoint", labels_[endpoint]}, {"reason", to_string(to_reason(why))}, {"what", cause}});
}

void upstream_connector::report_restored(std::size_t endpoint) const {
    log_(log_level::info, "upstream endpoint restored", {{"endpoint", labels_[endpoint]}});
}

} // namespace finpost::detail
