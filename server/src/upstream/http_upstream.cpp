#include "finpost/http_upstream.hpp"

#include "upstream/http_forwarder.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>

#include <atomic>
#include <chrono>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

// The forwarder and the timer that closes its idle connections.
class http_upstream::state : public std::enable_shared_from_this<state> {
public:
    state(asio::any_io_executor executor, const upstream_config& config, metrics& counters, logger log)
        : forwarder(executor, config, counters, std::move(log), [this] { sweep_later(); }),
          strand_(asio::make_strand(executor)), timer_(strand_) {}

    void close() {
        forwarder.names().stop();
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

    asio::strand<asio::any_io_executor> strand_;
    asio::steady_timer timer_;
    std::atomic<bool> armed_{false};
    bool closed_ = false;
};

http_upstream::http_upstream(asio::any_io_executor executor, upstream_config config,
                             metrics& counters, logger log) {
    if (auto problems = validate(config); !problems.empty())
        throw config_error(std::move(problems));
    state_ = std::make_shared<state>(std::move(executor), config, counters, std::move(log));
}

http_upstream::~http_upstream() {
    if (state_) close();
}

http_upstream::http_upstream(http_upstream&&) noexcept = default;
http_upstream& http_upstream::operator=(http_upstream&&) noexcept = default;

void http_upstream::start() { state_->forwarder.names().start(); }

handler http_upstream::as_handler() const {
    return [state = state_](request asked) {
        return state->forwarder.forward(state, std::move(asked));
    };
}

std::vector<http_upstream::endpoint_status> http_upstream::endpoints() const {
    std::vector<endpoint_status> all;
    const auto now = std::chrono::steady_clock::now();
    http_forwarder& forwarder = state_->forwarder;
    for (std::size_t i = 0; i < forwarder.endpoints().size(); ++i) {
        const bool usable = forwarder.endpoints().up(i, now) && !forwarder.names().of(i).empty();
        all.push_back({forwarder.label(i), usable});
    }
    return all;
}

void http_upstream::close() { state_->close(); }

} // namespace finpost
