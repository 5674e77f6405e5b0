#include "queue_owner.hpp"

#include "queue/sqlite.hpp"
#include "queue/sqlite_store.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/use_future.hpp>

#include <future>
#include <stdexcept>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

namespace {

constexpr std::chrono::milliseconds patience{500};

} // namespace

queue_owner::queue_owner(const queue_settings& settings, bool ordered, std::string name,
                         asio::any_io_executor executor, metrics& counters, logger log,
                         std::function<void()> on_fatal) {
    try {
        if (settings.database.empty()) {
            open_directory(settings, ordered, std::move(executor), counters, std::move(log),
                           std::move(on_fatal));
        } else {
            postgres_queue_config config = database_of(settings, std::move(name));
            config.ordered = ordered;
            open_database(config, std::move(executor), counters, std::move(log));
        }
    } catch (const std::runtime_error& failed) {
        throw std::runtime_error(std::string("queue: ") + failed.what());
    }
}

void queue_owner::open_directory(const queue_settings& settings, bool ordered,
                                 asio::any_io_executor executor, metrics& counters, logger log,
                                 std::function<void()> on_fatal) {
    sqlite_queue_config config;
    config.directory = settings.directory;
    config.max_bytes = settings.max_bytes;
    config.ordered = ordered;
    detail::sqlite_counts_no_memory();
    embedded_ = detail::open_counted(config, std::move(executor), disk_.get_executor(), counters,
                                     std::move(log), std::move(on_fatal));
    store_ = embedded_;
    // Where the event loops do not run yet.
    last_ = store_->async_stats(asio::bind_executor(disk_.get_executor(), asio::use_future)).get();
}

// What only a person can put right is told to that person. Anything else passes by itself.
void queue_owner::open_database(const postgres_queue_config& config, asio::any_io_executor executor,
                                metrics& counters, logger log) {
    bool away = false;
    const auto good = check_postgres_queue(config, &away);
    if (!good && !away) throw std::runtime_error(good.error().message);
    store_ = open_postgres_queue(config, std::move(executor), counters, std::move(log));
}

queue_stats queue_owner::stats() const {
    auto asked = store_->async_stats(asio::bind_executor(disk_.get_executor(), asio::use_future));
    const std::lock_guard lock(mutex_);
    if (asked.wait_for(patience) == std::future_status::ready) {
        try {
            last_ = asked.get();
        } catch (const std::exception&) {
            // The store says elsewhere what is wrong.
        }
    }
    return last_;
}

std::shared_ptr<queue_store> queue_owner::store() const { return store_; }

std::string queue_owner::trouble(bool needed) const {
    if (const auto fatal = store_->fatal()) return *fatal;
    return needed ? store_->unavailable().value_or("") : "";
}

void queue_owner::close() noexcept {
    if (embedded_) embedded_->close(); // handlers in an event loop that has ended may still hold it
    disk_.join();
}

} // namespace finpost
