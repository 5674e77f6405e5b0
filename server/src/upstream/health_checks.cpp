#include "upstream/health_checks.hpp"

#include "async/alarm_clock.hpp"
#include "async/use_tuple_awaitable.hpp"
#include "net/upstream_stream.hpp"
#include "random.hpp"
#include "upstream/exchange_rules.hpp"
#include "upstream/request_head.hpp"
#include "upstream/response_guard.hpp"
#include "upstream/upstream_connector.hpp"

#include "finpost/endpoint.hpp"
#include "finpost/exchange_deadline.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <exception>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

// Many gateways in front of one service must not ask in step.
duration about(duration pause) {
    const auto tenth = pause.count() / 10;
    const auto by_chance =
        static_cast<duration::rep>(random_bits() % static_cast<std::uint64_t>(2 * tenth + 1));
    return pause - duration(tenth) + duration(by_chance);
}

} // namespace

// Held by shared_ptr: a timer that has gone off may be handled after the last check.
struct health_checks::checked_endpoint : std::enable_shared_from_this<checked_endpoint> {
    checked_endpoint(std::size_t number, std::string request, const asio::any_io_executor& executor)
        : endpoint(number), head(std::move(request)), pause(executor), timer(executor) {}
    const std::size_t endpoint;
    const std::string head;
    asio::steady_timer pause; // between two checks
    asio::steady_timer timer; // of the deadline
    exchange_deadline deadline;
    std::optional<alarm_clock>
        again; // begins the checks anew when they have ended for want of memory
    // Of the check under way:
    bool connected = false;
    std::string cause; // what people are told; else it is the error's message
};

health_checks::health_checks(asio::any_io_executor executor, const upstream_config& config,
                             upstream_connector& connector)
    : strand_(std::move(executor)), path_(config.health_path), every_(config.health_every),
      timeout_(config.health_timeout), connector_(connector) {
    for (std::size_t i = 0; i < config.endpoints.size(); ++i) {
        std::string head;
        if (!path_.empty()) head = health_head(config.endpoints[i], path_);
        subjects_.push_back(std::make_shared<checked_endpoint>(i, std::move(head), strand_));
    }
}

health_checks::~health_checks() = default;

void health_checks::start(std::shared_ptr<const void> owner) {
    const std::weak_ptr<const void> weak = owner;
    for (const auto& subject : subjects_) {
        subject->again.emplace(strand_, [this, weak, subject = subject.get()] {
            if (auto self = weak.lock()) begin(std::move(self), *subject);
        });
        begin(owner, *subject);
    }
}

void health_checks::begin(std::shared_ptr<const void> owner, checked_endpoint& subject) {
    if (stopped_) return;
    try {
        asio::co_spawn(strand_, run(std::move(owner), subject), [](std::exception_ptr bug) {
            if (bug) std::rethrow_exception(bug); // to whoever runs the event loop
        });
    } catch (const std::bad_alloc&) {
        begin_later(subject);
    }
}

void health_checks::begin_later(checked_endpoint& subject) noexcept {
    if (!stopped_) subject.again->set(alarm_clock::clock::now() + every_);
}

void health_checks::stop(std::shared_ptr<const void> owner) {
    stopped_ = true;
    for (const auto& subject : subjects_)
        if (subject->again) subject->again->clear();
    try {
        asio::post(strand_, [this, owner = std::move(owner)] {
            for (const auto& subject : subjects_) {
                subject->deadline.stop(reason::draining);
                subject->pause.cancel();
            }
        });
    } catch (const std::bad_alloc&) {
        // Then each ends with its pause.
    }
}

asio::awaitable<void> health_checks::run(std::shared_ptr<const void> /*owner*/,
                                         checked_endpoint& subject) {
    try {
        while (!stopped_) {
            error_code found;
            const bool looked = due(subject);
            if (looked) found = co_await check(subject);
            subject.timer.cancel();
            if (stopped_) co_return;
            if (looked) judge(subject, found);
            subject.pause.expires_after(about(every_));
            auto [ec] = co_await subject.pause.async_wait(use_shared_tuple_awaitable);
            static_cast<void>(ec); // over, or stopped
        }
    } catch (const std::exception&) {
        // Want of memory, OpenSSL's perhaps, which says nothing about the endpoint.
        subject.timer.cancel();
        begin_later(subject);
    }
}

asio::awaitable<error_code> health_checks::check(checked_endpoint& subject) {
    subject.connected = false;
    subject.cause.clear();
    limit(subject);
    resolver& names = connector_.names();
    co_await names.first_answer(subject.endpoint, subject.deadline);
    auto addresses = names.of(subject.endpoint);
    if (addresses.empty()) {
        const error_code trouble = names.trouble(subject.endpoint);
        subject.cause = trouble ? trouble.message() : "its name was not looked up yet";
        co_return reason::upstream_unreachable;
    }
    upstream_dial dial(subject.endpoint, std::move(addresses), strand_, strand_, subject.deadline);
    const error_code failed = co_await connector_.dial(dial, timeout_);
    if (failed && dial.stream) {
        subject.cause = handshake_failure(dial.tls_failure());
        co_return reason::upstream_unreachable;
    }
    if (failed) {
        subject.cause = dial.race->cause().message();
        const bool says_why = subject.deadline.error() || lacks_resources(failed);
        co_return says_why ? failed : error_code(reason::upstream_unreachable);
    }
    subject.connected = true;
    if (path_.empty()) co_return error_code{};
    const error_code found = co_await ask(subject, *dial.stream);
    co_return found;
}

asio::awaitable<error_code> health_checks::ask(checked_endpoint& subject, upstream_stream& stream) {
    const exchange_deadline::on_cancel cancel(subject.deadline, [&stream] { stream.cancel(); });
    auto rest = std::as_bytes(std::span(subject.head));
    while (!rest.empty()) {
        if (subject.deadline.error()) co_return subject.deadline.error();
        const auto sent = stream.write_some(rest, {});
        if (sent.has_value())
            rest = rest.subspan(*sent);
        else if (sent.error() != asio::error::would_block)
            co_return reason::upstream_incomplete;
        if (sent.has_value()) continue;
        auto [ec] = co_await stream.async_wait_writable();
        static_cast<void>(ec); // the write tells
    }
    response_guard guard(std::uint64_t{1} << 46, nullptr); // the body is not read
    auto state = response_guard::state::more;
    while (state == response_guard::state::more && guard.status() == 0) {
        if (subject.deadline.error()) co_return subject.deadline.error();
        guard.buffer().reserve(guard.read_size_hint());
        const auto got = stream.read_some(guard.buffer().writable());
        state = take_read(guard, got, true);
        if (got.has_value() || state != response_guard::state::more) continue;
        auto [ec] = co_await stream.async_wait_readable();
        static_cast<void>(ec); // the read tells
    }
    if (guard.status() == 0) subject.cause = guard.what();
    if (guard.status() == 0) co_return guard.why();
    const bool well = guard.status() >= 200 && guard.status() < 300;
    if (!well) subject.cause = masked_url(path_) + " answers " + std::to_string(guard.status());
    if (!well) co_return reason::upstream_status;
    co_return error_code{};
}

void health_checks::limit(checked_endpoint& subject) {
    subject.deadline.arm(exchange_deadline::duration::zero(), timeout_, reason::upstream_timeout);
    subject.timer.expires_after(timeout_ + std::chrono::milliseconds(1)); // not before the limit
    subject.timer.async_wait(
        asio::bind_executor(strand_, [self = subject.shared_from_this()](const error_code& ec) {
            if (!ec) self->deadline.expire(exchange_deadline::clock::now());
        }));
}

bool health_checks::due(const checked_endpoint& subject) const {
    return !path_.empty() || connector_.endpoints().in_doubt(subject.endpoint);
}

void health_checks::judge(const checked_endpoint& subject, error_code found) {
    if (lacks_resources(found)) return; // says nothing about the endpoint
    if (subject.deadline.error()) found = subject.deadline.error();
    const bool by_request = !path_.empty();
    if (found && !by_request) found = reason::upstream_unreachable; // as an exchange calls it
    std::optional<endpoint_set::fault> what;
    if (found) {
        const std::string cause = subject.cause.empty() ? found.message() : subject.cause;
        what.emplace(to_reason(found), cause, subject.connected);
    }
    endpoint_set& endpoints = connector_.endpoints();
    const auto now = endpoint_set::clock::now();
    const bool changed = by_request ? endpoints.checked(subject.endpoint, what, now)
                                    : endpoints.probed(subject.endpoint, what, now, random_bits());
    if (!changed) return;
    if (found)
        connector_.report_ejected(subject.endpoint, found);
    else
        connector_.report_restored(subject.endpoint);
}

} // namespace finpost::detail
