#include "queue/sqlite_store.hpp"

#include "queue/group_commit.hpp"
#include "queue/queue_clock.hpp"
#include "queue/queue_directory.hpp"
#include "queue/store_operation.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <new>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

constexpr std::size_t largest_in_database = 512u << 20; // SQLite's own limit is 1 GB

sqlite_queue_options options_of(const sqlite_store_options& from) {
    sqlite_queue_options options;
    options.max_bytes = from.max_bytes;
    options.file_above = std::min(from.file_above, largest_in_database);
    options.ordered = from.ordered;
    options.keep_order = from.keep_order;
    options.longest_wait = from.longest_wait;
    options.long_log = from.long_log;
    options.spare_pages = from.spare_pages;
    options.now = from.now;
    if (!options.now) options.now = [clock = queue_clock::start()] { return clock.now(); };
    options.log = from.log;
    return options;
}

} // namespace

parsed<std::unique_ptr<sqlite_store>> sqlite_store::open(sqlite_store_options options) {
    auto directory = queue_directory::open(options.directory);
    if (!directory) return directory.error();
    auto commits =
        std::make_shared<group_commit>(std::move(*directory), options_of(options), options.thread,
                                       options.commit_seconds, std::move(options.on_fatal));
    const auto opened = commits->open();
    if (!opened) return opened.error();
    return std::unique_ptr<sqlite_store>(
        new sqlite_store(std::move(options.executor), std::move(commits)));
}

sqlite_store::sqlite_store(executor_type executor, std::shared_ptr<group_commit> commits)
    : executor_(std::move(executor)), commits_(std::move(commits)) {}

sqlite_store::~sqlite_store() { close(); }

void sqlite_store::close() noexcept {
    try {
        commits_->close();
    } catch (const std::bad_alloc&) {
        // Then it is closed when the last operation lets go of it: nothing is lost by that.
    }
}

std::optional<std::string> sqlite_store::fatal() const { return commits_->fatal(); }

template <class Result, class Perform, class Handler>
void sqlite_store::begin(Perform perform, Handler done, kind what) {
    auto one =
        std::make_shared<typed_operation<Result>>(std::move(perform), std::move(done), executor_);
    one->adds = what == kind::adds;
    one->reads = what == kind::reads;
    // Told at once, also while the disk hangs; and posted, for a slot must not be used from within
    // its own cancellation.
    one->end().on_cancel([commits = std::weak_ptr(commits_),
                          weak = std::weak_ptr<store_operation>(one), executor = executor_] {
        const auto store = commits.lock();
        const auto self = weak.lock();
        if (!store || !self) return;
        const error_code why = store->withdraw(self) ? error_code(asio::error::operation_aborted)
                                                     : error_code(queue_error::failed);
        try {
            asio::post(executor, [self, why] { self->complete(why); });
        } catch (const std::bad_alloc&) {
            self->complete(why);
        }
    });
    commits_->add(std::move(one));
}

void sqlite_store::put(std::vector<new_payload> batch, completion_handler<> done) {
    const auto shared = std::make_shared<const std::vector<new_payload>>(std::move(batch));
    begin<void>([shared](sqlite_queue& queue) { return queue.put(*shared); }, std::move(done),
                kind::adds);
}

void sqlite_store::claim(std::size_t most, milliseconds lease, std::string owner,
                         std::string upstream, completion_handler<claimed_payloads> done) {
    begin<claimed_payloads>(
        [most, lease, owner = std::move(owner), upstream = std::move(upstream)](
            sqlite_queue& queue) { return queue.claim(most, lease, owner, upstream); },
        std::move(done));
}

void sqlite_store::delivered(std::vector<request_id> ids, completion_handler<std::size_t> done) {
    begin<std::size_t>([ids = std::move(ids)](sqlite_queue& queue) { return queue.delivered(ids); },
                       std::move(done));
}

void sqlite_store::failed(held_payload held, milliseconds retry_in, attempt_failure why,
                          completion_handler<> done) {
    begin<void>([held = std::move(held), retry_in, why = std::move(why)](
                    sqlite_queue& queue) { return queue.failed(held, retry_in, why); },
                std::move(done));
}

void sqlite_store::dead(held_payload held, attempt_failure why, completion_handler<> done) {
    begin<void>([held = std::move(held),
                 why = std::move(why)](sqlite_queue& queue) { return queue.dead(held, why); },
                std::move(done));
}

void sqlite_store::list(queue_filter filter, queue_page page,
                        completion_handler<std::vector<queue_entry>> done) {
    begin<std::vector<queue_entry>>([filter = std::move(filter), page](
                                        sqlite_queue& queue) { return queue.list(filter, page); },
                                    std::move(done), kind::reads);
}

void sqlite_store::show(request_id id, completion_handler<std::optional<stored_payload>> done) {
    begin<std::optional<stored_payload>>([id](sqlite_queue& queue) { return queue.show(id); },
                                         std::move(done), kind::reads);
}

void sqlite_store::replay(queue_filter filter, queue_page page,
                          completion_handler<std::size_t> done) {
    begin<std::size_t>([filter = std::move(filter),
                        page](sqlite_queue& queue) { return queue.replay(filter, page); },
                       std::move(done));
}

void sqlite_store::drop(queue_filter filter, queue_page page,
                        completion_handler<std::size_t> done) {
    begin<std::size_t>([filter = std::move(filter),
                        page](sqlite_queue& queue) { return queue.drop(filter, page); },
                       std::move(done));
}

void sqlite_store::stats(completion_handler<queue_stats> done) {
    begin<queue_stats>([](sqlite_queue& queue) { return queue.stats(); }, std::move(done),
                       kind::reads);
}

} // namespace finpost::detail
