#include "crash/waiting_clients.hpp"

#include "queue/deliverer.hpp"
#include "queue/receipts.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>

#include <exception>
#include <memory>
#include <optional>
#include <utility>

namespace asio = boost::asio;

namespace finpost::test {

namespace {

using finpost::detail::deliverer;
using finpost::detail::receipt_office;
using finpost::detail::receipt_place;

// A gateway with that store, and one exchange. It lives until that has ended.
class exchange_with_receipt : public std::enable_shared_from_this<exchange_with_receipt> {
public:
    explicit exchange_with_receipt(power_store& store)
        : store_(store), office_(shared(store), {}, "records", std::chrono::hours(1), counters_,
                                 make_deliverer(store, counters_)) {}

    void begin(new_payload what) {
        request asked({.body = std::move(what.body), .peer = what.peer, .id = what.id}, deadline_);
        asio::co_spawn(store_.get().get_executor(), ask(shared_from_this(), std::move(asked)),
                       [](const std::exception_ptr& bug) {
                           if (bug) std::rethrow_exception(bug);
                       });
    }
    // As the gateway's timer does.
    void pass_timeout() { deadline_.expire(deadline_.when()); }
    const std::optional<reply>& answer() const noexcept { return answer_; }

private:
    static asio::awaitable<void> ask(std::shared_ptr<exchange_with_receipt> self, request asked) {
        const auto place = std::make_shared<const receipt_place>();
        reply got = co_await self->office_.store(nullptr, place, std::move(asked));
        self->answer_ = std::move(got);
    }
    static std::shared_ptr<queue_store> shared(power_store& of) {
        return {std::shared_ptr<void>(), &of.get()};
    }
    static std::shared_ptr<deliverer> make_deliverer(power_store& store, metrics& counters) {
        return std::make_shared<deliverer>(
            store.get().get_executor(), shared(store), handler(), [] { return false; },
            delivery_config{.upstream = "records"}, std::chrono::hours(1), counters, logger());
    }

    power_store& store_;
    metrics counters_;
    exchange_deadline deadline_;
    const receipt_office office_;
    std::optional<reply> answer_;
};

} // namespace

void waiting_clients::require(bool good, const char* what) {
    if (!good && problem_.empty()) problem_ = what;
}

void waiting_clients::give_up() noexcept {
    try {
        if (store_.is_open()) try_to_give_up(); // else nobody can ask
    } catch (const std::exception& bug) {
        problem_ = bug.what();
    }
}

void waiting_clients::try_to_give_up() {
    cuts_.push_back(disk_.calls().size());
    const std::size_t acknowledged = ledger_.acknowledged();
    const std::size_t before = queue_.waiting();
    queue_.put_some({40});
    const auto late = std::make_shared<exchange_with_receipt>(store_);
    const auto asked = queue_.begin();
    late->begin(queue_.make_one(asked, 60));
    store_.tell();
    require(ledger_.acknowledged() == acknowledged && queue_.waiting() == before + 1 &&
                !late->answer(),
            "a receipt before the sync has returned");
    given_up_ += queue_.waiting() + 1;
    queue_.lose_patience();
    late->pass_timeout();
    store_.tell();
    require(queue_.waiting() == 0 && late->answer(), "who gives up is not told");
    require(ledger_.acknowledged() == acknowledged, "a receipt for who has given up");
    if (late->answer()) {
        const bool refused =
            late->answer()->refused() && late->answer()->why() == reason::queue_failed;
        require(refused, "who has waited for too long is not told queue_failed");
        // It had not begun, and never will.
        ledger_.tell(asked, disk_.calls().size(), asio::error::operation_aborted);
    }
    queue_.put_some({50}); // who waits on
}

} // namespace finpost::test
