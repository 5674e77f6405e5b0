#include "log/repeat_limit.hpp"

#include <algorithm>

namespace finpost {

repeat_limit::verdict repeat_limit::judge(log_level level, std::string_view event,
                                          clock::time_point now) {
    if (exempt(level, event)) return verdict::write;
    const std::lock_guard lock(mutex_);
    auto found = std::find_if(entries_.begin(), entries_.end(), [&](const entry& each) {
        return each.of.level == level && each.of.event == event;
    });
    if (found == entries_.end())
        found = entries_.insert(found, {{level, std::string(event), 0}, now, 0});
    // A second that is over ends the counting, but not before what it left out has been reported.
    if (now >= found->began + window_ && found->of.count == 0) {
        found->began = now;
        found->written = 0;
    }
    if (found->written < most_) {
        ++found->written;
        return verdict::write;
    }
    ++found->of.count;
    const bool first = !something_left_out_;
    something_left_out_ = true;
    return first ? verdict::first_left_out : verdict::leave_out;
}

std::vector<repeat_limit::left_out> repeat_limit::report(std::optional<clock::time_point> now) {
    std::vector<left_out> all;
    const std::lock_guard lock(mutex_);
    something_left_out_ = false;
    for (entry& each : entries_) {
        if (each.of.count == 0) continue;
        if (now && *now < each.began + window_) {
            something_left_out_ = true;
            continue;
        }
        all.push_back(each.of);
        each.of.count = 0;
    }
    return all;
}

std::optional<repeat_limit::clock::time_point> repeat_limit::due() const {
    const std::lock_guard lock(mutex_);
    std::optional<clock::time_point> nearest;
    for (const entry& each : entries_) {
        if (each.of.count == 0) continue;
        const auto end = each.began + window_;
        nearest = nearest ? std::min(*nearest, end) : end;
    }
    return nearest;
}

} // namespace finpost
