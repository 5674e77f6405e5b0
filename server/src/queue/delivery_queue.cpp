#include "finpost/delivery_queue.hpp"

#include "queue/deliverer.hpp"
#include "queue/receipts.hpp"
#include "upstream/upstream_access.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

using namespace detail;

namespace {

// An attempt takes the upstream's own limits, and the store some time to note what came of it.
constexpr std::chrono::milliseconds beside_an_attempt{30'000};

std::shared_ptr<const receipt_place> place_of(std::string listener, idempotency_key key) {
    receipt_place place{std::move(listener), key};
    return std::make_shared<const receipt_place>(std::move(place));
}

} // namespace

class delivery_queue::state : public std::enable_shared_from_this<state> {
public:
    state(executor_type executor, std::shared_ptr<queue_store> store, const http_upstream& service,
          const delivery_config& config, metrics& counters, logger log)
        : executor_(std::move(executor)), sequence_(upstream_access::sequence(service, executor_)),
          loop(std::make_shared<deliverer>(
              sequence_, store, service.as_handler(), upstream_access::all_down(service), config,
              upstream_access::longest_attempt(service) + beside_an_attempt, counters, log)),
          receipts(std::move(store), service.as_handler(), config.upstream, config.receipt_timeout,
                   counters, loop),
          grace_(sequence_) {}

    // In the sequence. What is under way when `grace` has passed is cancelled, and ends then.
    void drain(duration grace, asio::any_completion_handler<void(error_code)> done) {
        grace_.expires_after(grace);
        // Weak: one that is cancelled may be handled late, or never.
        grace_.async_wait([weak = std::weak_ptr(loop)](error_code ec) {
            const auto self = ec ? nullptr : weak.lock();
            if (self) self->cancel();
        });
        auto held =
            std::make_shared<asio::any_completion_handler<void(error_code)>>(std::move(done));
        loop->drain([self = shared_from_this(), held = std::move(held)] {
            self->grace_.cancel();
            const auto where = asio::get_associated_executor(*held, self->executor_);
            for (int tries = 0; tries < 100; ++tries) { // nobody else would tell
                try {
                    asio::dispatch(where, [held] { std::move (*held)(error_code()); });
                    return;
                } catch (const std::bad_alloc&) {
                    continue;
                }
            }
        });
    }

    const executor_type executor_, sequence_;
    const std::shared_ptr<deliverer> loop;
    const receipt_office receipts;

private:
    asio::steady_timer grace_;
};

delivery_queue::delivery_queue(executor_type executor, std::shared_ptr<queue_store> store,
                               const http_upstream& service, delivery_config config,
                               metrics& counters, logger log) {
    auto problems = validate(config);
    if (!problems.empty()) throw config_error(std::move(problems));
    state_ = std::make_shared<state>(std::move(executor), std::move(store), service, config,
                                     counters, std::move(log));
}

delivery_queue::~delivery_queue() {
    if (state_) stop();
}
delivery_queue::delivery_queue(delivery_queue&&) noexcept = default;
delivery_queue& delivery_queue::operator=(delivery_queue&& other) noexcept {
    if (this == &other) return *this;
    if (state_) stop();
    state_ = std::move(other.state_);
    return *this;
}

delivery_queue::executor_type delivery_queue::get_executor() const noexcept {
    return state_->executor_;
}

void delivery_queue::start() { state_->loop->start(); }

handler delivery_queue::as_handler(std::string listener, idempotency_key key) const {
    return [state = state_, place = place_of(std::move(listener), key)](request request) {
        return state->receipts.store(state, place, std::move(request));
    };
}

handler delivery_queue::as_fallback(std::string listener, idempotency_key key) const {
    return [state = state_, place = place_of(std::move(listener), key)](request request) {
        return state->receipts.relay_or_store(state, place, std::move(request));
    };
}

void delivery_queue::stop() noexcept { state_->loop->stop(); }

void delivery_queue::drain(duration grace, asio::any_completion_handler<void(error_code)> done) {
    asio::post(state_->sequence_, [state = state_, grace, done = std::move(done)]() mutable {
        state->drain(grace, std::move(done));
    });
}

} // namespace finpost
