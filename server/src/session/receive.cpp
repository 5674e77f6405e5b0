#include "session/receive.hpp"

#include "async/fairness.hpp"
#include "net/client_socket.hpp"
#include "policy/buffer_budget.hpp"
#include "policy/spill_policy.hpp"
#include "session/receive_plan.hpp"
#include "session/receive_to_file.hpp"
#include "session/upload.hpp"
#include "single_writer_counter.hpp"

#include <algorithm>
#include <chrono>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

using clock_type = exchange_deadline::clock;
using action = receive_plan::action;

// Large payloads that wait for memory may wait for each other. Where there are files, a payload
// waits no longer than this, and goes to its file.
constexpr duration patience_before_file = std::chrono::seconds(1);

// Performs the steps of one payload.
class receiver {
public:
    receiver(client_socket& socket, upload& coming, const gateway_config& limits,
             exchange_deadline& deadline)
        : socket_(socket), coming_(coming), into_(coming.bytes), limits_(limits),
          deadline_(deadline), begun_(coming.input.begun()), began_(clock_type::now()),
          until_(began_ + limits.receive_total), plan_(limits, coming.spills.above()),
          ticket_(coming.ticket.emplace(coming.budget, into_, plan_.most_in_memory())) {
        arm();
    }
    // A payload that was received to its end needs no more memory.
    ~receiver() {
        if (!streams_) coming_.ticket.reset();
    }
    receiver(const receiver&) = delete;

    receive_plan::step next() { return begun_ ? plan_.next(state()) : next_in_pause(); }
    receive_plan::step perform(const receive_plan::step& step);
    asio::awaitable<receive_plan::step> wait_for_memory(std::size_t wanted);
    asio::awaitable<error_code> go_to_file();
    void become_stream(bool join_queue);
    asio::awaitable<void> yield();
    void begin_wait() { coming_.input.begin_wait(deadline_, until_); }
    bool pause_passed() { return coming_.input.pause_passed(deadline_, until_); }
    bool is_large() const noexcept { return into_.size() > yields_above; }

private:
    receive_plan::buffer state() const noexcept { return {into_.size(), into_.writable().size()}; }
    receive_plan::step read(std::size_t most);
    void arm() {
        const duration idle = begun_ || touched_ ? limits_.receive_idle : limits_.between;
        deadline_.arm(idle, begun_ ? limits_.receive_total : duration(), reason::receive_timeout);
    }
    receive_plan::step next_in_pause();
    void start_clock() { until_ = (began_ = clock_type::now()) + limits_.receive_total; }
    void begin();
    void look_for_begin();
    asio::awaitable<error_code> wait_in_queue(std::size_t wanted);

    client_socket& socket_;
    upload& coming_;
    payload& into_;
    const gateway_config& limits_;
    exchange_deadline& deadline_;
    bool begun_, touched_ = false; // by half of what may be a heartbeat
    clock_type::time_point began_, until_;
    std::uint64_t heartbeats_ = 0;
    receive_plan plan_;
    growth_ticket& ticket_;
    bool streams_ = false;
};

// In a pause nothing is held, and no memory is asked for.
receive_plan::step receiver::next_in_pause() {
    if (into_.writable().empty()) {
        const error_code there = coming_.input.peek().error();
        if (there) return plan_.peeked(there, state());
        start_clock();
    }
    return plan_.next(state());
}

// Performs a step that needs no waiting.
receive_plan::step receiver::perform(const receive_plan::step& step) {
    switch (step.what) {
    case action::peek:
        return plan_.peeked(coming_.input.peek().error(), state());
    case action::reserve: {
        if (step.join_queue) ticket_.join();
        const bool reserved = into_.reserve(step.size);
        return plan_.reserved(reserved, state());
    }
    case action::look_for_end:
        return plan_.end_looked_for(coming_.input.peek().error(), state());
    case action::read:
        return read(step.size);
    case action::wait_for_memory:
    case action::wait:
    case action::yield:
    case action::to_file:
    case action::stream:
    case action::done:
        break; // `receive` performs these
    }
    return step;
}

receive_plan::step receiver::read(std::size_t most) {
    const auto got = coming_.input.read_some(into_.writable().first(most));
    if (!begun_) look_for_begin();
    if (got.has_error()) return plan_.no_bytes(got.error());
    into_.commit(*got);
    coming_.received.set(into_.size());
    coming_.took(into_.bytes().last(*got));
    deadline_.progress();
    const bool may_stream = limits_.foreign == foreign_policy::forward ||
                            coming_.opening.is() == foreign_bytes::kind::payload;
    const auto after = plan_.read({clock_type::now() - began_ - coming_.paused,
                                   coming_.is_unwanted(limits_.foreign), may_stream},
                                  state());
    // What is there already is not waited for.
    const bool at_hand = after.what == action::wait && coming_.input.at_hand();
    return at_hand ? receive_plan::step{action::yield} : after;
}

// The payload's time begins with the first byte of its frame. A heartbeat is a sign of life, and
// half of one is no pause.
void receiver::look_for_begin() {
    if (coming_.input.begun()) return begin();
    const bool touched = coming_.input.touched();
    if (touched == touched_ && coming_.input.heartbeats() == heartbeats_) return;
    touched_ = touched;
    heartbeats_ = coming_.input.heartbeats();
    arm();
}

void receiver::begin() {
    begun_ = true;
    start_clock();
    arm();
    coming_.begins->frame_begun();
}

asio::awaitable<receive_plan::step> receiver::wait_for_memory(std::size_t wanted) {
    const auto paused = clock_type::now();
    error_code failed = co_await wait_in_queue(wanted);
    const auto now = clock_type::now();
    coming_.paused += now - paused; // the client was not slow meanwhile
    const receive_plan::step step = plan_.memory_came(failed, now < until_, state());
    if (step.what == action::to_file)
        deadline_.arm(limits_.receive_idle, until_ - now, reason::receive_timeout);
    co_return step;
}

// The queue has to move within `receive_idle`, the whole has to be over by `until_`. Where there
// are files it is `busy` after `patience_before_file` in any case.
asio::awaitable<error_code> receiver::wait_in_queue(std::size_t wanted) {
    const auto begin = [this](duration idle) {
        const auto left = until_ - clock_type::now();
        deadline_.arm(idle, std::max(left, clock_type::duration(1)), reason::receive_timeout);
    };
    const bool may_spill = plan_.may_spill();
    const duration patience =
        may_spill ? std::min(limits_.receive_idle, patience_before_file) : limits_.receive_idle;
    for (;;) {
        const std::uint64_t moves = coming_.budget.moves();
        begin(patience);
        error_code failed = co_await wait_for_buffer(into_, wanted, deadline_);
        // The client's own time, whatever passed in the moment that memory came.
        if (!failed) begin(limits_.receive_idle);
        const bool moved = coming_.budget.moves() != moves && clock_type::now() < until_;
        if (failed != reason::busy || may_spill || !moved) co_return failed;
    }
}

asio::awaitable<void> receiver::yield() {
    return fair_yield(deadline_, limits_.receive_idle, until_);
}

asio::awaitable<error_code> receiver::go_to_file() {
    ticket_.leave();
    if (!begun_) begin();
    error_code ended = co_await receive_to_file(socket_, coming_, limits_, deadline_, began_);
    co_return ended;
}

void receiver::become_stream(bool join_queue) {
    if (join_queue) ticket_.join();
    streams_ = true;
}

} // namespace

asio::awaitable<receive_end> receive(client_socket& socket, upload& coming,
                                     const gateway_config& limits, exchange_deadline& deadline) {
    receiver receiver(socket, coming, limits, deadline);
    const exchange_deadline::on_cancel cancel(deadline, [&socket] { socket.cancel(); });
    receive_plan::step step = receiver.next();
    error_code ended;
    for (;;) {
        switch (step.what) {
        case action::done:
            if (!step.error) coming.bytes.release_writable();
            co_return receive_end{step.error};
        case action::stream:
            receiver.become_stream(step.join_queue);
            co_return receive_end{{}, true};
        case action::to_file:
            ended = co_await receiver.go_to_file();
            co_return receive_end{ended};
        case action::wait_for_memory: {
            receive_plan::step after = co_await receiver.wait_for_memory(step.size);
            step = after;
            continue;
        }
        case action::wait: {
            coming.bytes.release_writable();
            receiver.begin_wait();
            if (deadline.error()) co_return receive_end{deadline.error()};
            auto [ec] = co_await socket.async_wait_readable();
            if (receiver.pause_passed()) break;
            if (!ec && receiver.is_large()) co_await receiver.yield();
            ended = ec;
            break;
        }
        case action::yield:
            co_await receiver.yield();
            break;
        case action::peek:
        case action::reserve:
        case action::look_for_end:
        case action::read:
            step = receiver.perform(step);
            continue;
        }
        if (deadline.error()) co_return receive_end{deadline.error()};
        if (ended) co_return receive_end{ended};
        step = receiver.next();
    }
}

} // namespace finpost::detail
