#include "finpost/gateway.hpp"

#include "async/sequence.hpp"
#include "completion.hpp"
#include "gateway_access.hpp"
#include "listener_rules.hpp"
#include "listener_set.hpp"
#include "session/session_registry.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <exception>
#include <new>
#include <stdexcept>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

using namespace detail;

namespace {

// What is wrong with a group beside its configuration. `taken` are the addresses of those before.
void check_beside(config_checker& check, const listener_group& group,
                  std::vector<socket_address>& taken) {
    check.require(!group.config.stream_above || group.streaming_handler, "stream_above",
                  "needs a handler that takes a stream");
    for (const socket_address& address : group.config.listen) {
        const bool twice =
            address.port() != 0 && std::count(taken.begin(), taken.end(), address) > 0;
        check.require(!twice, "listen", to_string(address) + " is in two groups");
    }
    taken.insert(taken.end(), group.config.listen.begin(), group.config.listen.end());
}

std::vector<checked_group> checked_groups(std::vector<listener_group> groups) {
    config_checker check;
    check.require(!groups.empty(), "listen", "at least one group of listeners is needed");
    std::vector<checked_group> all;
    std::vector<socket_address> taken;
    for (listener_group& group : groups) {
        auto parts = make_listener_parts(group.config);
        if (!parts) check.add(parts.error());
        check_beside(check, group, taken);
        if (parts) all.push_back({std::move(group), std::move(*parts)});
    }
    auto good = check.done(std::move(all));
    if (!good) throw config_error(good.error());
    return std::move(*good);
}

// To drain, when there is no memory. Without a pause: a timer would need memory as well.
constexpr int most_tries = 100;

template <class Step>
void again_without_memory(const Step& step) {
    for (int tries = 0; tries < most_tries; ++tries) {
        try {
            return step();
        } catch (const std::bad_alloc&) {
            // Another time, then.
        }
    }
}

std::chrono::steady_clock::time_point end_of(duration grace) {
    constexpr duration longest =
        std::chrono::hours(24 * 365); // a time point of centuries would wrap around
    return std::chrono::steady_clock::now() + std::min(grace, longest);
}

} // namespace

// What is there as long as the gateway or a drain.
struct gateway::state {
    state(event_loops loops_, std::vector<checked_group> groups, inherited_sockets inherited,
          metrics& counters, logger log)
        : loops(std::move(loops_)),
          shared(std::make_shared<shared_resources>(executor(), counters, std::move(log))),
          listeners(loops, shared, std::move(inherited)), initial_groups(std::move(groups)) {}

    // Of all but the sessions: the first of theirs.
    const asio::any_io_executor& executor() const { return loops.first(); }

    asio::awaitable<void> drain(std::chrono::steady_clock::time_point until,
                                exchange_deadline& given_up);

    struct drain_operation;
    const event_loops loops;
    const std::shared_ptr<shared_resources> shared;
    listener_set listeners;
    std::vector<checked_group> initial_groups; // until `start`
};

gateway::gateway(asio::any_io_executor executor, gateway_config config, handler answers,
                 metrics& counters, logger log)
    : gateway(event_loops::shared(std::move(executor)), {{std::move(config), std::move(answers)}},
              counters, std::move(log)) {}

gateway::gateway(event_loops loops, std::vector<listener_group> groups, metrics& counters,
                 logger log)
    : state_(std::make_shared<state>(std::move(loops), checked_groups(std::move(groups)),
                                     inherited_sockets(), counters, std::move(log))) {}

gateway::gateway(std::shared_ptr<state> made) : state_(std::move(made)) {}

std::unique_ptr<gateway> detail::gateway_access::make(event_loops loops,
                                                      std::vector<checked_group> groups,
                                                      inherited_sockets inherited,
                                                      metrics& counters, logger log) {
    return std::unique_ptr<gateway>(new gateway(std::make_shared<gateway::state>(
        std::move(loops), std::move(groups), std::move(inherited), counters, std::move(log))));
}

void detail::gateway_access::change(gateway& running, std::vector<checked_group> groups) {
    running.state_->listeners.change(std::move(groups));
}

gateway::~gateway() { stop(); }

void gateway::start() {
    if (state_->initial_groups.empty()) throw std::logic_error("the gateway was started already");
    state_->listeners.change(state_->initial_groups);
    state_->initial_groups.clear();
}

void gateway::change(std::vector<listener_group> groups) {
    state_->listeners.change(checked_groups(std::move(groups)));
}

std::vector<socket_address> gateway::endpoints() const { return state_->listeners.addresses(); }

bool gateway::accepting() const noexcept { return state_->listeners.accepting(); }

std::size_t gateway::sessions() const noexcept { return state_->shared->registry->size(); }

std::vector<session_view> gateway::session_views(std::size_t most) const {
    std::vector<session_view> all = state_->shared->registry->views();
    const auto older = [](const session_view& a, const session_view& b) { return a.age > b.age; };
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(most, all.size()));
    std::partial_sort(all.begin(), end, all.end(), older);
    all.erase(end, all.end());
    return all;
}

std::optional<tls_context::time_point> gateway::tls_expires() const {
    return state_->listeners.tls_expires();
}

// Where `given_up` belongs to. Want of memory does not end it: what it does may be done again.
asio::awaitable<void> gateway::state::drain(std::chrono::steady_clock::time_point until,
                                            exchange_deadline& given_up) {
    session_registry& registry = *shared->registry;
    listeners.close();
    registry.drain();
    int tries = 0;
    bool stopped = false; // once: it wakes every drain that waits
    while (!given_up.error()) {
        try {
            co_await registry.wait_empty(until, given_up);
            if (given_up.error()) co_return;
            if (!stopped) registry.stop(reason::draining); // when it is empty, that ends its timer
            stopped = true;
            if (registry.empty()) co_return;
            until = std::chrono::steady_clock::time_point::max();
        } catch (const std::bad_alloc&) {
            if (++tries == most_tries) throw;
        }
    }
}

// One `async_drain`, in a sequence of its own.
struct gateway::state::drain_operation {
    drain_operation(std::shared_ptr<state> one, drain_handler done)
        : owner(std::move(one)),
          strand(sequence_on(owner->executor(), owner->loops.one_thread_each())),
          end(std::move(done), owner->executor()) {}

    // It tells its end itself: Asio needs memory for it. `drains` was made before, for its frame
    // takes memory as well.
    static asio::awaitable<void> run(std::shared_ptr<drain_operation> self,
                                     asio::awaitable<void> drains) {
        error_code failed;
        try {
            co_await std::move(drains);
        } catch (const std::bad_alloc&) {
            failed = asio::error::no_memory; // nothing else can fail here
        }
        if (!failed && self->given_up.error()) failed = asio::error::operation_aborted;
        // Posted: this may still be the call of `async_drain`, on a loop that one thread runs.
        const auto tell = [self, failed] { end_type::complete({self, &self->end}, failed); };
        again_without_memory(
            [&] { asio::post(self->strand, [tell] { again_without_memory(tell); }); });
    }

    using end_type = detail::completion<error_code>;

    const std::shared_ptr<state> owner;
    const asio::any_io_executor strand;
    exchange_deadline given_up;
    end_type end;
};

void gateway::initiate_drain::operator()(drain_handler done, duration grace) const {
    const auto mine = std::make_shared<state::drain_operation>(of_, std::move(done));
    mine->end.on_cancel([weak = std::weak_ptr(mine)] {
        const auto self = weak.lock();
        if (self) asio::post(self->strand, [self] { self->given_up.stop(reason::draining); });
    });
    asio::awaitable<void> drains = of_->drain(end_of(grace), mine->given_up);
    of_->listeners.close(); // at once; the rest begins on the strand
    asio::co_spawn(mine->strand, state::drain_operation::run(mine, std::move(drains)),
                   [](std::exception_ptr) {});
}

asio::any_io_executor gateway::initiate_drain::get_executor() const noexcept {
    return of_->executor();
}

asio::any_io_executor gateway::get_executor() const noexcept { return state_->executor(); }

void gateway::stop() {
    state_->listeners.close();
    state_->shared->registry->stop(reason::draining);
}

} // namespace finpost
