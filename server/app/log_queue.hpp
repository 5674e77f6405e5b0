#pragma once

#include <boost/log/core/record_view.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace finpost {

/// Boost.Log's bounded queue drops without a word; this one counts, and tells when it has run dry.
class counting_queue {
public:
    counting_queue() = default;
    template <class Arguments>
    explicit counting_queue(const Arguments&) {}

    void limit(std::size_t most) { most_ = most; }
    std::uint64_t refused() const noexcept { return refused_.load(std::memory_order_relaxed); }

    /// Waits until everything queued was taken and the writer has come back for more.
    bool wait_dry(std::chrono::steady_clock::time_point until) {
        std::unique_lock lock(mutex_);
        in_haste_ = true;
        filled_.notify_one();
        return dry_.wait_until(lock, until, [this] { return waiting_ && records_.empty(); });
    }

    /// Called by the writer's thread when nothing is left to take.
    void when_dry(std::function<void()> call) { when_dry_ = std::move(call); }

    std::size_t left() {
        const std::lock_guard lock(mutex_);
        return records_.size();
    }

protected:
    void enqueue(const boost::log::record_view& record) {
        const std::lock_guard lock(mutex_);
        if (records_.size() >= most_) {
            refused_.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        records_.push_back(record);
        if (waiting_ && records_.size() == 1) filled_.notify_one();
    }
    bool try_enqueue(const boost::log::record_view& record) {
        enqueue(record);
        return true;
    }
    bool try_dequeue_ready(boost::log::record_view& record) { return try_dequeue(record); }
    bool try_dequeue(boost::log::record_view& record) {
        const std::lock_guard lock(mutex_);
        if (records_.empty()) return false;
        take(record);
        return true;
    }
    bool dequeue_ready(boost::log::record_view& record) {
        when_dry_();
        std::unique_lock lock(mutex_);
        waiting_ = true;
        dry_.notify_all();
        filled_.wait(lock, [this] { return interrupted_ || !records_.empty(); });
        if (!interrupted_ && !in_haste_) {
            filled_.wait_for(lock, gather, [this] {
                return interrupted_ || in_haste_ || records_.size() >= most_ / 2;
            });
        }
        waiting_ = false;
        if (std::exchange(interrupted_, false)) return false;
        take(record);
        return true;
    }
    void interrupt_dequeue() {
        const std::lock_guard lock(mutex_);
        interrupted_ = true;
        filled_.notify_one();
    }

private:
    // How long the writer lets lines gather: under load it then wakes two hundred times a second
    // instead of once a line, and nobody who reads a log sees five milliseconds.
    static constexpr std::chrono::milliseconds gather{5};

    void take(boost::log::record_view& record) {
        record = std::move(records_.front());
        records_.pop_front();
    }

    std::size_t most_ = 1024;
    std::atomic<std::uint64_t> refused_{0};
    std::function<void()> when_dry_;
    std::mutex mutex_;
    std::condition_variable filled_, dry_;
    std::deque<boost::log::record_view> records_;
    bool waiting_ = false, in_haste_ = false, interrupted_ = false;
};

} // namespace finpost
