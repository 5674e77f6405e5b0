#pragma once

#include "completion.hpp"
#include "queue/sqlite_queue.hpp"

#include "finpost/error.hpp"
#include "finpost/queue_error.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>
#include <variant>

#include <unistd.h>

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
    static constexpr bool gives = !std::is_void_v<Result>;
    using value_type = std::conditional_t<gives, Result, std::monostate>;

    template <bool, class T>
    struct end_of {
        using type = completion<error_code, T>;
    };
    template <class T>
    struct end_of<false, T> {
        using type = completion<error_code>;
    };

public:
    using end_type = typename end_of<gives, Result>::type;

    typed_operation(std::function<result<Result>(sqlite_queue&)> perform,
                    typename end_type::handler_type done,
                    const boost::asio::any_io_executor& executor)
        : perform_(std::move(perform)),
          end_(std::make_shared<end_type>(std::move(done), executor)) {}

    end_type& end() noexcept { return *end_; }

    error_code perform(sqlite_queue& queue) override {
        auto done = perform_(queue);
        outcome_ = done ? error_code() : done.error();
        if constexpr (gives) {
            if (done) value_ = std::move(*done);
        }
        return outcome_;
    }

    void complete(error_code failed) noexcept override {
        if (told_.exchange(true)) return;
        const error_code ec = failed ? failed : outcome_;
        // Asio needs memory to tell it. Without any it is tried again, for ten seconds or so:
        // nobody else would tell, and whoever waits would wait for ever.
        for (int tries = 0; tries < 60'000; ++tries) {
            try {
                if constexpr (gives)
                    end_type::complete(end_, ec, ec ? value_type() : std::move(value_));
                else
                    end_type::complete(end_, ec);
                break;
            } catch (const std::bad_alloc&) {
                if (tries > 100) ::usleep(1'000);
            }
        }
        end_.reset();
    }

private:
    const std::function<result<Result>(sqlite_queue&)> perform_;
    std::shared_ptr<end_type> end_;
    std::atomic<bool> told_{false};
    error_code outcome_;
    value_type value_{};
};

} // namespace finpost::detail
