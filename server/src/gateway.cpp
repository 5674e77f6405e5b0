#include "finpost/gateway.hpp"

#include "listener.hpp"
#include "policy/buffer_budget.hpp"
#include "session_gate.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/strand.hpp>

#include <atomic>
#include <mutex>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

// Everything sessions and listeners need, alive as long as the last of them.
class gateway::state : public std::enable_shared_from_this<state> {
public:
    state(asio::any_io_executor executor_, gateway_config config_, handler answer_, metrics& counters_,
          logger log_)
        : executor(std::move(executor_)), config(std::move(config_)), answer(std::move(answer_)),
          log(std::move(log_)), budget(config.max_buffered, counters_.buffered_bytes),
          admits(config.max_connections, config.max_per_source, config.accept_rate),
          gate(std::make_shared<session_gate>(executor)),
          context{config, answer, counters_, log, budget, *gate} {}

    // A listener holds this state as this holds it: letting go here opens the circle.
    void close_listeners() {
        accepting = false;
        std::vector<std::shared_ptr<listener>> open;
        {
            const std::lock_guard lock(mutex);
            open.swap(listeners);
        }
        for (const auto& one : open) one->close();
    }

    const asio::any_io_executor executor;
    const gateway_config config;
    const handler answer;
    const logger log;
    buffer_budget budget;
    admission admits;
    const std::shared_ptr<session_gate> gate;
    const session_context context;
    std::vector<socket_address> bound; // written by `start` only
    std::atomic<bool> accepting{false};

    std::mutex mutex;
    std::vector<std::shared_ptr<listener>> listeners;
};

gateway::gateway(asio::any_io_executor executor, gateway_config config, handler answer,
                 metrics& counters, logger log) {
    if (auto problems = validate(config); !problems.empty())
        throw config_error(std::move(problems));
    state_ = std::make_shared<state>(std::move(executor), std::move(config), std::move(answer),
                                     counters, std::move(log));
}

gateway::~gateway() { stop(); }

void gateway::start() {
    const std::shared_ptr<const session_context> context(state_, &state_->context);
    std::vector<std::shared_ptr<listener>> opened;
    for (const socket_address& address : state_->config.listen) {
        opened.push_back(std::make_shared<listener>(state_->executor, context, state_->admits, address));
    }
    for (const auto& one : opened) {
        state_->bound.push_back(one->address());
        one->start();
    }
    const std::lock_guard lock(state_->mutex);
    state_->listeners = std::move(opened);
    state_->accepting = true;
}

std::vector<socket_address> gateway::endpoints() const { return state_->bound; }

bool gateway::accepting() const noexcept { return state_->accepting; }

std::size_t gateway::sessions() const noexcept { return state_->gate->size(); }

asio::awaitable<void> gateway::drain(duration grace) {
    const auto kept = state_; // the gateway may be destroyed meanwhile
    const auto until = std::chrono::steady_clock::now() + grace;
    kept->close_listeners();
    kept->gate->drain();
    // A strand of its own, because whoever wakes the wait may do so from another thread.
    const asio::any_io_executor strand = asio::make_strand(kept->executor);
    co_await kept->gate->wait_empty(strand, until);
    kept->gate->stop(reason::draining);
    while (!kept->gate->empty()) {
        constexpr auto ever = std::chrono::steady_clock::time_point::max();
        co_await kept->gate->wait_empty(strand, ever);
    }
}

void gateway::stop() {
    state_->close_listeners();
    state_->gate->stop(reason::draining);
}

} // namespace finpost
