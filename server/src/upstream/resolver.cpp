#include "upstream/resolver.hpp"

#include "finpost/exchange_deadline.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>

#include <algorithm>
#include <exception>
#include <new>
#include <utility>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace finpost::detail {

namespace {

constexpr std::chrono::milliseconds at_least_between{1'000};

} // namespace

resolver::resolver(asio::any_io_executor executor, const std::vector<http_url>& urls,
                   std::chrono::milliseconds every, logger log)
    : strand_(std::move(executor)), resolver_(strand_), every_(every), log_(std::move(log)),
      known_(urls.size()), trouble_(urls.size()), answered_(urls.size(), true) {
    for (std::size_t i = 0; i < urls.size(); ++i) {
        error_code not_literal;
        const auto address = asio::ip::make_address(urls[i].host, not_literal);
        answered_[i] = !not_literal;
        if (not_literal) {
            names_.push_back({i, urls[i].host, urls[i].port});
            unknown_ |= std::uint64_t{1} << i;
        } else {
            known_[i] = {tcp::endpoint(address, urls[i].port)};
        }
    }
}

void resolver::start(change on_change) {
    if (names_.empty()) return;
    again_.emplace(strand_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->look_up_soon();
    });
    asio::post(strand_, [self = shared_from_this(), on_change = std::move(on_change)]() mutable {
        self->on_change_ = std::move(on_change);
        self->look_up_all();
    });
}

void resolver::stop() {
    stopped_ = true;
    if (again_) again_->clear();
    try {
        asio::post(strand_, [self = shared_from_this()] { self->resolver_.cancel(); });
    } catch (const std::bad_alloc&) {
        // Then what is under way ends by itself.
    }
}

resolver::addresses resolver::of(std::size_t endpoint) const {
    const std::lock_guard lock(mutex_);
    return known_[endpoint];
}

error_code resolver::trouble(std::size_t endpoint) const {
    const std::lock_guard lock(mutex_);
    return trouble_[endpoint];
}

void resolver::deprioritize(std::size_t endpoint, const tcp::endpoint& address) {
    const std::lock_guard lock(mutex_);
    addresses& all = known_[endpoint];
    const auto found = std::find(all.begin(), all.end(), address);
    if (found != all.end()) std::rotate(found, found + 1, all.end());
}

asio::awaitable<void> resolver::first_answer(std::size_t endpoint, exchange_deadline& deadline) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    while (!deadline.error()) {
        std::shared_ptr<waiter> ticket;
        {
            const std::lock_guard lock(mutex_);
            if (answered_[endpoint]) co_return;
            ticket = waiting_.join(executor);
        }
        co_await ticket->wait(deadline);
        const std::lock_guard lock(mutex_);
        waiting_.leave(ticket);
    }
}

void resolver::request_refresh() {
    if (names_.empty()) return;
    try {
        asio::post(strand_, [self = shared_from_this()] {
            const auto since = std::chrono::steady_clock::now() - self->looked_at_;
            if (since >= at_least_between) self->look_up_all();
        });
    } catch (const std::bad_alloc&) {
        // The next who cannot connect says it again.
    }
}

// The alarm rings on any thread of the executor.
void resolver::look_up_soon() noexcept {
    try {
        asio::post(strand_, [self = shared_from_this()] { self->look_up_all(); });
    } catch (const std::bad_alloc&) {
        wait(at_least_between);
    }
}

// What a lookup calls when it is over. Where there was no memory to tell what it has found, it was
// in vain, and not under way for ever.
class resolver::lookup {
public:
    lookup(std::shared_ptr<resolver> owner, name& which) noexcept
        : owner_(std::move(owner)), which_(which) {}
    lookup(lookup&&) noexcept = default;
    ~lookup() {
        if (owner_ && std::uncaught_exceptions() > 0) owner_->in_vain(which_);
    }
    void operator()(const error_code& ec, const tcp::resolver::results_type& results) {
        try {
            owner_->found(which_, ec, results);
        } catch (const std::bad_alloc&) {
            owner_->in_vain(which_);
        }
        owner_.reset();
    }

private:
    std::shared_ptr<resolver> owner_;
    name& which_;
};

void resolver::in_vain(name& which) noexcept {
    which.pending = false;
    if (!stopped_) wait(at_least_between);
}

void resolver::look_up_all() {
    if (stopped_) return;
    looked_at_ = std::chrono::steady_clock::now();
    for (name& which : names_) {
        if (which.pending) continue; // slow lookups do not pile up
        which.pending = true;
        bool begun = false;
        try {
            resolver_.async_resolve(
                which.host, std::to_string(which.port), tcp::resolver::numeric_service,
                asio::bind_executor(strand_, lookup(shared_from_this(), which)));
            begun = true;
        } catch (const std::bad_alloc&) {
            which.pending = false;
        }
        if (!begun) return wait(at_least_between);
    }
    wait(every_);
}

void resolver::found(name& which, const error_code& ec,
                     const tcp::resolver::results_type& results) {
    which.pending = false;
    if (stopped_) return;
    const bool missing = ec || results.empty();
    if (!missing) know(which, results);
    {
        const std::lock_guard lock(mutex_);
        answered_[which.endpoint] = true;
        trouble_[which.endpoint] = ec;
        waiting_.wake_all(); // whoever waits for another name looks again
    }
    if (missing) {
        const std::string what = ec ? ec.message() : "no address";
        log_(log_level::warning, "upstream name not found", {{"host", which.host}, {"what", what}});
        // Never found so far: nothing can be served, so look again soon.
        if (of(which.endpoint).empty()) wait(at_least_between);
    }
}

void resolver::know(const name& which, const tcp::resolver::results_type& results) {
    constexpr std::size_t most =
        8; // an answer with a thousand addresses is not to be tried through
    addresses fresh;
    for (const auto& result : results)
        if (fresh.size() < most) fresh.push_back(result.endpoint());
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        addresses& known = known_[which.endpoint];
        // The same addresses in another order are no news, and the order here has been learnt.
        const bool same =
            std::is_permutation(known.begin(), known.end(), fresh.begin(), fresh.end());
        if (same && !known.empty()) return;
        first = known.empty();
        known = fresh;
    }
    unknown_ &= ~(std::uint64_t{1} << which.endpoint);
    if (first) return;
    log_(log_level::info, "upstream addresses changed", {{"host", which.host}});
    if (on_change_) on_change_(which.endpoint, fresh);
}

void resolver::wait(std::chrono::milliseconds pause) noexcept {
    again_->set(alarm_clock::clock::now() + pause);
}

} // namespace finpost::detail
