#pragma once

#include "policy/wait_queue.hpp"

#include "finpost/endpoint.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

namespace finpost::detail {

/// A number of tokens that fills up at a steady rate: plain arithmetic, no clock inside.
class token_bucket {
public:
    using clock = std::chrono::steady_clock;

    /// `rate` tokens a second, as many at once at the most; 0 = always one there.
    explicit token_bucket(std::size_t rate) : rate_(rate), tokens_(static_cast<double>(rate)) {}

    /// Takes a token, or says when there will be one.
    std::optional<clock::time_point> take(clock::time_point now);
    /// One that was taken for nothing.
    void give_back() noexcept { tokens_ += 1; }

private:
    std::size_t rate_;
    double tokens_;
    clock::time_point filled_{};
};

/// Limits on connections, as permits that give themselves back. Thread safe.
class admission {
public:
    /// The right to hold one connection; with `admit_source`, to hold one from that address.
    class permit {
    public:
        permit(permit&& other) noexcept
            : from_(std::exchange(other.from_, nullptr)), source_(std::move(other.source_)) {}
        permit& operator=(permit&& other) noexcept {
            std::swap(from_, other.from_);
            std::swap(source_, other.source_);
            return *this;
        }
        ~permit() {
            if (from_ != nullptr) from_->release(source_);
        }
        /// Its address has a connection less from now on, though this one is not quite gone.
        void leave_source() noexcept {
            if (from_ != nullptr && source_) from_->release_source(source_);
        }

    private:
        friend class admission;
        explicit permit(admission& from) : from_(&from) {}
        admission* from_;
        std::optional<std::string> source_;
    };

    /// Limits as in `gateway_config`; 0 for the last two means none.
    admission(std::size_t max_connections, std::size_t max_per_source, std::size_t accept_rate);

    /// Changes the limits for who comes from now on; whoever is in stays.
    void change(std::size_t max_connections, std::size_t max_per_source, std::size_t accept_rate);

    /// A permit, when a connection is free now.
    std::optional<permit> try_admit();
    /// A place in the queue for one, unless one has become free meanwhile (null then).
    std::shared_ptr<waiter> join_unless_free(boost::asio::any_io_executor executor);
    /// Gives the place up. Who has been woken and takes no permit (`gave_up`) passes the wake on.
    void leave(const std::shared_ptr<waiter>& ticket, bool gave_up) noexcept;

    /// Books the permit on an address; false when that address holds as many as it may.
    bool admit_source(permit& held, const socket_address& peer);

    /// Counts an accept against the rate, or says when the next is due.
    std::optional<token_bucket::clock::time_point> accept_at(token_bucket::clock::time_point now);
    /// What `accept_at` counted found nobody.
    void accepted_nobody() noexcept;

private:
    void release_source(std::optional<std::string>& source) noexcept;
    void forget(const std::string& source) noexcept;
    void release(const std::optional<std::string>& source) noexcept;

    std::atomic<std::size_t> max_per_source_;
    std::mutex mutex_;
    std::size_t max_connections_;
    std::size_t accept_rate_;
    std::size_t held_ = 0;
    std::map<std::string, std::size_t> sources_;
    token_bucket rate_;
    wait_queue waiting_;
};

} // namespace finpost::detail
