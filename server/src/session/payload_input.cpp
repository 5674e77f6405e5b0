#include "session/payload_input.hpp"

#include "finpost/metrics.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <cstring>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

// Looked at in one go: as much as a TLS record has.
constexpr std::size_t largest_look = 16 << 10;
// A client that sends nothing but heartbeats, and those without a pause, must not keep the thread.
constexpr int most_looks = 16;

bool takes_tail(const gateway_config& config) noexcept {
    if (config.frame_tail != tail_policy::automatic)
        return config.frame_tail == tail_policy::accept;
    return config.frame.type == frame_spec::kind::line ||
           config.frame.type == frame_spec::kind::delimiter;
}

std::optional<duration> pause_of(const frame_spec& spec) noexcept {
    if (spec.type != frame_spec::kind::idle) return std::nullopt;
    return spec.pause;
}

error_code reason_for(frame_reader::fault fault) noexcept {
    return fault == frame_reader::fault::too_large ? reason::too_large : reason::bad_frame;
}

} // namespace

payload_input::framing::framing(const gateway_config& config) noexcept
    : accepts_tail(takes_tail(config)), pause(pause_of(config.frame)),
      reader(config.frame, config.max_payload) {}

error_code payload_input::framing::ended() const noexcept {
    if (failed || !complete) return failed;
    return asio::error::eof;
}

payload_input::payload_input(client_socket& socket, const gateway_config& config, metrics& counters)
    : socket_(socket), counters_(counters) {
    if (config.frame.type != frame_spec::kind::eof) framing_ = std::make_unique<framing>(config);
}

result<std::size_t> payload_input::read_frame(std::span<std::byte> buffer) noexcept {
    for (int looks = 0; looks < most_looks; ++looks) {
        if (framing_->has_left_over()) return give_left_over(buffer);
        if (const error_code end = framing_->ended()) return end;
        const auto got = read_on(buffer);
        if (got.has_error() || *got > 0) return got;
    }
    if (const error_code end = framing_->ended()) return end;
    return error_code(asio::error::would_block);
}

// What a read would say, when it says no byte.
result<std::size_t> payload_input::peek_frame() noexcept {
    if (framing_->has_left_over()) return std::size_t{1};
    if (const error_code end = framing_->ended()) return end;
    const auto seen = socket_.peek();
    if (seen.error() != asio::error::eof) return seen;
    // It may be the end of a frame, or cut one: to read tells. Between two there is nothing to
    // read.
    if (touched()) return std::size_t{1};
    return input_ended({});
}

// Some bytes further in the connection; how many of them are payload.
result<std::size_t> payload_input::read_on(std::span<std::byte> buffer) noexcept {
    const auto got = framing_->reader.scans() ? look_and_take(buffer) : read_exactly(buffer);
    if (got.has_value() || got.error() == asio::error::would_block) return got;
    if (got.error() == asio::error::eof) return input_ended(buffer);
    framing_->failed = got.error();
    return got;
}

// Where it is known how many bytes are the frame's.
result<std::size_t> payload_input::read_exactly(std::span<std::byte> buffer) noexcept {
    frame_reader& reader = framing_->reader;
    const auto got =
        socket_.read_some(buffer.first(std::min(buffer.size(), reader.read_size_hint())));
    if (got.has_error()) return got;
    return deliver(reader.feed(buffer.first(*got)), buffer);
}

// Where the end is a mark: what is there is looked at, and taken up to the mark.
result<std::size_t> payload_input::look_and_take(std::span<std::byte> buffer) noexcept {
    std::array<std::byte, largest_look> scratch;
    const std::span<std::byte> window =
        std::span(scratch).first(std::min(scratch.size(), buffer.size()));
    const auto seen = socket_.peek(window);
    if (seen.has_error()) return seen;
    const frame_reader::step step = framing_->reader.feed(window.first(*seen));
    const std::size_t given = deliver(step, buffer);
    const error_code failed = take(window, step.consumed);
    if (failed) return failed;
    return given;
}

// They are there: the same bytes again.
error_code payload_input::take(std::span<std::byte> scratch, std::size_t size) noexcept {
    while (size > 0) {
        const auto got = socket_.read_some(scratch.first(size));
        if (got.has_error()) return got.error();
        size -= *got;
    }
    return {};
}

std::size_t payload_input::deliver(const frame_reader::step& step,
                                   std::span<std::byte> buffer) noexcept {
    framing& now = *framing_;
    if (step.heartbeats > 0) counters_.heartbeats.add(step.heartbeats);
    now.heartbeats += step.heartbeats;
    const bool begins = now.reader.in_frame() && !now.reader.may_be_heartbeat();
    now.begun = now.begun || begins || step.complete || step.fault != frame_reader::fault::none;
    if (step.fault != frame_reader::fault::none) {
        now.failed = reason_for(step.fault);
        return 0;
    }
    now.complete = step.complete;
    std::size_t given = 0;
    if (!step.held.empty()) given = deliver_held(step.held, buffer);
    const std::size_t fits = std::min(step.payload.size(), buffer.size() - given);
    if (fits > 0) std::memmove(buffer.data() + given, step.payload.data(), fits);
    const auto rest = step.payload.subspan(fits);
    std::copy(rest.begin(), rest.end(), now.left_over.begin() + now.left_to);
    now.left_to += rest.size();
    return given + fits;
}

// Bytes that turned out to be payload; how many have gone to `buffer`.
std::size_t payload_input::deliver_held(std::span<const std::byte> held,
                                        std::span<std::byte> buffer) noexcept {
    std::copy(held.begin(), held.end(), framing_->left_over.begin());
    framing_->left_from = 0;
    framing_->left_to = held.size();
    return give_left_over(buffer);
}

std::size_t payload_input::give_left_over(std::span<std::byte> buffer) noexcept {
    framing& now = *framing_;
    const std::size_t n = std::min(now.left_to - now.left_from, buffer.size());
    std::memcpy(buffer.data(), now.left_over.data() + now.left_from, n);
    now.left_from += n;
    if (now.left_from == now.left_to) now.left_from = now.left_to = 0;
    return n;
}

result<std::size_t> payload_input::input_ended(std::span<std::byte> buffer) noexcept {
    framing& now = *framing_;
    now.fin = true;
    if (now.reader.scans() && now.reader.may_be_heartbeat()) {
        now.complete = true; // half an empty frame at the most
        return error_code(asio::error::eof);
    }
    switch (now.reader.on_fin()) {
    case frame_reader::fin::between_frames:
    case frame_reader::fin::complete:
        now.complete = true;
        return error_code(asio::error::eof);
    case frame_reader::fin::failed:
        now.failed = reason::too_large;
        return now.failed;
    case frame_reader::fin::tail:
        break;
    }
    const bool nothing = now.reader.payload_size() == 0 && now.reader.held().empty();
    if (!now.accepts_tail || nothing) {
        now.failed = reason::incomplete_frame;
        return now.failed;
    }
    now.complete = true;
    return deliver_held(now.reader.held(), buffer);
}

void payload_input::arm_pause(exchange_deadline& deadline,
                              exchange_deadline::clock::time_point until) {
    const auto left = until - exchange_deadline::clock::now();
    deadline.arm(*framing_->pause, std::max(left, exchange_deadline::duration(1)),
                 reason::receive_timeout);
}

bool payload_input::look_for_pause(exchange_deadline& deadline,
                                   exchange_deadline::clock::time_point until) {
    const auto now = exchange_deadline::clock::now();
    if (deadline.stopped() || !deadline.error() || now >= until) return false;
    deadline.arm(duration::zero(), until - now, reason::receive_timeout); // it was no limit
    // The timer may be late, and something have come in time.
    if (socket_.peek().error() == asio::error::would_block)
        framing_->complete = framing_->reader.on_pause();
    return true;
}

std::string_view payload_input::fault() const noexcept {
    return framing_ ? framing_->reader.fault_text() : std::string_view();
}

void payload_input::next() noexcept { framing_->begun = framing_->complete = false; }

} // namespace finpost::detail
