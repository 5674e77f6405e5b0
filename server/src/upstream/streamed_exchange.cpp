#include "upstream/streamed_exchange.hpp"

#include "async/fairness.hpp"
#include "async/operation_memory.hpp"
#include "net/upstream_stream.hpp"
#include "policy/buffer_budget.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>
#include <charconv>
#include <exception>
#include <optional>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

// Of each direction. For 64 MiB, 64 KiB cost a quarter more processor time, 256 KiB cost hardly
// less.
constexpr std::size_t window = stream_buffers / 2;
// In front of a chunk's data: its size in hexadecimal digits, and CRLF (RFC 9112 §7.1).
constexpr std::size_t size_line = 10;
constexpr std::string_view last_chunk = "0\r\n\r\n";

} // namespace

// Tells that the upload has ended, by a timer that is cancelled then. The timer is set before there
// is an upload, since Asio's list of timers may have no memory to grow. Held by shared_ptr: its
// handler may come after the exchange.
struct streamed_exchange::upload_done_event : std::enable_shared_from_this<upload_done_event> {
    using resumption = asio::async_result<asio::use_awaitable_t<>, void()>::handler_type;

    class handler {
    public:
        using allocator_type = operation_allocator<>;

        explicit handler(std::shared_ptr<upload_done_event> of) noexcept : of_(std::move(of)) {}
        handler(handler&& other) noexcept
            : of_(other.of_), armed_(std::exchange(other.armed_, false)) {}
        // Where its executor has lost it, whoever waits is destroyed, as by any other wait that is
        // lost.
        ~handler() {
            if (armed_) of_->waiting.reset();
        }
        allocator_type get_allocator() const noexcept { return allocator_type(of_->memory); }
        void operator()(error_code) {
            armed_ = false;
            if (!of_->waiting) return;
            resumption waits = std::move(*of_->waiting);
            of_->waiting.reset();
            std::move(waits)();
        }

    private:
        // Const: a handler that was moved from still finds its memory.
        const std::shared_ptr<upload_done_event> of_;
        bool armed_ = true;
    };

    upload_done_event(const asio::any_io_executor& executor, streamed_exchange& of)
        : exchange(&of), timer(executor, clock::time_point::max()) {}
    void arm() { timer.async_wait(handler(shared_from_this())); }
    // With `use_awaitable` and not `use_tuple_awaitable`: this keeps the handler for later and
    // needs no memory, so the wait always begins.
    asio::awaitable<void> wait() {
        const auto begin = [this](auto&& resume) {
            waiting.emplace(std::forward<decltype(resume)>(resume));
        };
        return asio::async_initiate<const asio::use_awaitable_t<>, void()>(begin,
                                                                           asio::use_awaitable);
    }

    streamed_exchange* exchange; // while there is one
    operation_memory memory;     // of the timer's wait
    asio::steady_timer timer;
    std::optional<resumption> waiting;
};

// Whatever ends the upload's coroutine, its exchange is told. The exchange may be gone before:
// where an event loop is destroyed with what waits in it, and where Asio had no memory to begin the
// upload and destroys it later.
class streamed_exchange::upload_guard {
public:
    explicit upload_guard(std::shared_ptr<upload_done_event> done) noexcept
        : done_(std::move(done)) {
        done_->exchange->upload_running_ = true;
    }
    upload_guard(upload_guard&& other) noexcept = default;
    ~upload_guard() {
        if (!done_) return;
        done_->timer.cancel();
        streamed_exchange* const of = done_->exchange;
        if (of == nullptr) return;
        of->upload_running_ = false;
        if (ended_) return;
        of->client_failed_ = reason::internal;
        of->upstream_->cancel();
    }
    void upload_ended() noexcept { ended_ = true; }

private:
    std::shared_ptr<upload_done_event> done_;
    bool ended_ = false;
};

streamed_exchange::streamed_exchange(exchange_stream& client, response_guard& guard,
                                     byte_budget* budget, const upstream_config& config)
    : client_(client), guard_(guard), config_(config), chunk_(budget) {}

streamed_exchange::~streamed_exchange() {
    if (upload_done_) upload_done_->exchange = nullptr;
}

asio::awaitable<error_code> streamed_exchange::make_room(exchange_deadline& deadline) {
    auto* const place =
        dynamic_cast<growth_ticket*>(chunk_.budget()); // in the queue, when it came from a session
    const auto until = clock::now() + config_.total;
    for (;;) {
        const std::uint64_t moves = place == nullptr ? 0 : place->budget().moves();
        deadline.arm(exchange_deadline::duration::zero(), config_.connect, reason::busy);
        error_code failed = co_await wait_for_buffer(chunk_, 2 * window, deadline);
        const bool moved =
            place != nullptr && place->budget().moves() != moves && clock::now() < until;
        if (failed == reason::busy && moved) continue;
        if (failed) co_return failed;
        // Both or none: whoever waited with one of them would keep it from somebody who needs no
        // more.
        chunk_ = payload(chunk_.budget());
        if (chunk_.reserve(window) && guard_.buffer().reserve(window)) {
            if (place != nullptr) place->leave();
            co_return error_code{};
        }
        leave_room();
    }
}

void streamed_exchange::leave_room() {
    chunk_ = payload(chunk_.budget());
    guard_.buffer() = payload(chunk_.budget());
}

asio::awaitable<error_code> streamed_exchange::run(upstream_stream& upstream,
                                                   std::string_view head) {
    const asio::any_io_executor strand = co_await asio::this_coro::executor;
    upstream_ = &upstream;
    client_.on_cancel([this] { upstream_->cancel(); });
    upstream_->begin_request();
    // Made before there is an upload: it uses what is in this frame, so nothing that can fail may
    // come between its beginning and its end.
    upload_done_ = std::make_shared<upload_done_event>(strand, *this);
    asio::awaitable<void> ended = upload_done_->wait();
    upload_done_->arm();
    upload_guard running(upload_done_);
    asio::co_spawn(strand, upload(head, std::move(running)), [](std::exception_ptr) {});
    error_code failed;
    try {
        failed = co_await download();
    } catch (...) {
        thrown_ = std::current_exception(); // the upload has to end before this does
        failed = reason::internal;
    }
    // A service that answers well before the end reads on, one that does not is owed nothing more.
    const bool rest_is_wanted = !failed && guard_.status() < 300;
    if (!rest_is_wanted) stop_upload();
    if (upload_running_) co_await std::move(ended);
    if (rest_is_wanted && !whole_)
        failed = client_failed_ ? client_failed_ : reason::upstream_incomplete;
    if (client_.error()) failed = client_.error();
    limit(clock::time_point::max());
    client_.on_cancel({});
    if (thrown_) std::rethrow_exception(thrown_);
    co_return failed;
}

void streamed_exchange::stop_upload() noexcept {
    if (!upload_running_) return;
    unwanted_ = true;
    client_.stop_reading();
    upstream_->cancel();
}

asio::awaitable<void> streamed_exchange::upload(std::string_view head, upload_guard running) {
    try {
        co_await send_request(head);
        running.upload_ended();
    } catch (...) {
        thrown_ = std::current_exception();
    }
}

asio::awaitable<void> streamed_exchange::send_request(std::string_view head) {
    const std::span<const std::byte> opening = std::as_bytes(std::span(head));
    error_code failed = co_await send(opening);
    while (!failed && !whole_) {
        const std::span<std::byte> buffer =
            chunk_.writable().subspan(size_line, chunk_.writable().size() - 2 * size_line);
        auto got = co_await client_.read(buffer);
        if (got.has_error()) {
            client_failed_ = got.error();
            failed = got.error();
        } else {
            const std::span<const std::byte> data = framed(*got);
            failed = co_await send(data);
            whole_ = !failed && *got == 0;
            if (whole_) upstream_->end_request();
        }
    }
    // From now on the answer is waited for. To a request that was cut it may still come (RFC 9112
    // §9.5).
    limit(clock::now() + config_.total);
    if (client_failed_) upstream_->cancel();
}

// A chunk of so many bytes, which are in their place; of none it is the last.
std::span<const std::byte> streamed_exchange::framed(std::size_t size) noexcept {
    if (size == 0) return std::as_bytes(std::span(last_chunk));
    char* const data = reinterpret_cast<char*>(chunk_.writable().data()) + size_line;
    // Leading zeros are allowed, so the size always fills its place.
    for (std::size_t i = 0, left = size; i < size_line - 2; ++i, left >>= 4)
        data[-3 - static_cast<std::ptrdiff_t>(i)] = "0123456789abcdef"[left & 15];
    data[-2] = data[size] = '\r';
    data[-1] = data[size + 1] = '\n';
    return std::as_bytes(std::span(data - size_line, size + size_line + 2));
}

asio::awaitable<error_code> streamed_exchange::send(std::span<const std::byte> data) {
    std::size_t at = 0;
    while (at < data.size()) {
        if (client_.error()) co_return client_.error();
        if (unwanted_) co_return error_code(asio::error::operation_aborted);
        const auto sent = upstream_->write_some(data.subspan(at), {});
        if (sent.has_value()) {
            at += *sent;
            begun_ = true;
        } else if (sent.error() == asio::error::would_block) {
            limit(clock::now() + config_.total);
            auto [ec] = co_await upstream_->async_wait_writable();
            static_cast<void>(ec); // the next write says it
            limit(clock::time_point::max());
        } else {
            co_return sent.error();
        }
    }
    co_return error_code{};
}

asio::awaitable<error_code> streamed_exchange::download() {
    while (state_ == response_guard::state::more &&
           !ends_upload(guard_.status(), config_.on_status, whole_)) {
        if (client_.error()) co_return client_.error();
        if (client_failed_) co_return client_failed_;
        if (!guard_.data().empty()) {
            error_code failed = co_await pass_on();
            if (failed) co_return failed;
            continue;
        }
        state_ = read_some();
        if (state_ == response_guard::state::more && guard_.data().empty()) {
            auto [ec] = co_await upstream_->async_wait_readable();
            static_cast<void>(ec); // the next read says it
        }
    }
    if (rejected_) co_return reason::upstream_unreachable;
    if (state_ == response_guard::state::failed) co_return guard_.why();
    co_return error_code{};
}

// For as long as the client does not take it, the upstream is not waited for.
asio::awaitable<error_code> streamed_exchange::pass_on() {
    const auto data = guard_.data();
    error_code failed;
    if (is_relayed(guard_.status(), config_.on_status)) {
        const auto began = clock::now();
        client_holds_ = true;
        limit(until_);
        failed = co_await client_.write(data);
        client_holds_ = false;
        limit(until_ == clock::time_point::max() ? until_ : until_ + (clock::now() - began));
    } else {
        co_await fair_yield();
    }
    state_ = guard_.consume(data.size());
    co_return failed;
}

response_guard::state streamed_exchange::read_some() {
    payload& into = guard_.buffer();
    // There is that much memory: this only moves the few bytes that are left to its front.
    into.reserve(window - into.size());
    const auto got = upstream_->read_some(into.writable());
    rejected_ = rejects_certificate(got, guard_, false);
    return take_read(guard_, got, whole_);
}

exchange_progress streamed_exchange::progress() const noexcept {
    exchange_progress progress;
    progress.sent = begun_;
    progress.cut = !whole_;
    progress.rejected = rejected_;
    progress.status = guard_.status();
    return progress;
}

void streamed_exchange::limit(clock::time_point until) {
    until_ = until;
    client_.limit(client_holds_ ? clock::time_point::max() : until, reason::upstream_timeout);
}

} // namespace finpost::detail
