#pragma once

#include "queue/postgres/channel.hpp"
#include "queue/postgres/session.hpp"

#include "finpost/logger.hpp"
#include "finpost/metrics.hpp"
#include "finpost/postgres_queue.hpp"
#include "finpost/queue_store.hpp"
#include "finpost/result.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace finpost::detail {

/// A queue in a PostgreSQL: connections for puts, which wait for their commits, and one for
/// everything else. Of those for puts there is one more, up to four, when each has several
/// things to do.
class postgres_store final : public queue_store {
public:
    /// `loop` serves the connections, and holds work while the store is there: handlers without an
    /// executor are called on `executor`. `counters` may be null. `keep_order`: as it is in the
    /// database, whatever `config` says. Fails in words when `config` is wrong.
    static parsed<std::unique_ptr<postgres_store>> open(const postgres_queue_config& config,
                                                        boost::asio::any_io_executor executor,
                                                        const boost::asio::any_io_executor& loop,
                                                        metrics::queue_counters* counters,
                                                        logger log, bool keep_order = false);
    /// Like `close`.
    ~postgres_store() override;

    /// What has been asked for is still done, or fails when its time is over; then the connections
    /// are closed.
    void close() noexcept;

    executor_type get_executor() const noexcept override { return executor_; }
    std::optional<std::string> fatal() const override { return std::nullopt; }
    std::optional<std::string> unavailable() const override;

private:
    postgres_store(executor_type executor, const boost::asio::any_io_executor& loop,
                   const std::shared_ptr<const postgres_settings>& settings,
                   metrics::queue_counters* counters, const logger& log);

    void put(std::vector<new_payload> batch, completion_handler<> done) override;
    void claim(std::size_t most, milliseconds lease, std::string owner, std::string upstream,
               completion_handler<claimed_payloads> done) override;
    void delivered(std::vector<request_id> ids, completion_handler<std::size_t> done) override;
    void failed(held_payload held, milliseconds retry_in, attempt_failure why,
                completion_handler<> done) override;
    void dead(held_payload held, attempt_failure why, completion_handler<> done) override;
    void list(queue_filter filter, queue_page page,
              completion_handler<std::vector<queue_entry>> done) override;
    void show(request_id id, completion_handler<std::optional<stored_payload>> done) override;
    void replay(queue_filter filter, queue_page page,
                completion_handler<std::size_t> done) override;
    void drop(queue_filter filter, queue_page page, completion_handler<std::size_t> done) override;
    void stats(completion_handler<queue_stats> done) override;

    std::shared_ptr<postgres_channel> make_channel(const std::string& name,
                                                   histogram* commits) const;
    histogram* commit_seconds() const noexcept;
    std::shared_ptr<postgres_channel> channel_for_put();
    template <class Operation>
    void begin(const std::shared_ptr<Operation>& one,
               const std::shared_ptr<postgres_channel>& channel);
    template <class Result, class Ask, class Take, class Handler>
    std::shared_ptr<postgres_operation_of<Result>> make(Ask ask, Take take, Handler done) const;

    const executor_type executor_;
    const boost::asio::any_io_executor loop_;
    const std::shared_ptr<const postgres_settings> settings_;
    const logger log_;
    metrics::queue_counters* const counters_;
    const std::shared_ptr<postgres_channel> others_;
    mutable std::mutex mutex_;
    std::vector<std::shared_ptr<postgres_channel>> puts_; // grows under the mutex
};

} // namespace finpost::detail
