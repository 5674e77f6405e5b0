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
    detail::sqlite_store_options options;
    options.directory = settings.directory;
    options.executor = std::move(executor);
    options.thread = disk_.get_executor();
    options.max_bytes = settings.max_bytes;
    options.ordered = ordered;
    options.log = std::move(log);
    options.commit_seconds = &counters.queue.commit_seconds;
    options.on_fatal = std::move(on_fatal);
    auto opened = detail::sqlite_store::open(std::move(options));
    if (!opened) throw std::runtime_error("queue: " + opened.error().message);
    store_ = std::move(*opened);
    // Where the event loops do not run yet.
    last_ = store_->async_stats(asio::bind_executor(disk_.get_executor(), asio::use_future)).get();
    for (const queue_state state : all_queue_states)
        counters.queue.recovered.add(last_.of(state).payloads);
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
