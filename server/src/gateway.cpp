#include "finpost/gateway.hpp"

#include "async/sequence.hpp"
#include "listener.hpp"
#include "net/tls_side.hpp"
#include "policy/address_filter.hpp"
#include "policy/buffer_budget.hpp"
#include "policy/log_throttle.hpp"
#include "policy/spill_policy.hpp"
#include "session/session_registry.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <new>
#include <stdexcept>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

namespace {

std::vector<config_problem> problems_of(const std::vector<listener_group>& groups) {
    std::vector<config_problem> all;
    if (groups.empty()) all.push_back({"listen", "at least one group of listeners is needed"});
    std::vector<socket_address> taken;
    for (const listener_group& group : groups) {
        const auto found = validate(group.config);
        all.insert(all.end(), found.begin(), found.end());
        if (group.config.stream_above && !group.streams)
            all.push_back({"stream_above", "needs a handler that takes a stream"});
        for (const socket_address& address : group.config.listen) {
            if (address.port() != 0 && std::count(taken.begin(), taken.end(), address) > 0)
                all.push_back({"listen", to_string(address) + " is in two groups"});
        }
        taken.insert(taken.end(), group.config.listen.begin(), group.config.listen.end());
    }
    return all;
}

tls_context read_certificates(const gateway_config& config, const logger& log) {
    tls_side made = make_listener_tls(config.tls);
    // They were good a moment ago, when the configuration was validated.
    if (!made.problems.empty()) throw config_error(std::move(made.problems));
    log_warnings(made, log);
    return std::move(made.context);
}

// What is in files: counted, and limited by the disk alone.
class file_space : public byte_budget {
public:
    explicit file_space(gauge& used) : used_(used) {}
    bool try_take(std::size_t n) noexcept override {
        used_.add(static_cast<std::int64_t>(n));
        return true;
    }
    void give_back(std::size_t n) noexcept override { used_.add(-static_cast<std::int64_t>(n)); }

private:
    gauge& used_;
};

std::vector<listener_group> checked(std::vector<listener_group> groups) {
    if (auto problems = problems_of(groups); !problems.empty())
        throw config_error(std::move(problems));
    return groups;
}

constexpr int most_tries = 100; // to drain, when there is no memory

std::chrono::steady_clock::time_point end_of(duration grace) {
    constexpr duration longest =
        std::chrono::hours(24 * 365); // a time point of centuries would wrap around
    return std::chrono::steady_clock::now() + std::min(grace, longest);
}

std::uint64_t buffered_limit(const std::vector<listener_group>& groups) {
    std::uint64_t most = 0;
    for (const listener_group& group : groups) most = std::max(most, group.config.max_buffered);
    return most;
}

} // namespace

// Everything sessions and listeners need, alive as long as the last of them.
class gateway::state : public std::enable_shared_from_this<state> {
public:
    state(session_executors executors_, std::vector<listener_group> groups, metrics& counters_,
          logger log_)
        : executors(std::move(executors_)), executor(executors.all.at(0)), counters(counters_),
          log(std::move(log_)), budget(buffered_limit(groups), counters_.buffered_bytes),
          files(counters_.spilled_bytes), registry(std::make_shared<session_registry>(executor)),
          first(std::move(groups)) {}

    void apply(std::vector<listener_group> groups);

    // A listener holds this state as this holds it: letting go here opens the circle.
    void close_listeners() {
        std::vector<binding> open;
        {
            const std::lock_guard lock(mutex);
            accepting = false;
            closed = true;
            open.swap(bindings);
        }
        for (const binding& one : open) one.listener->close();
    }

    asio::awaitable<void> drain(std::chrono::steady_clock::time_point until,
                                exchange_deadline& given_up);
    asio::awaitable<void> drain_anyhow(std::chrono::steady_clock::time_point until,
                                       exchange_deadline& given_up);

    struct drain_operation;
    const session_executors executors;
    const asio::any_io_executor executor; // of all but the sessions: the first of theirs
    metrics& counters;
    const logger log;
    buffer_budget budget;
    file_space files;
    const std::shared_ptr<session_registry> registry;
    log_throttle foreign_warning{std::chrono::hours(1)};
    std::vector<listener_group> first; // until `start`
    std::atomic<bool> accepting{false};

    struct listener_rules;
    // An address as it was asked for, and what listens there.
    struct binding {
        socket_address wanted;
        std::shared_ptr<finpost::listener> listener;
        std::shared_ptr<const listener_rules> rules;
        bool kept = false; // it listened before the change under way
    };
    std::mutex changing; // one change at a time: it reads files, and logs
    std::mutex mutex;    // of what follows, for a moment; nobody logs meanwhile
    std::vector<binding> bindings;
    std::vector<socket_address> bound;
    bool closed = false;
};

// What the sessions of a group go by, as long as the last of them lives.
struct gateway::state::listener_rules {
    listener_rules(std::shared_ptr<state> owner_, listener_group group,
                   std::shared_ptr<admission> admits_)
        : owner(std::move(owner_)), config(std::move(group.config)),
          answer(std::move(group.answer)), streams(std::move(group.streams)),
          admits(std::move(admits_)), filter(config.allow, config.deny),
          handshakes(config.max_handshakes, 0, 0), tls(read_certificates(config, owner->log)),
          spills(config, owner->files, owner->log), context{
                                                        config,           answer,
                                                        streams,          owner->counters,
                                                        owner->log,       owner->budget,
                                                        *owner->registry, *admits,
                                                        filter,           tls,
                                                        handshakes,       has_preambles(),
                                                        spills,           owner->foreign_warning} {}

    bool has_preambles() const { return tls || !config.proxy_protocol_from.empty(); }

    const std::shared_ptr<state> owner;
    const gateway_config config;
    const handler answer;
    const streaming_handler streams;
    const std::shared_ptr<admission> admits; // shared with the rules before: who is in, counts
    const address_filter filter;
    admission handshakes; // short: they are not carried on
    const tls_context tls;
    const spill_policy spills;
    const session_context context;
};

// Binds what is new first: when that fails, nothing has changed yet.
void gateway::state::apply(std::vector<listener_group> groups) {
    const std::lock_guard one_at_a_time(changing);
    std::vector<binding> before;
    {
        const std::lock_guard lock(mutex);
        if (closed) return;
        before = bindings;
    }
    const std::uint64_t most_buffered = buffered_limit(groups);
    std::vector<binding> next;
    std::vector<bool> taken(before.size());
    std::vector<std::shared_ptr<admission>> continued;
    for (listener_group& group : groups) {
        const auto wanted = group.config.listen;
        std::vector<std::shared_ptr<listener>> listeners;
        std::shared_ptr<admission> admits;
        for (const socket_address& address : wanted) {
            std::shared_ptr<listener> found;
            for (std::size_t i = 0; i < before.size() && !found; ++i) {
                if (taken[i] || !(before[i].wanted == address)) continue;
                taken[i] = true;
                found = before[i].listener;
                // A group that was split goes on with its count in one of its parts only.
                const auto& counted = before[i].rules->admits;
                const bool free = std::count(continued.begin(), continued.end(), counted) == 0;
                if (!admits && free) continued.push_back(admits = counted);
            }
            listeners.push_back(std::move(found));
        }
        if (!admits) {
            const gateway_config& limits = group.config;
            admits = std::make_shared<admission>(limits.max_connections, limits.max_per_source,
                                                 limits.accept_rate);
        }
        const auto fresh = std::make_shared<listener_rules>(shared_from_this(), std::move(group),
                                                            std::move(admits));
        const std::shared_ptr<const session_context> context(fresh, &fresh->context);
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            const bool kept = listeners[i] != nullptr;
            if (!kept) listeners[i] = std::make_shared<listener>(executors, context, wanted[i]);
            next.push_back({wanted[i], std::move(listeners[i]), fresh, kept});
        }
    }
    std::vector<socket_address> addresses;
    for (const binding& one : next) addresses.push_back(one.listener->address());
    {
        const std::lock_guard lock(mutex);
        if (closed) return; // meanwhile
        bindings = next;
        bound = std::move(addresses);
        accepting = true;
    }
    budget.limit(most_buffered);
    for (const binding& one : next) {
        const gateway_config& limits = one.rules->config;
        one.rules->admits->change(limits.max_connections, limits.max_per_source,
                                  limits.accept_rate);
        if (one.kept)
            one.listener->change({one.rules, &one.rules->context});
        else
            one.listener->start(); // ends at once when it was closed before
    }
    for (std::size_t i = 0; i < before.size(); ++i)
        if (!taken[i]) before[i].listener->close();
}

gateway::gateway(asio::any_io_executor executor, gateway_config config, handler answer,
                 metrics& counters, logger log)
    : gateway(std::move(executor), {{std::move(config), std::move(answer)}}, counters,
              std::move(log)) {}

gateway::gateway(asio::any_io_executor executor, std::vector<listener_group> groups,
                 metrics& counters, logger log)
    : state_(std::make_shared<state>(session_executors{{std::move(executor)}},
                                     checked(std::move(groups)), counters, std::move(log))) {}

gateway::gateway(std::vector<asio::any_io_executor> executors, std::vector<listener_group> groups,
                 metrics& counters, logger log) {
    groups = checked(std::move(groups));
    if (executors.empty()) throw std::invalid_argument("a gateway needs at least one executor");
    state_ = std::make_shared<state>(session_executors{std::move(executors), true},
                                     std::move(groups), counters, std::move(log));
}

gateway::~gateway() { stop(); }

void gateway::start() {
    if (state_->first.empty()) throw std::logic_error("the gateway was started already");
    state_->apply(state_->first);
    state_->first.clear();
}

void gateway::change(std::vector<listener_group> groups) {
    state_->apply(checked(std::move(groups)));
}

std::vector<socket_address> gateway::endpoints() const {
    const std::lock_guard lock(state_->mutex);
    return state_->bound;
}

bool gateway::accepting() const noexcept {
    if (!state_->accepting) return false;
    const std::lock_guard lock(state_->mutex);
    const auto& all = state_->bindings;
    return std::all_of(all.begin(), all.end(),
                       [](const auto& one) { return one.listener->works(); });
}

std::size_t gateway::sessions() const noexcept { return state_->registry->size(); }

std::vector<session_view> gateway::session_views(std::size_t most) const {
    std::vector<session_view> all = state_->registry->views();
    const auto older = [](const session_view& a, const session_view& b) { return a.age > b.age; };
    const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(most, all.size()));
    std::partial_sort(all.begin(), end, all.end(), older);
    all.erase(end, all.end());
    return all;
}

std::optional<tls_context::time_point> gateway::tls_expires() const {
    std::optional<tls_context::time_point> first;
    const std::lock_guard lock(state_->mutex);
    for (const auto& one : state_->bindings) {
        const auto when = one.rules->tls.expires();
        if (when && (!first || *when < *first)) first = when;
    }
    return first;
}

// Where `given_up` belongs to.
asio::awaitable<void> gateway::state::drain(std::chrono::steady_clock::time_point until,
                                            exchange_deadline& given_up) {
    close_listeners();
    registry->drain();
    co_await registry->wait_empty(until, given_up);
    if (given_up.error()) co_return;
    registry->stop(reason::draining);
    while (!registry->empty() && !given_up.error()) {
        constexpr auto ever = std::chrono::steady_clock::time_point::max();
        co_await registry->wait_empty(ever, given_up);
    }
}

// Want of memory does not end a drain: it begins again.
asio::awaitable<void> gateway::state::drain_anyhow(std::chrono::steady_clock::time_point until,
                                                   exchange_deadline& given_up) {
    for (int tries = 0;; ++tries) {
        try {
            co_await drain(until, given_up);
            co_return;
        } catch (const std::bad_alloc&) {
            if (tries == most_tries) throw;
        }
    }
}

asio::awaitable<void> gateway::drain(duration grace) {
    const auto kept = state_; // the gateway may be destroyed meanwhile
    exchange_deadline never;
    co_await kept->drain_anyhow(end_of(grace), never);
}

// One `async_drain`, in a sequence of its own.
struct gateway::state::drain_operation {
    explicit drain_operation(std::shared_ptr<state> one)
        : owner(std::move(one)),
          strand(sequence_on(owner->executor, owner->executors.one_thread_each)) {}

    // It tells its end itself: Asio needs memory for it. `drains` was made before, for its frame
    // takes memory as well.
    static asio::awaitable<void> run(std::shared_ptr<drain_operation> self,
                                     asio::awaitable<void> drains, drained done) {
        error_code failed;
        try {
            co_await std::move(drains);
        } catch (const std::bad_alloc&) {
            failed = asio::error::no_memory; // nothing else can fail here
        }
        if (!failed && self->given_up.error()) failed = asio::error::operation_aborted;
        for (int tries = 0; tries < most_tries; ++tries) {
            try {
                done(failed);
                co_return;
            } catch (const std::bad_alloc&) {
                // It takes memory to call the host's handler where that belongs.
            }
        }
    }

    const std::shared_ptr<state> owner;
    const asio::any_io_executor strand;
    exchange_deadline given_up;
};

void gateway::begin_drain(const std::shared_ptr<state>& one, duration grace, drained done,
                          const std::function<void(detail::cancel_function)>& arm) {
    const auto mine = std::make_shared<state::drain_operation>(one);
    arm([weak = std::weak_ptr(mine)] {
        const auto self = weak.lock();
        if (self) asio::post(self->strand, [self] { self->given_up.stop(reason::draining); });
    });
    asio::awaitable<void> drains = one->drain_anyhow(end_of(grace), mine->given_up);
    one->close_listeners(); // at once; the rest begins on the strand
    asio::co_spawn(mine->strand,
                   state::drain_operation::run(mine, std::move(drains), std::move(done)),
                   [](std::exception_ptr) {});
}

asio::any_io_executor gateway::executor_of(const state& one) noexcept { return one.executor; }

asio::any_io_executor gateway::get_executor() const noexcept { return state_->executor; }

void gateway::stop() {
    state_->close_listeners();
    state_->registry->stop(reason::draining);
}

} // namespace finpost
