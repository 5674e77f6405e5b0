#pragma once

#include "queue/operation_end.hpp"
#include "queue/postgres/queries.hpp"

#include "finpost/logger.hpp"
#include "finpost/metrics.hpp"
#include "finpost/queue_error.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace finpost::detail {

/// Whether the server says that it cannot read what it has stored: its own damage, or its disk's.
bool is_unreadable(const postgres_answer& refused);

/// One thing that the store was asked for, until its end was told. Statements, the answers to them,
/// and what they come to; it knows no connection.
class postgres_operation {
public:
    using clock = std::chrono::steady_clock;
    using answers = std::span<const postgres_answer>;
    virtual ~postgres_operation() = default;

    /// Adds its statements to a transaction. An error is its own, and nothing of it is sent.
    virtual error_code ask(const postgres_terms& terms, postgres_statements& out) = 0;
    /// Reads the answers, one for each statement, of a transaction that has been committed. True:
    /// it is not done yet, and wants another one.
    virtual bool take(answers given) = 0;
    /// The server has refused what it asked, alone in its transaction, and nothing was done. True:
    /// it asks for something else next.
    virtual bool refused(const postgres_answer& /*why*/) { return false; }
    /// Tells what `take` has ended with, or `failed` where that is an error. Once: the first call
    /// counts.
    virtual void complete(error_code failed) noexcept = 0;
    virtual bool told() const noexcept = 0;

    clock::time_point deadline = {};
    /// It is a `postgres_put`.
    bool puts = false;
    /// Not in a transaction with others: its answers are large.
    bool alone = false;
    /// Done twice it has done the same: where nobody knows whether it was, it is tried again.
    bool repeatable = false;
    /// It was sent, and nobody knows what has become of it.
    bool unknown = false;
};

/// `Result` is what it gives beside the error; void for nothing.
template <class Result>
class postgres_operation_of : public postgres_operation {
public:
    using ask_function = std::function<void(const postgres_terms&, postgres_statements&)>;
    /// Of the last answer.
    using take_function = std::function<result<Result>(const postgres_answer&)>;

    postgres_operation_of(ask_function ask, take_function take,
                          typename operation_end<Result>::handler_type done,
                          const boost::asio::any_io_executor& executor)
        : ask_(std::move(ask)), take_(std::move(take)), end_(std::move(done), executor) {}

    auto& end() noexcept { return end_.end(); }
    /// Asks for less, instead, where the server cannot read a body.
    void without_bodies(ask_function ask) { without_bodies_ = std::move(ask); }

    error_code ask(const postgres_terms& terms, postgres_statements& out) override {
        ask_(terms, out);
        return {};
    }
    bool refused(const postgres_answer& why) override {
        if (!without_bodies_ || !is_unreadable(why)) return false;
        ask_ = std::exchange(without_bodies_, nullptr);
        return true;
    }
    bool take(answers given) override {
        auto taken = take_(given.back());
        outcome_ = taken ? error_code() : taken.error();
        if constexpr (!std::is_void_v<Result>) {
            if (taken) value_ = std::move(*taken);
        }
        return false;
    }
    void complete(error_code failed) noexcept override {
        end_.tell(failed ? failed : outcome_, value_);
    }
    bool told() const noexcept override { return end_.told(); }

private:
    ask_function ask_, without_bodies_;
    const take_function take_;
    operation_end<Result> end_;
    error_code outcome_;
    typename operation_end<Result>::value_type value_{};
};

/// Payloads to be stored. Those of several puts can go in one statement.
class postgres_put final : public postgres_operation {
public:
    postgres_put(std::vector<new_payload> batch, operation_end<void>::handler_type done,
                 const boost::asio::any_io_executor& executor);

    auto& end() noexcept { return end_.end(); }
    const std::vector<new_payload>& batch() const noexcept { return batch_; }
    std::size_t bytes() const noexcept { return bytes_; }

    error_code ask(const postgres_terms& terms, postgres_statements& out) override;
    bool take(answers given) override;
    void complete(error_code failed) noexcept override;
    bool told() const noexcept override { return end_.told(); }

private:
    const std::vector<new_payload> batch_;
    std::size_t bytes_ = 0;
    operation_end<void> end_;
    error_code outcome_;
};

/// Payloads to be delivered. What is damaged is set aside, and makes room for others. A body that
/// the server cannot read spoils the claim of all: then rows are claimed without their bodies, some
/// at a time, and the bodies are read one by one.
class postgres_claim final : public postgres_operation {
public:
    /// `recovered` counts what was taken over from a lease that had run out; it may be null.
    postgres_claim(claim_terms what, counter* recovered, logger log,
                   operation_end<claimed_payloads>::handler_type done,
                   const boost::asio::any_io_executor& executor);

    auto& end() noexcept { return end_.end(); }

    error_code ask(const postgres_terms& terms, postgres_statements& out) override;
    bool take(answers given) override;
    bool refused(const postgres_answer& why) override;
    void complete(error_code failed) noexcept override;
    bool told() const noexcept override { return end_.told(); }

private:
    enum class step { payloads, rows, bodies, changes };
    struct changed_payload {
        held_payload held;
        std::string why;
        bool damaged; // or read again later
    };

    void ask_changes(const postgres_terms& terms, postgres_statements& out) const;
    void take_rows(answers given);
    void take_body(const postgres_answer& body);
    bool go_on_reading();
    void sort_out(stored_payload one);
    void set_aside(const queue_entry& entry, std::string why);
    void read_later(const queue_entry& entry, std::string why);

    const claim_terms what_;
    counter* const recovered_;
    const logger log_;
    operation_end<claimed_payloads> end_;
    claimed_payloads claimed_;
    std::uint64_t bytes_ = 0;
    step step_ = step::payloads;
    std::vector<stored_payload> unread_; // the first one last
    std::vector<changed_payload> changes_;
};

} // namespace finpost::detail
