#include "queue/postgres/channel.hpp"

#include "async/report_bug.hpp"
#include "async/use_tuple_awaitable.hpp"
#include "random.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds pause_without_memory{1'000};
constexpr milliseconds first_reconnect{100}, longest_reconnect{5'000};

// Doubled with each failure; half of it is left to chance, so that gateways do not come together.
milliseconds back_off(unsigned failures) {
    const milliseconds all =
        std::min(longest_reconnect, first_reconnect * (1u << std::min(failures, 6u)));
    const auto half = static_cast<std::uint64_t>(all.count()) / 2;
    return milliseconds(half + random_bits() % (half + 1));
}

} // namespace

postgres_channel::postgres_channel(asio::any_io_executor sequence,
                                   std::shared_ptr<const postgres_settings> settings,
                                   const std::string& name, histogram* commit_seconds, logger log)
    : sequence_(std::move(sequence)), settings_(std::move(settings)),
      name_(name), terms_{settings_->config.name + '/' + name, settings_->config.max_bytes,
                          settings_->config.ordered},
      commit_seconds_(commit_seconds), log_(std::move(log)), pause_(sequence_) {}

void postgres_channel::start() {
    if (!again_) {
        const std::weak_ptr<postgres_channel> weak = weak_from_this();
        again_ = std::make_unique<alarm_clock>(sequence_, [weak] {
            const auto self = weak.lock();
            try {
                if (self) self->start();
            } catch (const std::bad_alloc&) {
                // It has ended, and said so.
            }
        });
        expiry_ = std::make_unique<alarm_clock>(sequence_, [weak] {
            if (const auto self = weak.lock()) self->expire();
        });
        overdue_ = std::make_unique<alarm_clock>(sequence_, [weak] {
            if (const auto self = weak.lock()) self->post_look();
        });
    }
    at_end end(shared_from_this());
    asio::co_spawn(sequence_, run(std::move(end)), report_bug);
}

asio::awaitable<void> postgres_channel::run(at_end /*end*/) {
    try {
        while (!over()) co_await step();
        const std::lock_guard lock(mutex_);
        done_ = true;
    } catch (const std::bad_alloc&) {
        // It begins anew a little later.
    }
}

// What was under way when memory was out was sent or not.
void postgres_channel::ended() noexcept {
    connection_.reset();
    overdue_->clear();
    give_back(sent_);
    sent_ = false;
    {
        const std::lock_guard lock(mutex_);
        connected_ = false;
        if (done_) {
            expiry_->clear();
            again_->clear();
            return;
        }
    }
    again_->set(alarm_clock::clock::now() + pause_without_memory);
}

bool postgres_channel::over() const {
    const std::lock_guard lock(mutex_);
    return closing_ && waiting_.empty() && group_.empty();
}

asio::awaitable<void> postgres_channel::step() {
    if (!connection_) {
        co_await connect();
        co_return;
    }
    take_group();
    if (group_.empty())
        co_await rest();
    else
        co_await serve();
}

asio::awaitable<void> postgres_channel::connect() {
    if (failures_ > 0) co_await pause();
    if (over()) co_return;
    ++failures_;
    postgres_server server;
    const postgres_settings in_order = settings_with_last(left_);
    auto made = co_await connect_postgres(sequence_, in_order, needed_tables::all, server);
    if (made) {
        connection_ = *made;
        auto settled = co_await settle_order(server);
        if (settled) {
            connected(connection_->place());
            co_return;
        }
        connection_.reset();
        note(settled.error().message);
    } else {
        note(made.error().message);
    }
}

// What has just been left, or hangs, is asked after the others.
postgres_settings postgres_channel::settings_with_last(const std::string& place) const {
    postgres_settings out = *settings_;
    std::stable_partition(out.target.hosts.begin(), out.target.hosts.end(),
                          [&place](const auto& each) { return to_string(each) != place; });
    return out;
}

// Also judges what this process has seen of other servers of the queue.
asio::awaitable<parsed<void>> postgres_channel::settle_order(const postgres_server& server) {
    const postgres_queue_config& config = settings_->config;
    if (standbys_seen_ && server.standbys.empty() && !config.unsafe)
        co_return parse_error{connection_->place() +
                              ": synchronous_standby_names is empty, as it was not before: this "
                              "server waits for no standby, and payloads that were acknowledged "
                              "can be lost"};
    standbys_seen_ = standbys_seen_ || !server.standbys.empty();
    if (settings_->keep_order) terms_.ordered = server.ordered;
    if (server.ordered == terms_.ordered) co_return parsed<void>();
    log_(log_level::warning, "queue order changed",
         {{"order", config.ordered ? "source" : "none"},
          {"was", server.ordered ? "source" : "none"}});
    const postgres_statements change = change_order(config.ordered);
    postgres_outcome outcome;
    auto changed = co_await run_all(*connection_, change, outcome);
    if (!changed) co_return parse_error{connection_->place() + ": " + changed.error().message};
    co_return parsed<void>();
}

asio::awaitable<void> postgres_channel::pause() {
    pause_.expires_after(back_off(failures_ - 1));
    if (over()) co_return;
    auto [ec] = co_await pause_.async_wait(use_shared_tuple_awaitable);
    static_cast<void>(ec); // over, or closing
}

void postgres_channel::connected(const std::string& place) {
    {
        const std::lock_guard lock(mutex_);
        connected_ = true;
        why_.clear();
    }
    log_(log_level::info, "queue connected", {{"connection", name_}, {"host", place}});
}

void postgres_channel::lose(const std::string& why) {
    std::string what = connection_ ? connection_->place() : std::string();
    left_ = what;
    if (!what.empty()) what += ": ";
    connection_.reset();
    note(what += why);
}

void postgres_channel::note(std::string why) {
    bool news = false;
    {
        const std::lock_guard lock(mutex_);
        connected_ = false;
        news = why != why_;
        why_ = why;
    }
    if (news)
        log_(log_level::warning, "queue not connected", {{"connection", name_}, {"what", why}});
}

std::optional<std::size_t> postgres_channel::load() const {
    const std::lock_guard lock(mutex_);
    if (!connected_) return std::nullopt;
    return waiting_.size() + group_.size();
}

std::optional<std::string> postgres_channel::unavailable() const {
    const std::lock_guard lock(mutex_);
    if (connected_) return std::nullopt;
    return why_;
}

asio::awaitable<void> postgres_channel::rest() {
    idle_ = true;
    postgres_outcome outcome;
    co_await connection_->idle(outcome);
    idle_ = false;
    if (outcome.lost) lose(outcome.why);
}

void postgres_channel::add(operation one) {
    one->deadline = clock::now() + std::chrono::milliseconds(settings_->config.timeout);
    const std::lock_guard lock(mutex_);
    waiting_.push_back(one);
    try {
        post_wake();
    } catch (...) {
        waiting_.pop_back();
        throw;
    }
    expiry_->set_earlier(one->deadline);
}

// Under the mutex.
void postgres_channel::post_wake() {
    if (wake_posted_) return;
    asio::post(sequence_, [self = shared_from_this()] { self->woken(); });
    wake_posted_ = true;
}

void postgres_channel::woken() noexcept {
    bool in_vain = false; // nobody waits for the answer any more
    {
        const std::lock_guard lock(mutex_);
        wake_posted_ = false;
        in_vain = closing_ && waiting_.empty() && !group_.empty() &&
                  std::all_of(group_.begin(), group_.end(),
                              [](const auto& each) { return each->told(); });
    }
    if (in_vain && connection_) connection_->give_up("closing");
    if (idle_ && connection_) connection_->wake();
    if (over()) pause_.cancel();
}

error_code postgres_channel::withdraw(const operation& one) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find(waiting_.begin(), waiting_.end(), one);
    if (found == waiting_.end()) return queue_error::failed;
    const bool unknown = one->unknown;
    waiting_.erase(found);
    if (unknown) return queue_error::failed;
    return asio::error::operation_aborted;
}

void postgres_channel::close() noexcept {
    const std::lock_guard lock(mutex_);
    if (std::exchange(closing_, true)) return;
    try {
        wake_posted_ = false;
        post_wake();
    } catch (const std::bad_alloc&) {
        // The connection lives until it is lost: nothing is lost by that.
    }
}

// What is not done when its time is over has failed. What is under way goes on.
void postgres_channel::expire() noexcept {
    for (;;) {
        operation late;
        {
            const std::lock_guard lock(mutex_);
            const auto now = clock::now();
            auto next = clock::time_point::max();
            for (const operations* const list : {&waiting_, &group_}) {
                for (const operation& each : *list) {
                    if (each->told()) continue;
                    next = std::min(next, each->deadline);
                    if (each->deadline <= now) late = each;
                }
            }
            if (late) {
                const auto found = std::find(waiting_.begin(), waiting_.end(), late);
                if (found != waiting_.end()) waiting_.erase(found);
            } else if (next != clock::time_point::max()) {
                expiry_->set_earlier(next);
            }
        }
        if (!late) break;
        late->complete(queue_error::failed);
    }
    const std::lock_guard lock(mutex_);
    if (!closing_ || !waiting_.empty() || wake_posted_) return;
    try {
        post_wake();
    } catch (const std::bad_alloc&) {
        // It looks again after its pause.
    }
}

} // namespace finpost::detail
