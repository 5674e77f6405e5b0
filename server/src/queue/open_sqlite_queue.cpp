#include "queue/sqlite_store.hpp"

#include "finpost/sqlite_queue.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/use_future.hpp>

#include <stdexcept>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

std::shared_ptr<detail::sqlite_store> detail::open_counted(const sqlite_queue_config& config,
                                                           asio::any_io_executor executor,
                                                           asio::any_io_executor thread,
                                                           metrics& counters, logger log,
                                                           std::function<void()> on_fatal) {
    sqlite_store_options options;
    options.directory = config.directory;
    options.executor = std::move(executor);
    options.thread = thread;
    options.max_bytes = config.max_bytes;
    options.ordered = config.ordered;
    options.log = std::move(log);
    options.commit_seconds = &counters.queue.commit_seconds;
    options.on_fatal = std::move(on_fatal);
    auto opened = sqlite_store::open(std::move(options));
    if (!opened) throw std::runtime_error(opened.error().message);
    std::shared_ptr<sqlite_store> store = std::move(*opened);
    // On its own thread: the event loops may not run yet.
    const queue_stats there =
        store->async_stats(asio::bind_executor(thread, asio::use_future)).get();
    for (const queue_state state : all_queue_states)
        counters.queue.recovered.add(there.of(state).payloads);
    return store;
}

std::shared_ptr<queue_store> open_sqlite_queue(const sqlite_queue_config& config,
                                               asio::any_io_executor executor,
                                               asio::any_io_executor thread, metrics& counters,
                                               logger log, std::function<void()> on_fatal) {
    return detail::open_counted(config, std::move(executor), std::move(thread), counters,
                                std::move(log), std::move(on_fatal));
}

} // namespace finpost
