// A store of payloads in memory, whose disk is the simulation's: it takes time, is full or fails.
#pragma once

#include "sim/history.hpp"
#include "sim/kernel.hpp"
#include "sim/plan.hpp"

#include "finpost/queue_store.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace finpost::sim {

/// Groups what it is asked for, as the embedded store does: a group takes a time that is drawn, and
/// what comes meanwhile is the next one. Who gives up before a group has begun is withdrawn; later
/// the end is unknown. What it keeps outlives the death of the process.
class memory_store final : public queue_store {
public:
    /// Handlers without an executor are called on `executor`.
    memory_store(history& all, executor_type executor);

    executor_type get_executor() const noexcept override { return executor_; }
    std::optional<std::string> fatal() const override { return {}; }

    /// How many wait to be delivered, and are.
    std::size_t waiting() const;
    /// Lets go of who still waits for it, and holds it: at the end, nobody is told any more.
    void forget() noexcept;

private:
    struct operation {
        std::function<error_code()> perform;
        std::function<void(error_code)> tell; ///< with what `perform` has given, without an error
        std::function<void()> acknowledged;   ///< counts
        bool adds = false, told = false;
    };
    using asked = std::shared_ptr<operation>;

    template <class... Results, class Perform>
    void ask(completion_handler<Results...> done, bool adds, Perform perform,
             std::function<void()> acknowledged = {});
    void begin_group();
    void finish_group();
    void give_up(const asked& one);
    void tell(const asked& one, error_code ec);
    kept_payload* find(const request_id& id);
    kept_payload* find(const held_payload& of);
    std::int64_t now() const;

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

    history& all_;
    kernel& k_;
    const executor_type executor_;
    rng dice_;
    std::vector<asked> waiting_, group_;
    bool busy_ = false;
};

} // namespace finpost::sim
