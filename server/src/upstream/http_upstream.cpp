#include "finpost/http_upstream.hpp"

#include "upstream/health_checks.hpp"
#include "upstream/http_forwarder.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

// The forwarder and the timer that closes its idle connections.
class http_upstream::state : public std::enable_shared_from_this<state> {
public:
    state(const std::vector<asio::any_io_executor>& executors, const upstream_config& config,
          metrics& counters, logger log)
        : forwarder(executors, config, counters, std::move(log), [this] { sweep_later(); }),
          health_(executors.front(), config, forwarder.endpoints(), forwarder.names(), forwarder.tls(),
                  [this](std::size_t endpoint, error_code why) { forwarder.tell(endpoint, why); }),
          strand_(asio::make_strand(executors.front())), timer_(strand_) {}

    void start() {
        health_.start(shared_from_this());
        forwarder.names()->start([weak = weak_from_this()](std::size_t endpoint,
                                                          const resolver::addresses& now) {
            if (const auto self = weak.lock()) self->drain_others(endpoint, now);
        });
    }

    void close() {
        health_.stop(shared_from_this());
        forwarder.names()->stop();
        forwarder.connections().close();
        asio::post(strand_, [weak = weak_from_this()] {
            const auto self = weak.lock();
            if (!self) return;
            self->closed_ = true;
            self->timer_.cancel();
        });
    }

    http_forwarder forwarder;

private:
    // Connections to addresses that a name does not have any more carry no other exchange.
    void drain_others(std::size_t endpoint, const resolver::addresses& now) {
        forwarder.restrict(endpoint, [now](const http_forwarder::connection& one) {
            return std::find(now.begin(), now.end(), one.address()) != now.end();
        });
    }

    // Sleeps while nothing is idle: an exchange that ends wakes it at most once.
    void sweep_later() {
        if (armed_.exchange(true)) return;
        const auto when = std::chrono::steady_clock::now() + forwarder.config().keep_alive;
        asio::post(strand_, [weak = weak_from_this(), when] {
            if (const auto self = weak.lock()) self->arm(when);
        });
    }

    void arm(std::chrono::steady_clock::time_point when) {
        if (closed_) return;
        timer_.expires_at(when);
        timer_.async_wait(asio::bind_executor(strand_, [weak = weak_from_this()](error_code ec) {
            const auto self = weak.lock();
            if (!self || ec) return;
            self->armed_ = false;
            const auto next = self->forwarder.connections().sweep(std::chrono::steady_clock::now());
            if (next && !self->armed_.exchange(true)) self->arm(*next);
        }));
    }

    health_checks health_;
    asio::strand<asio::any_io_executor> strand_;
    asio::steady_timer timer_;
    std::atomic<bool> armed_{false};
    bool closed_ = false;
};

http_upstream::http_upstream(asio::any_io_executor executor, upstream_config config,
                             metrics& counters, logger log)
    : http_upstream(std::vector{std::move(executor)}, std::move(config), counters,
                    std::move(log)) {}

http_upstream::http_upstream(std::vector<asio::any_io_executor> executors, upstream_config config,
                             metrics& counters, logger log) {
    if (executors.empty()) throw std::invalid_argument("an upstream needs at least one executor");
    if (auto problems = validate(config); !problems.empty())
        throw config_error(std::move(problems));
    state_ = std::make_shared<state>(executors, config, counters, std::move(log));
}

http_upstream::~http_upstream() {
    if (state_) close();
}

http_upstream::http_upstream(http_upstream&&) noexcept = default;
http_upstream& http_upstream::operator=(http_upstream&&) noexcept = default;

void http_upstream::start() { state_->start(); }

handler http_upstream::as_handler() const {
    return [state = state_](request asked) {
        return state->forwarder.forward(state, std::move(asked));
    };
}

streaming_handler http_upstream::as_streaming_handler() const {
    return [state = state_](request asked, exchange_stream& client) {
        return state->forwarder.forward_stream(state, std::move(asked), client);
    };
}

std::vector<http_upstream::endpoint_status> http_upstream::endpoints() const {
    std::vector<endpoint_status> all;
    http_forwarder& forwarder = state_->forwarder;
    for (std::size_t i = 0; i < forwarder.endpoints().size(); ++i) {
        const auto seen = forwarder.endpoints().look(i);
        endpoint_status one{forwarder.label(i), seen.up,    seen.last_error, seen.outstanding,
                            seen.avoided_until, seen.usable, seen.cause,     seen.since};
        if (forwarder.names()->of(i).empty()) {
            one.up = one.usable = false;
            one.last_error = reason::upstream_unreachable;
            const error_code trouble = forwarder.names()->trouble(i);
            if (trouble) one.cause = trouble.message();
        }
        all.push_back(std::move(one));
    }
    return all;
}

std::vector<config_problem> http_upstream::renew_tls() {
    return state_->forwarder.tls().renew(state_->forwarder.log());
}

std::optional<tls_context::time_point> http_upstream::tls_expires() const {
    return state_->forwarder.tls().expires();
}

void http_upstream::close() { state_->close(); }

} // namespace finpost
