#include "upstream/http_forwarder.hpp"

#include "policy/buffer_budget.hpp"
#include "random.hpp"
#include "upstream/request_head.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <array>
#include <utility>

#include <sys/socket.h>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace finpost {

namespace {

constexpr auto as_result = asio::as_tuple(asio::use_awaitable);

// A kept connection with anything to read, a FIN included, is not fit for another exchange.
bool is_quiet(tcp::socket& socket) noexcept {
    char byte = 0;
    return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

bool has_bytes(tcp::socket& socket) noexcept {
    char byte = 0;
    return ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

std::vector<std::string> fixed_heads(const upstream_config& config) {
    std::vector<std::string> heads;
    for (const http_url& url : config.endpoints)
        heads.push_back(fixed_head(url, config.content_type));
    return heads;
}

std::vector<std::string> host_and_port(const upstream_config& config) {
    std::vector<std::string> labels;
    for (const http_url& url : config.endpoints)
        labels.push_back(to_string(host_port{url.host, url.port}));
    return labels;
}

} // namespace

struct http_forwarder::attempt {
    explicit attempt(request& r, const upstream_config& config)
        : asked(r), dog(r.dog()), began(clock::now()), connect_until(began + config.connect),
          until(began + config.total) {
        connect_until = std::min(connect_until, until);
    }

    request& asked;
    watchdog& dog;
    clock::time_point began, connect_until, until;
    std::optional<pool::lease> held;
    std::size_t endpoint = 0;
    std::string head;     // of the request
    std::size_t sent = 0; // of head and body
    int status = 0;
    bool asked_any = false; // an endpoint was chosen: the log can name it
    bool fresh_only = false;
    bool cut = false; // the request could not be sent whole

    tcp::socket& socket() { return *held->connection(); }
    bool connected() { return held && held->connection() != nullptr; }
};

http_forwarder::http_forwarder(asio::any_io_executor executor, const upstream_config& config,
                               metrics& counters, logger log, std::function<void()> kept)
    : executor_(executor), config_(config), counters_(counters), log_(std::move(log)),
      heads_(fixed_heads(config)), labels_(host_and_port(config)),
      endpoints_(config.endpoints.size()),
      resolver_(std::make_shared<resolver>(executor, config.endpoints, config.resolve_every, log_)),
      pool_(config.endpoints.size(), config.max_connections, config.keep_alive,
            counters.upstream_busy, counters.upstream_idle),
      kept_(std::move(kept)) {}

asio::awaitable<reply> http_forwarder::forward(std::shared_ptr<const void> /*owner*/, request asked) {
    attempt now(asked, config_);
    std::optional<response_guard> guard;
    for (;;) {
        const auto order = endpoints_.order(clock::now());
        // A kept connection is there nearly always, and then there is nothing to wait for.
        error_code failed;
        if (!take(now, order.front()) || !now.connected()) failed = co_await connect(now, order);
        if (failed) co_return refuse(now, failed);
        const bool kept_before = now.held->kept_before();
        guard.emplace(config_.max_reply, asked.body().budget());
        failed = co_await exchange(now, *guard);
        now.status = guard->status();
        if (!failed) break;
        // The upstream may close a kept connection just as the request goes out. Only then, and only
        // while not one byte of a response has come, is it sent again, with the same Idempotency-Key,
        // on a new connection (RFC 9112 §9.3.1, RFC 9110 §9.2.2).
        const bool lost = failed == reason::upstream_incomplete && !guard->started();
        if (!kept_before || !lost) co_return refuse(now, failed);
        counters_.upstream_retries.add();
        now.fresh_only = true;
        now.held.reset();
    }
    if (guard->reusable() && !now.cut) {
        now.held->keep(clock::now());
        kept_();
    }
    now.held.reset();
    const bool success = now.status >= 200 && now.status < 300;
    if (!success && config_.on_status == status_policy::refuse)
        co_return refuse(now, reason::upstream_status);
    reply answer(guard->take_body());
    answer.from(labels_[now.endpoint], now.status);
    co_return answer;
}

reply http_forwarder::refuse(const attempt& now, error_code why) const {
    reply refusal(to_reason(why));
    if (now.asked_any) refusal.from(labels_[now.endpoint], now.status);
    return refusal;
}

// A lease for `endpoint`, with a connection when a fit one was kept; false when all are in use.
bool http_forwarder::take(attempt& now, std::size_t endpoint) {
    if (!now.held) now.held = pool_.take(endpoint, clock::now());
    if (!now.held) return false;
    now.endpoint = endpoint;
    now.asked_any = true;
    if (now.connected() && (now.fresh_only || !is_quiet(now.socket()))) now.held->drop();
    return true;
}

asio::awaitable<error_code> http_forwarder::connect(attempt& now, std::span<const std::size_t> order) {
    error_code failed = reason::upstream_unreachable;
    for (;;) {
        bool all_in_use = false;
        std::size_t others = order.size(); // endpoints to try after this one
        for (const std::size_t endpoint : order) {
            --others;
            all_in_use = !take(now, endpoint);
            if (all_in_use) break;
            if (now.connected()) co_return error_code{};
            error_code refused = co_await connect_to(now, endpoint, others);
            if (!refused) co_return refused;
            now.held.reset();
            if (now.dog.stopped()) co_return now.dog.error();
            failed = refused;
        }
        if (!all_in_use) co_return failed;
        error_code gave_up = co_await wait_for_slot(now);
        if (gave_up) co_return gave_up;
    }
}

asio::awaitable<error_code> http_forwarder::connect_to(attempt& now, std::size_t endpoint,
                                                        std::size_t others) {
    const watchdog::guard cancel(now.dog, [&now] {
        error_code ignored;
        if (now.held && now.held->connection() != nullptr) now.socket().cancel(ignored);
    });
    auto addresses = resolver_->of(endpoint);
    if (addresses.empty()) {
        // Only the exchanges of a gateway that has just been started find a name not looked up yet.
        const auto share = (now.connect_until - clock::now()) / static_cast<std::int64_t>(1 + others);
        now.dog.watch(watchdog::span::zero(), std::max(share, clock::duration(1)),
                      reason::upstream_unreachable);
        co_await resolver_->first_answer(endpoint, now.dog);
        addresses = resolver_->of(endpoint);
    }
    std::size_t left = addresses.size() + others;
    bool tried = addresses.empty();
    for (const tcp::endpoint& address : addresses) {
        // A silent address gets its share of the time, not all of it, and leaves one to each endpoint
        // that is still to be tried.
        const auto remaining = now.connect_until - clock::now();
        const auto share = remaining / static_cast<std::int64_t>(left--);
        if (share <= clock::duration::zero()) break;
        tried = true;
        now.held->made(tcp::socket(executor_));
        now.dog.watch(watchdog::span::zero(), share, reason::upstream_unreachable);
        if (now.dog.error()) co_return now.dog.error();
        auto [ec] = co_await now.socket().async_connect(address, as_result);
        if (!ec && !now.dog.error()) {
            error_code ignored;
            now.socket().set_option(tcp::no_delay(true), ignored);
            now.socket().non_blocking(true, ignored);
            now.held->forget_kept();
            endpoints_.succeeded(endpoint);
            co_return error_code{};
        }
        now.held->drop();
        if (now.dog.stopped()) co_return now.dog.error();
    }
    if (!tried) co_return reason::upstream_unreachable; // the time was over before: not its fault
    endpoints_.failed(endpoint, clock::now(), random_bits());
    resolver_->suspect();
    if (log_.enabled(log_level::debug))
        log_(log_level::debug, "upstream unreachable", {{"endpoint", labels_[endpoint]}});
    co_return reason::upstream_unreachable;
}

asio::awaitable<error_code> http_forwarder::wait_for_slot(attempt& now) {
    asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto turn = pool_.join_unless_free(executor);
    if (!turn) co_return error_code{};
    const auto remaining = now.connect_until - clock::now();
    now.dog.watch(watchdog::span::zero(), std::max(remaining, clock::duration(1)), reason::busy);
    co_await turn->wait(now.dog);
    const error_code gave_up = now.dog.error();
    pool_.leave(turn, gave_up.failed());
    co_return gave_up;
}

asio::awaitable<error_code> http_forwarder::exchange(attempt& now, response_guard& guard) {
    const watchdog::guard cancel(now.dog, [&now] {
        error_code ignored;
        now.socket().cancel(ignored);
    });
    const auto remaining = std::max(now.until - clock::now(), clock::duration(1));
    now.dog.watch(watchdog::span::zero(), remaining, reason::upstream_timeout);
    prepare(now);
    error_code unsent = send_some(now);
    if (unsent == asio::error::would_block) unsent = co_await send_rest(now);
    now.cut = unsent.failed();
    if (now.dog.error()) co_return now.dog.error();
    // An upstream that refuses early answers before it has read everything (RFC 9112 §9.5): what it
    // said is read even when the request could not be sent whole.
    error_code failed = co_await read_response(now, guard);
    if (now.cut && !failed && guard.status() < 300) co_return reason::upstream_incomplete;
    co_return failed;
}

void http_forwarder::prepare(attempt& now) const {
    const std::uint64_t parent = random_bits() | 1; // never zero
    now.head = request_head(heads_[now.endpoint], now.asked, parent);
    now.sent = 0;
}

// Sends what the kernel takes: success when that is everything, `would_block` when there is more.
error_code http_forwarder::send_some(attempt& now) const {
    const payload& body = now.asked.body();
    const std::size_t total = now.head.size() + body.size();
    error_code ec;
    while (!ec && now.sent < total) {
        // Head and body in one gathered write; the payload is never copied.
        const std::size_t of_head = std::min(now.sent, now.head.size());
        const std::size_t of_body = now.sent - of_head;
        const std::array<asio::const_buffer, 2> rest{
            asio::buffer(now.head.data() + of_head, now.head.size() - of_head),
            asio::buffer(body.data() + of_body, body.size() - of_body)};
        now.sent += now.socket().write_some(rest, ec);
    }
    return ec;
}

asio::awaitable<error_code> http_forwarder::send_rest(attempt& now) {
    error_code unsent = asio::error::would_block;
    while (unsent == asio::error::would_block) {
        if (now.dog.error()) co_return now.dog.error();
        auto [ec] = co_await now.socket().async_wait(tcp::socket::wait_write, as_result);
        if (ec) co_return ec;
        unsent = send_some(now);
    }
    co_return unsent;
}

asio::awaitable<error_code> http_forwarder::read_response(attempt& now, response_guard& guard) {
    payload& into = guard.buffer();
    auto state = response_guard::state::more;
    while (state == response_guard::state::more) {
        if (now.dog.error()) co_return now.dog.error();
        // Whoever waits holds no buffer: most exchanges that are in flight wait here.
        if (!guard.started()) into.release_room();
        auto [waited] = co_await now.socket().async_wait(tcp::socket::wait_read, as_result);
        if (now.dog.error()) co_return now.dog.error();
        if (waited) co_return reason::upstream_incomplete;
        const std::size_t wanted = guard.wanted();
        if (into.room().empty() && !into.reserve(wanted)) {
            // A request that is being answered is not sent again. Its bytes may be the very ones that
            // are missing: without giving them back, exchanges that fill the budget wait for themselves.
            if (guard.started() || has_bytes(now.socket()))
                now.asked.body() = payload(now.asked.body().budget());
            error_code failed = co_await wait_for_room(into, wanted, now.dog);
            if (failed) co_return failed;
        }
        state = read_some(now, guard);
    }
    if (state == response_guard::state::failed) co_return guard.why();
    co_return error_code{};
}

response_guard::state http_forwarder::read_some(attempt& now, response_guard& guard) {
    const auto room = guard.buffer().room();
    error_code ec;
    const std::size_t n = now.socket().read_some(asio::buffer(room.data(), room.size()), ec);
    if (ec == asio::error::would_block) return response_guard::state::more;
    if (ec == asio::error::eof) return guard.closed();
    return ec ? guard.cut() : guard.received(n);
}

} // namespace finpost
