#include "finpost/http_upstream.hpp"

#include "async/alarm_clock.hpp"
#include "async/sequence.hpp"
#include "upstream/health_checks.hpp"
#include "upstream/http_forwarder.hpp"
#include "upstream/upstream_access.hpp"
#include "upstream/upstream_parts.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <new>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

using namespace detail;

// The forwarder and the timer that closes its idle connections.
class http_upstream::state : public std::enable_shared_from_this<state> {
public:
    static std::shared_ptr<state> made(const event_loops& loops, const upstream_config& config,
                                       metrics& counters, logger log) {
        auto parts = make_upstream_parts(config);
        if (!parts) throw config_error(std::move(parts).error());
        return made(loops, config, std::move(*parts), counters, std::move(log));
    }

    static std::shared_ptr<state> made(const event_loops& loops, const upstream_config& config,
                                       upstream_parts parts, metrics& counters, logger log) {
        auto created =
            std::make_shared<state>(loops, config, std::move(parts), counters, std::move(log));
        created->sweeps_.emplace(loops.first(), [weak = std::weak_ptr(created)] {
            if (const auto self = weak.lock()) self->sweep();
        });
        return created;
    }

    state(const event_loops& loops, const upstream_config& config, upstream_parts parts,
          metrics& counters, logger log)
        : forwarder(loops, config, std::move(parts), counters, std::move(log),
                    [this] { sweep_later(); }),
          one_thread(loops.one_thread_each() ? loops.first() : asio::any_io_executor()),
          health_(sequence_on(loops.first(), loops.one_thread_each()), config,
                  forwarder.connector()) {}

    void start() {
        health_.start(shared_from_this());
        forwarder.connector().names().start(
            [weak = weak_from_this()](std::size_t endpoint, const resolver::addresses& now) {
                if (const auto self = weak.lock()) self->drain_others(endpoint, now);
            });
    }

    void close() noexcept {
        health_.stop(shared_from_this());
        forwarder.connector().names().stop();
        forwarder.connector().connections().close();
        closed_ = true;
        sweeps_->clear();
    }

    http_forwarder forwarder;
    const asio::any_io_executor one_thread; // none where several may run it

private:
    // Connections to addresses that a name does not have any more carry no other exchange.
    void drain_others(std::size_t endpoint, const resolver::addresses& now) {
        forwarder.connector().restrict(endpoint, [now](const upstream_stream& stream) {
            return std::find(now.begin(), now.end(), stream.address()) != now.end();
        });
    }

    // Sleeps while nothing is idle: an exchange that ends wakes it at most once.
    void sweep_later() {
        if (armed_.exchange(true)) return;
        sweep_at(std::chrono::steady_clock::now() + forwarder.config().keep_alive);
    }

    void sweep_at(alarm_clock::clock::time_point when) noexcept {
        if (!sweeps_->set(when)) armed_ = false;
    }

    void sweep() noexcept {
        armed_ = false;
        if (closed_) return;
        const auto now = std::chrono::steady_clock::now();
        auto next = std::optional(now + forwarder.config().keep_alive);
        try {
            next = forwarder.connector().connections().sweep(now);
        } catch (const std::bad_alloc&) {
            // Another time, then.
        }
        if (next && !armed_.exchange(true)) sweep_at(*next);
    }

    health_checks health_;
    std::optional<alarm_clock> sweeps_;
    std::atomic<bool> armed_{false}, closed_{false};
};

http_upstream::http_upstream(asio::any_io_executor executor, upstream_config config,
                             metrics& counters, logger log)
    : http_upstream(event_loops::shared(std::move(executor)), std::move(config), counters,
                    std::move(log)) {}

http_upstream::http_upstream(const event_loops& loops, upstream_config config, metrics& counters,
                             logger log)
    : state_(state::made(loops, config, counters, std::move(log))) {}

http_upstream::http_upstream(std::shared_ptr<state> made) : state_(std::move(made)) {}

http_upstream::~http_upstream() {
    if (state_) close();
}

http_upstream::http_upstream(http_upstream&&) noexcept = default;
http_upstream& http_upstream::operator=(http_upstream&& other) noexcept {
    if (this == &other) return *this;
    if (state_) close();
    state_ = std::move(other.state_);
    return *this;
}

void http_upstream::start() { state_->start(); }

handler http_upstream::as_handler() const {
    return [state = state_](request request) {
        return state->forwarder.forward(state, std::move(request));
    };
}

streaming_handler http_upstream::as_streaming_handler() const {
    return [state = state_](request request, exchange_stream& client) {
        return state->forwarder.forward_stream(state, std::move(request), client);
    };
}

std::vector<http_upstream::endpoint_status> http_upstream::endpoints() const {
    std::vector<endpoint_status> all;
    upstream_connector& connector = state_->forwarder.connector();
    for (std::size_t i = 0; i < connector.endpoints().size(); ++i) {
        const auto seen = connector.endpoints().look(i);
        endpoint_status status{connector.label(i), seen.up,     seen.last_error, seen.outstanding,
                               seen.ejected_until, seen.usable, seen.cause,      seen.since};
        if (connector.names().of(i).empty()) {
            status.up = status.usable = false;
            status.last_error = reason::upstream_unreachable;
            const error_code trouble = connector.names().trouble(i);
            if (trouble) status.cause = trouble.message();
        }
        all.push_back(std::move(status));
    }
    return all;
}

std::vector<config_problem> http_upstream::renew_tls() {
    return state_->forwarder.connector().tls().renew(state_->forwarder.log());
}

std::optional<tls_context::time_point> http_upstream::tls_expires() const {
    return state_->forwarder.connector().tls().expires();
}

void http_upstream::close() noexcept { state_->close(); }

http_upstream detail::upstream_access::make(const event_loops& loops, const upstream_config& config,
                                            upstream_parts parts, metrics& counters, logger log) {
    return http_upstream(
        http_upstream::state::made(loops, config, std::move(parts), counters, std::move(log)));
}

std::function<bool()> detail::upstream_access::all_down(const http_upstream& running) {
    return [state = running.state_] {
        upstream_connector& connector = state->forwarder.connector();
        for (std::size_t i = 0; i < connector.endpoints().size(); ++i)
            if (connector.endpoints().look(i).usable && !connector.names().of(i).empty())
                return false;
        return true;
    };
}

asio::any_io_executor detail::upstream_access::sequence(const http_upstream& running,
                                                        const asio::any_io_executor& executor) {
    return sequence_on(executor, executor == running.state_->one_thread);
}

duration detail::upstream_access::longest_attempt(const http_upstream& running) {
    // Once more when a kept connection turns out to be closed.
    const upstream_config& config = running.state_->forwarder.config();
    return config.total + 2 * config.connect;
}

void detail::upstream_access::use(http_upstream& running, tls_side made) {
    http_forwarder& forwarder = running.state_->forwarder;
    forwarder.connector().tls().use(std::move(made), forwarder.log());
}

} // namespace finpost
