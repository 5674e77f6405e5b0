#include "queue/postgres/store.hpp"

#include "async/sequence.hpp"
#include "queue/postgres/operation.hpp"

#include <boost/asio/post.hpp>

#include <new>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

// One transaction after another waits for a sync on each; with four the server shares its syncs
// among them.
constexpr std::size_t most_put_connections = 4;

result<std::size_t> read_count(const postgres_answer& answer) {
    return static_cast<std::size_t>(answer.number(0, 0));
}

// Of a change of one payload that its claim holds.
result<void> read_held(const postgres_answer& answer) {
    if (answer.number(0, 0) == 0) return queue_error::not_held;
    return {};
}

result<std::vector<queue_entry>> read_list(const postgres_answer& answer) {
    std::vector<queue_entry> out;
    for (std::size_t i = 0; i < answer.rows(); ++i)
        if (auto one = read_payload(answer, i)) out.push_back(std::move(one->entry));
    return out;
}

result<std::optional<stored_payload>> read_one(const postgres_answer& answer) {
    if (answer.rows() == 0) return queue_error::not_found;
    auto one = read_payload(answer, 0);
    if (!one) return queue_error::failed;
    return std::optional<stored_payload>(std::move(*one));
}

} // namespace

parsed<std::unique_ptr<postgres_store>> postgres_store::open(const postgres_queue_config& config,
                                                             asio::any_io_executor executor,
                                                             const asio::any_io_executor& loop,
                                                             metrics::queue_counters* counters,
                                                             logger log, bool keep_order) {
    auto target = read_target(config);
    if (!target) return target.error();
    auto settings = std::make_shared<const postgres_settings>(
        postgres_settings{config, std::move(*target), keep_order});
    return std::unique_ptr<postgres_store>(
        new postgres_store(std::move(executor), loop, settings, counters, log));
}

postgres_store::postgres_store(executor_type executor, const asio::any_io_executor& loop,
                               const std::shared_ptr<const postgres_settings>& settings,
                               metrics::queue_counters* counters, const logger& log)
    : executor_(std::move(executor)), loop_(loop), settings_(settings), log_(log),
      counters_(counters), others_(make_channel("take", nullptr)) {
    puts_.reserve(most_put_connections);
    puts_.push_back(make_channel("put", commit_seconds()));
    puts_.back()->start();
    others_->start();
}

std::shared_ptr<postgres_channel> postgres_store::make_channel(const std::string& name,
                                                               histogram* commits) const {
    return std::make_shared<postgres_channel>(sequence_on(loop_, false), settings_, name, commits,
                                              log_);
}

histogram* postgres_store::commit_seconds() const noexcept {
    return counters_ == nullptr ? nullptr : &counters_->commit_seconds;
}

// The one that has the least to do. One that is not connected has not the time of others. An
// operation may still be counted when its client, who was told, comes with the next: a lone client
// needs no second connection.
std::shared_ptr<postgres_channel> postgres_store::channel_for_put() {
    const std::lock_guard lock(mutex_);
    std::shared_ptr<postgres_channel> best = puts_.front();
    std::optional<std::size_t> least;
    for (const auto& each : puts_) {
        const std::optional<std::size_t> load = each->load();
        if (!load || (least && *load >= *least)) continue;
        least = load;
        best = each;
    }
    if (!least || *least < 2 || puts_.size() == most_put_connections) return best;
    auto one_more = make_channel("put-" + std::to_string(puts_.size() + 1), commit_seconds());
    one_more->start();
    puts_.push_back(std::move(one_more));
    return best;
}

postgres_store::~postgres_store() { close(); }

void postgres_store::close() noexcept {
    {
        const std::lock_guard lock(mutex_);
        for (const auto& each : puts_) each->close();
    }
    others_->close();
}

std::optional<std::string> postgres_store::unavailable() const {
    if (auto why = others_->unavailable()) return why;
    const std::lock_guard lock(mutex_);
    for (const auto& each : puts_)
        if (!each->unavailable()) return std::nullopt;
    return puts_.front()->unavailable();
}

template <class Operation>
void postgres_store::begin(const std::shared_ptr<Operation>& one,
                           const std::shared_ptr<postgres_channel>& channel) {
    // Told at once, and posted: a slot must not be used from within its own cancellation.
    one->end().on_cancel([where = std::weak_ptr(channel),
                          weak = std::weak_ptr<postgres_operation>(one), executor = executor_] {
        const auto waits = where.lock();
        const auto self = weak.lock();
        if (!waits || !self) return;
        const error_code why = waits->withdraw(self);
        try {
            asio::post(executor, [self, why] { self->complete(why); });
        } catch (const std::bad_alloc&) {
            self->complete(why);
        }
    });
    channel->add(one);
}

template <class Result, class Ask, class Take, class Handler>
std::shared_ptr<postgres_operation_of<Result>> postgres_store::make(Ask ask, Take take,
                                                                    Handler done) const {
    return std::make_shared<postgres_operation_of<Result>>(std::move(ask), std::move(take),
                                                           std::move(done), executor_);
}

void postgres_store::put(std::vector<new_payload> batch, completion_handler<> done) {
    begin(std::make_shared<postgres_put>(std::move(batch), std::move(done), executor_),
          channel_for_put());
}

void postgres_store::claim(std::size_t most, milliseconds lease, std::string owner,
                           std::string upstream, completion_handler<claimed_payloads> done) {
    begin(std::make_shared<postgres_claim>(
              claim_terms{std::move(owner), std::move(upstream), most, lease},
              counters_ == nullptr ? nullptr : &counters_->recovered, log_, std::move(done),
              executor_),
          others_);
}

void postgres_store::delivered(std::vector<request_id> ids, completion_handler<std::size_t> done) {
    const auto one = make<std::size_t>(
        [ids = std::move(ids)](const postgres_terms& terms, postgres_statements& out) {
            ask_delivered(terms, ids, out);
        },
        read_count, std::move(done));
    one->repeatable = true;
    begin(one, others_);
}

void postgres_store::failed(held_payload held, milliseconds retry_in, attempt_failure why,
                            completion_handler<> done) {
    begin(make<void>([held = std::move(held), retry_in, why = std::move(why)](
                         const postgres_terms&,
                         postgres_statements& out) { ask_failed(held, retry_in, why, out); },
                     read_held, std::move(done)),
          others_);
}

void postgres_store::dead(held_payload held, attempt_failure why, completion_handler<> done) {
    begin(make<void>(
              [held = std::move(held), why = std::move(why)](const postgres_terms& terms,
                                                             postgres_statements& out) {
                  ask_ended(terms, held, queue_state::dead, why, out);
              },
              read_held, std::move(done)),
          others_);
}

void postgres_store::list(queue_filter filter, queue_page page,
                          completion_handler<std::vector<queue_entry>> done) {
    const auto one = make<std::vector<queue_entry>>(
        [filter = std::move(filter), page](const postgres_terms&, postgres_statements& out) {
            ask_list(filter, page, out);
        },
        read_list, std::move(done));
    one->alone = one->repeatable = true;
    begin(one, others_);
}

void postgres_store::show(request_id id, completion_handler<std::optional<stored_payload>> done) {
    const auto one = make<std::optional<stored_payload>>(
        [id](const postgres_terms&, postgres_statements& out) { ask_show(id, true, out); },
        read_one, std::move(done));
    one->without_bodies(
        [id](const postgres_terms&, postgres_statements& out) { ask_show(id, false, out); });
    one->alone = one->repeatable = true;
    begin(one, others_);
}

void postgres_store::replay(queue_filter filter, queue_page page,
                            completion_handler<std::size_t> done) {
    begin(make<std::size_t>([filter = std::move(filter), page](
                                const postgres_terms& terms,
                                postgres_statements& out) { ask_replay(terms, filter, page, out); },
                            read_count, std::move(done)),
          others_);
}

void postgres_store::drop(queue_filter filter, queue_page page,
                          completion_handler<std::size_t> done) {
    begin(make<std::size_t>([filter = std::move(filter), page](
                                const postgres_terms& terms,
                                postgres_statements& out) { ask_drop(terms, filter, page, out); },
                            read_count, std::move(done)),
          others_);
}

void postgres_store::stats(completion_handler<queue_stats> done) {
    const auto one = make<queue_stats>(
        [](const postgres_terms&, postgres_statements& out) { ask_stats(out); },
        [max = settings_->config.max_bytes](const postgres_answer& answer) -> result<queue_stats> {
            queue_stats now = read_stats(answer);
            now.max_bytes = max;
            return now;
        },
        std::move(done));
    one->repeatable = true;
    begin(one, others_);
}

} // namespace finpost::detail
