#include "listener_plan.hpp"

#include <algorithm>

namespace finpost::detail {

namespace {

/// Gives every old binding away once.
class old_bindings {
public:
    explicit old_bindings(const std::vector<listener_plan::binding>& all)
        : all_(all), taken_(all.size()) {}

    std::optional<std::size_t> take(const socket_address& wanted) {
        for (std::size_t i = 0; i < all_.size(); ++i) {
            if (taken_[i] || !(all_[i].wanted == wanted)) continue;
            taken_[i] = true;
            return i;
        }
        return std::nullopt;
    }

    std::vector<std::size_t> left() const {
        std::vector<std::size_t> left;
        for (std::size_t i = 0; i < all_.size(); ++i)
            if (!taken_[i]) left.push_back(i);
        return left;
    }

private:
    const std::vector<listener_plan::binding>& all_;
    std::vector<bool> taken_;
};

} // namespace

listener_plan plan_listeners(const std::vector<listener_plan::binding>& before,
                             const std::vector<std::vector<socket_address>>& wanted) {
    listener_plan plan;
    old_bindings old(before);
    for (std::size_t group = 0; group < wanted.size(); ++group) {
        std::optional<std::size_t> admission;
        for (const socket_address& address : wanted[group]) {
            const auto kept = old.take(address);
            plan.slots.push_back({{address, group}, kept});
            if (!kept || admission) continue;
            const std::optional<std::size_t> counted = before[*kept].group;
            const auto& admissions = plan.admissions;
            if (std::find(admissions.begin(), admissions.end(), counted) == admissions.end())
                admission = counted;
        }
        plan.admissions.push_back(admission);
    }
    plan.closed = old.left();
    return plan;
}

} // namespace finpost::detail
