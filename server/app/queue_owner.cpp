#include "queue_owner.hpp"

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

queue_owner::queue_owner(const queue_settings& settings, bool ordered,
                         asio::any_io_executor executor, metrics& counters, logger log,
                         std::function<void()> on_fatal) {
    sqlite_queue_config config;
    config.directory = settings.directory;
    config.max_bytes = settings.max_bytes;
    config.ordered = ordered;
    try {
        store_ = detail::open_counted(config, std::move(executor), disk_.get_executor(), counters,
                                      std::move(log), std::move(on_fatal));
    } catch (const std::runtime_error& failed) {
        throw std::runtime_error(std::string("queue: ") + failed.what());
    }
    // Where the event loops do not run yet.
    last_ = store_->async_stats(asio::bind_executor(disk_.get_executor(), asio::use_future)).get();
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

std::string queue_owner::trouble() const { return store_->fatal().value_or(""); }

void queue_owner::close() noexcept {
    store_->close(); // handlers in an event loop that has ended may still hold it
    disk_.join();
}

} // namespace finpost
