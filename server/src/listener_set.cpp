#include "listener_set.hpp"

#include <boost/system/system_error.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace finpost::detail {

/// The groups and their bindings; neither changes while they are in force.
struct listener_set::in_force {
    struct binding : listener_plan::binding {
        std::shared_ptr<address_listener> listener;
    };
    std::vector<std::shared_ptr<const listener_rules>> groups;
    std::vector<binding> bindings;
};

namespace {

std::uint64_t buffered_limit(const std::vector<checked_group>& groups) {
    std::uint64_t most = 0;
    for (const checked_group& one : groups) most = std::max(most, one.group.config.max_buffered);
    return most;
}

std::vector<std::vector<socket_address>> addresses_of(const std::vector<checked_group>& groups) {
    std::vector<std::vector<socket_address>> all;
    all.reserve(groups.size());
    for (const checked_group& one : groups) all.push_back(one.group.config.listen);
    return all;
}

} // namespace

listener_set::listener_set(event_loops on, std::shared_ptr<shared_resources> shared,
                           inherited_sockets inherited)
    : loops_(std::move(on)), shared_(std::move(shared)),
      current_(std::make_shared<const in_force>()), inherited_(std::move(inherited)) {}

listener_set::~listener_set() = default;

void listener_set::change(std::vector<checked_group> groups) {
    const std::lock_guard one_at_a_time(changing_);
    const auto before = current();
    if (!before) return;
    const std::vector<listener_plan::binding> bound(before->bindings.begin(),
                                                    before->bindings.end());
    const listener_plan plan = plan_listeners(bound, addresses_of(groups));
    const std::uint64_t max_buffered = buffered_limit(groups);
    const auto next = std::make_shared<const in_force>(prepare(plan, *before, std::move(groups)));
    if (!publish(next)) return;
    // Nothing fails from here on.
    shared_->budget.limit(max_buffered);
    for (const auto& rules : next->groups) {
        const gateway_config& limits = rules->config;
        rules->admits->change(limits.max_connections, limits.max_per_source, limits.accept_rate);
    }
    for (std::size_t i = 0; i < plan.slots.size(); ++i) {
        const auto& binding = next->bindings[i];
        if (plan.slots[i].kept)
            binding.listener->change(context_of(next->groups[binding.group]));
        else
            binding.listener->start(); // ends at once when it was closed before
    }
    for (const std::size_t i : plan.closed) before->bindings[i].listener->close();
}

// Binds what is new: when that fails, nothing has changed yet.
listener_set::in_force listener_set::prepare(const listener_plan& plan, const in_force& before,
                                             std::vector<checked_group> groups) const {
    in_force next;
    for (std::size_t i = 0; i < groups.size(); ++i) {
        listener_group& group = groups[i].group;
        const gateway_config& limits = group.config;
        const auto& counts = plan.admissions[i];
        auto admits = counts
                          ? before.groups[*counts]->admits
                          : std::make_shared<admission>(limits.max_connections,
                                                        limits.max_per_source, limits.accept_rate);
        next.groups.push_back(std::make_shared<const listener_rules>(
            shared_, std::move(group.config), std::move(groups[i].parts), std::move(group.handler),
            std::move(group.streaming_handler), std::move(admits)));
    }
    for (const listener_plan::slot& slot : plan.slots) {
        auto listener =
            slot.kept
                ? before.bindings[*slot.kept].listener
                : std::make_shared<address_listener>(loops_, context_of(next.groups[slot.group]),
                                                     slot.wanted, inherited_for(slot.wanted));
        next.bindings.push_back({{slot.wanted, slot.group}, std::move(listener)});
    }
    return next;
}

/// One of its own, which `close` does not take away meanwhile. None: it is bound.
unique_fd listener_set::inherited_for(const socket_address& address) const {
    const std::lock_guard lock(mutex_);
    const auto found = find_inherited(inherited_, address);
    if (found == inherited_.end()) return unique_fd();
    unique_fd own = duplicate(found->fd);
    if (!own)
        throw boost::system::system_error(errno, boost::system::system_category(),
                                          "cannot listen on " + to_string(address));
    return own;
}

/// False when it was closed meanwhile.
bool listener_set::publish(const std::shared_ptr<const in_force>& next) {
    std::vector<socket_address> addresses;
    for (const auto& binding : next->bindings) addresses.push_back(binding.listener->address());
    const std::lock_guard lock(mutex_);
    if (!current_) return false;
    current_ = next;
    bound_ = std::move(addresses);
    return true;
}

void listener_set::close() {
    std::shared_ptr<const in_force> open;
    {
        const std::lock_guard lock(mutex_);
        open.swap(current_);
        inherited_.clear(); // or clients would wait for nobody, where nobody else has them
    }
    if (!open) return;
    for (const auto& binding : open->bindings) binding.listener->close();
}

std::shared_ptr<const listener_set::in_force> listener_set::current() const {
    const std::lock_guard lock(mutex_);
    return current_;
}

std::vector<socket_address> listener_set::addresses() const {
    const std::lock_guard lock(mutex_);
    return bound_;
}

bool listener_set::accepting() const noexcept {
    const auto now = current();
    if (!now || now->bindings.empty()) return false;
    const auto& all = now->bindings;
    return std::all_of(all.begin(), all.end(),
                       [](const auto& binding) { return binding.listener->works(); });
}

std::optional<tls_context::time_point> listener_set::tls_expires() const {
    std::optional<tls_context::time_point> first;
    const auto now = current();
    if (!now) return first;
    for (const auto& rules : now->groups) {
        const auto expires = rules->tls.expires();
        if (expires && (!first || *expires < *first)) first = expires;
    }
    return first;
}

} // namespace finpost::detail
