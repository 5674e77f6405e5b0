#include "config/delivery_settings.hpp"

#include "config_checker.hpp"

#include <string_view>
#include <utility>

namespace finpost {

std::vector<config_problem> validate(const queue_settings& settings) {
    detail::config_checker check;
    check.require(settings.max_bytes > 0 && settings.max_bytes <= detail::largest_size, "queue_max",
                  "must be above zero and at most 64 TiB");
    check.positive(settings.timeout, "queue_timeout");
    constexpr std::size_t longest = 107 - std::string_view("/control.sock").size();
    check.require(settings.directory.size() <= longest, "queue_dir",
                  "must have 94 bytes at the most: the path of its control socket has 107");
    const auto belongs_to_database = [&](bool given, const char* field) {
        check.require(!given || !settings.database.empty(), field, "is for queue_database");
    };
    belongs_to_database(!settings.password_file.empty(), "queue_password_file");
    belongs_to_database(settings.database_unsafe, "queue_database_unsafe");
    check.require(settings.directory.empty() || settings.database.empty(), "queue_database",
                  "does not go together with queue_dir: a queue is in one place");
    if (!settings.database.empty() && settings.timeout > duration::zero()) {
        const auto good = validate(database_of(settings, "finpost"));
        if (!good) check.require(false, "queue_database", good.error().message);
    }
    return check.take_problems();
}

postgres_queue_config database_of(const queue_settings& settings, std::string name) {
    postgres_queue_config config;
    config.url = settings.database;
    config.password_file = settings.password_file;
    config.name = std::move(name);
    config.max_bytes = settings.max_bytes;
    config.timeout = settings.timeout;
    config.unsafe = settings.database_unsafe;
    return config;
}

} // namespace finpost
