#include "queue/group_commit.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

namespace finpost::detail {

namespace {

// A bug's exception is worth no more than a want of memory here: nothing of it is acknowledged.
error_code perform_one(store_operation& one, sqlite_queue& queue) {
    try {
        return one.perform(queue);
    } catch (const std::exception&) {
        return make_error_code(boost::system::errc::not_enough_memory);
    }
}

// Errors after which the database is as it was, once the group has been rolled back.
bool is_harmless(const error_code& ec) noexcept {
    return is_full(ec) || is_corrupt(ec) || is_out_of_memory(ec) || is_unread(ec);
}

} // namespace

group_commit::group_commit(queue_directory directory, sqlite_queue_options options,
                           boost::asio::any_io_executor thread, histogram* commit_seconds,
                           std::function<void()> on_fatal)
    : directory_(std::move(directory)), options_(std::move(options)), thread_(std::move(thread)),
      commit_seconds_(commit_seconds), on_fatal_(std::move(on_fatal)) {}

parsed<void> group_commit::open() {
    auto opened = sqlite_queue::open(*directory_, options_, sqlite_queue::leases::release);
    if (!opened) return opened.error();
    queue_ = std::move(*opened);
    return {};
}

void group_commit::add(operation one) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(one));
    try {
        post_run();
    } catch (...) {
        waiting_.pop_back();
        throw;
    }
}

bool group_commit::withdraw(const operation& one) {
    const std::lock_guard lock(mutex_);
    const auto found = std::find(waiting_.begin(), waiting_.end(), one);
    if (found == waiting_.end()) return false;
    waiting_.erase(found);
    return true;
}

void group_commit::close() {
    const std::lock_guard lock(mutex_);
    // Once: later the thread may be gone, though somebody still holds the store.
    if (!std::exchange(closing_, true)) post_run();
}

std::optional<std::string> group_commit::fatal() const {
    const std::lock_guard lock(mutex_);
    return fatal_;
}

// Under the mutex.
void group_commit::post_run() {
    if (running_) return;
    boost::asio::post(thread_, [self = shared_from_this()] { self->run(); });
    running_ = true;
}

bool group_commit::nothing_waits() const {
    const std::lock_guard lock(mutex_);
    return waiting_.empty();
}

// No memory is needed for it.
std::vector<group_commit::operation> group_commit::take_group() noexcept {
    std::vector<operation> group;
    const std::lock_guard lock(mutex_);
    group.swap(waiting_);
    return group;
}

void group_commit::run() noexcept {
    for (;;) {
        const std::vector<operation> group = take_group();
        try {
            perform(group);
            keep_house();
        } catch (const std::exception&) {
            // Want of memory. Who was told already is not told again.
            fail(group, queue_error::failed);
            if (queue_) queue_->rollback();
        }
        const std::lock_guard lock(mutex_);
        if (!waiting_.empty()) continue;
        running_ = false;
        if (!closing_) return;
        break;
    }
    shut();
}

// What could not be read is noted, and passed over when the group is tried again.
error_code group_commit::try_group(operations group, bool& committing) {
    constexpr int most_tries = 16;
    std::uint64_t noted = queue_->unread();
    error_code failed = try_once(group, committing);
    for (int i = 1; i < most_tries && is_unread(failed) && !committing; ++i) {
        if (queue_->unread() == noted) break;
        noted = queue_->unread();
        queue_->rollback();
        failed = try_once(group, committing);
    }
    return failed;
}

error_code group_commit::try_once(operations group, bool& committing) {
    committing = false;
    if (const error_code failed = queue_->begin()) return failed;
    for (const operation& one : group) {
        const error_code failed = perform_one(*one, *queue_);
        if (failed && failed.category() != queue_category()) return failed;
    }
    committing = true;
    const auto began = std::chrono::steady_clock::now();
    const error_code failed = queue_->commit();
    if (!failed && commit_seconds_ != nullptr)
        commit_seconds_->record(std::chrono::steady_clock::now() - began);
    return failed;
}

void group_commit::perform(operations group) {
    std::vector<operation> changes;
    std::vector<operation> reads;
    for (const operation& one : group) (one->reads ? reads : changes).push_back(one);
    if (!changes.empty()) change(changes);
    // Outside of a transaction: one in which a damaged page was read takes no change any more.
    for (const operation& one : reads) {
        const error_code failed = queue_ ? perform_one(*one, *queue_) : queue_error::failed;
        const bool told = failed.category() == queue_category();
        one->complete(failed && !told ? queue_error::failed : failed);
    }
}

void group_commit::change(operations group) {
    if (!queue_) return fail(group, queue_error::failed);
    bool committing = false;
    error_code failed = try_group(group, committing);
    if (is_unread(failed) && !committing) {
        queue_->rollback();
        failed = queue_->page_unread(failed);
    }
    while (is_corrupt(failed) && !committing) {
        queue_->rollback();
        if (!queue_->salvage()) return perform_each(group);
        failed = try_group(group, committing);
    }
    if (!failed) {
        for (const operation& one : group) one->complete({});
        if (const error_code ec = queue_->checkpoint_when_long()) recover(ec);
    } else if (is_full(failed)) {
        queue_->rollback();
        perform_without_room(group);
    } else if (is_harmless(failed) && !committing) {
        queue_->rollback();
        perform_each(group);
    } else {
        fail(group, queue_error::failed);
        recover(failed);
    }
}

// Whatever adds is refused, so that the rest has the room: it may be what makes room.
void group_commit::perform_without_room(operations group) {
    options_.log(log_level::warning, "queue disk full", {{"dir", directory_->path()}});
    queue_->disk_is_full();
    std::vector<operation> others;
    for (const operation& one : group) {
        if (one->adds)
            one->complete(queue_error::full);
        else
            others.push_back(one);
    }
    perform_each(others);
}

// Each in a group of its own: one that cannot be done is no reason for the others.
void group_commit::perform_each(operations group) {
    for (std::size_t i = 0; i < group.size(); ++i) {
        bool committing = false;
        const error_code failed = try_group(group.subspan(i, 1), committing);
        if (!failed) {
            group[i]->complete({});
        } else if (is_full(failed) || (is_harmless(failed) && !committing)) {
            queue_->rollback();
            if (!is_full(failed))
                options_.log(log_level::error, "queue operation failed",
                             {{"dir", directory_->path()}, {"what", failed.message()}});
            group[i]->complete(is_full(failed) ? queue_error::full : queue_error::failed);
        } else {
            fail(group.subspan(i), queue_error::failed);
            return recover(failed);
        }
    }
}

void group_commit::fail(operations group, const error_code& why) noexcept {
    for (const operation& one : group) one->complete(why);
}

void group_commit::keep_house() {
    while (queue_ && nothing_waits()) {
        const auto more = queue_->give_back_space();
        if (!more) return recover(more.error());
        if (!*more) return;
    }
}

void group_commit::recover(const error_code& why) noexcept {
    queue_.reset();
    try {
        options_.log(log_level::error, "queue write failed",
                     {{"dir", directory_->path()}, {"what", why.message()}});
        auto opened = sqlite_queue::open(*directory_, options_, sqlite_queue::leases::keep);
        if (!opened) return give_up(opened.error().message);
        queue_ = std::move(*opened);
        options_.log(log_level::info, "queue writes again", {{"dir", directory_->path()}});
    } catch (const std::exception& bad) {
        give_up(bad.what());
    }
}

// It is known and acted on, also where there is no memory to say why.
void group_commit::give_up(std::string_view why) noexcept {
    queue_.reset();
    try {
        std::string what = directory_->path();
        (what += ": ") += why;
        const std::lock_guard lock(mutex_);
        fatal_ = std::move(what);
    } catch (const std::bad_alloc&) {
        const std::lock_guard lock(mutex_);
        fatal_.emplace(); // a text this short needs no memory
        *fatal_ = "no memory";
    }
    try {
        options_.log(log_level::error, "queue failed",
                     {{"dir", directory_->path()}, {"what", why}});
    } catch (const std::bad_alloc&) {
    }
    if (on_fatal_) on_fatal_();
}

void group_commit::shut() {
    if (queue_) queue_->finish();
    queue_.reset();
    directory_.reset(); // its lock goes last
}

} // namespace finpost::detail
