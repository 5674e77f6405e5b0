#pragma once

#include "queue/operation_end.hpp"
#include "queue/sqlite_queue.hpp"

#include "finpost/error.hpp"
#include "finpost/queue_error.hpp"

#include <functional>
#include <type_traits>
#include <utility>

namespace finpost::detail {

/// One thing that a store was asked for, until its end was told.
class store_operation {
public:
    virtual ~store_operation() = default;

    /// Does it within a group. An error of another category than `queue_category` is the group's.
    virtual error_code perform(sqlite_queue& queue) = 0;
    /// Tells what `perform` has ended with, or `failed` where that is an error. Once: the first
    /// call counts.
    virtual void complete(error_code failed) noexcept = 0;

    /// Whether it adds payloads: what is refused first when the disk is full.
    bool adds = false;
    /// Whether it only reads: done outside of a transaction.
    bool reads = false;
};

/// `Result` is what it gives beside the error; void for nothing.
template <class Result>
class typed_operation final : public store_operation {
public:
    typed_operation(std::function<result<Result>(sqlite_queue&)> perform,
                    typename operation_end<Result>::handler_type done,
                    const boost::asio::any_io_executor& executor)
        : perform_(std::move(perform)), end_(std::move(done), executor) {}

    auto& end() noexcept { return end_.end(); }

    error_code perform(sqlite_queue& queue) override {
        auto done = perform_(queue);
        outcome_ = done ? error_code() : done.error();
        if constexpr (!std::is_void_v<Result>) {
            if (done) value_ = std::move(*done);
        }
        return outcome_;
    }

    void complete(error_code failed) noexcept override {
        end_.tell(failed ? failed : outcome_, value_);
    }

private:
    const std::function<result<Result>(sqlite_queue&)> perform_;
    operation_end<Result> end_;
    error_code outcome_;
    typename operation_end<Result>::value_type value_{};
};

} // namespace finpost::detail
