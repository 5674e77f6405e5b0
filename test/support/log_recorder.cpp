#include "support/log_recorder.hpp"

#include <stdexcept>
#include <type_traits>

namespace finpost::test {

namespace {

std::string as_text(const log_field& field) {
    return std::visit(
        [](const auto& value) -> std::string {
            using type = std::decay_t<decltype(value)>;
            if constexpr (std::is_same_v<type, std::string_view>)
                return std::string(value);
            else if constexpr (std::is_same_v<type, bool>)
                return value ? "true" : "false";
            else
                return std::to_string(value);
        },
        field.value);
}

} // namespace

const std::string& log_recorder::record::at(const std::string& name) const {
    const auto found = fields.find(name);
    if (found == fields.end()) throw std::out_of_range("no field " + name + " in " + event);
    return found->second;
}

double log_recorder::record::number(const std::string& name) const { return std::stod(at(name)); }

logger log_recorder::as_logger(log_level threshold) {
    return logger(threshold,
                  [this](log_level level, std::string_view event,
                         std::span<const log_field> fields) { add(level, event, fields); });
}

void log_recorder::add(log_level level, std::string_view event, std::span<const log_field> fields) {
    record one{level, std::string(event), {}};
    for (const log_field& field : fields) one.fields.emplace(field.name, as_text(field));
    const std::lock_guard lock(mutex_);
    records_[one.event].push_back(std::move(one));
    changed_.notify_all();
}

std::vector<log_recorder::record> log_recorder::of(std::string_view event) const {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(event);
    return found == records_.end() ? std::vector<record>() : found->second;
}

std::size_t log_recorder::count(std::string_view event) const {
    const std::lock_guard lock(mutex_);
    const auto found = records_.find(event);
    return found == records_.end() ? 0 : found->second.size();
}

bool log_recorder::wait_for(std::string_view event, std::size_t n, milliseconds limit) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [&] {
        const auto found = records_.find(event);
        return n == 0 || (found != records_.end() && found->second.size() >= n);
    });
}

} // namespace finpost::test
