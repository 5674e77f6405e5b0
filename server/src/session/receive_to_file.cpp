#include "session/receive_to_file.hpp"

#include "async/fairness.hpp"
#include "net/client_socket.hpp"
#include "net/spill_io.hpp"
#include "policy/min_rate.hpp"
#include "policy/spill_policy.hpp"
#include "session/payload_codec.hpp"
#include "session/upload.hpp"
#include "single_writer_counter.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <span>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

// What becomes of the bytes before they are written.
class file_decoder {
public:
    file_decoder(upload& coming, const gateway_config& config)
        : coming_(coming), decoder_(config) {}

    // Decodes in place; how many bytes that gives.
    result<std::size_t> decode(std::span<std::byte> text) {
        const auto decoded = decoder_.decode(text);
        coming_.fault = decoder_.fault();
        return decoded;
    }

    error_code finish() {
        const error_code incomplete = decoder_.finish();
        coming_.fault = decoder_.fault();
        if (incomplete) return incomplete;
        const error_code unread = trim_end(coming_.bytes, decoder_.left_to_trim());
        return unread ? coming_.spills.failed(unread) : error_code();
    }

private:
    upload& coming_;
    payload_decoder decoder_;
};

// Reads what is there into the file; how many bytes of the client's that was.
result<std::size_t> pass_some(upload& coming, file_decoder& text, std::uint64_t allowed) {
    std::span<std::byte> buffer = passing_buffer();
    buffer =
        buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), allowed)));
    const auto got = coming.input.read_some(buffer);
    if (got.has_error()) return got.error();
    coming.received.add(*got);
    coming.took(buffer.first(*got));
    const auto decoded = text.decode(buffer.first(*got));
    if (decoded.has_error()) return decoded.error();
    const error_code unwritten = coming.spills.write(coming.bytes, buffer.first(*decoded));
    if (unwritten) return unwritten;
    return *got;
}

} // namespace

asio::awaitable<error_code> receive_to_file(client_socket& socket, upload& coming,
                                            const gateway_config& limits,
                                            exchange_deadline& deadline,
                                            exchange_deadline::clock::time_point began) {
    const auto until = began + limits.receive_total;
    file_decoder text(coming, limits);
    const auto before = text.decode({coming.bytes.data(), coming.bytes.size()});
    if (before.has_error()) co_return before.error();
    coming.bytes.truncate(*before);
    error_code failed = co_await coming.spills.move_piecewise(coming.bytes);
    if (failed) co_return failed;
    for (std::size_t since_yield = 0;;) {
        const single_writer_counter& received = coming.received;
        const auto got = pass_some(coming, text, limits.max_payload + 1 - received.value());
        if (received.value() > limits.max_payload) co_return reason::too_large;
        if (coming.is_unwanted(limits.foreign)) co_return reason::foreign;
        if (got.has_value()) {
            const auto now = exchange_deadline::clock::now();
            if (too_slow(received.value(), now - began - coming.paused, limits.min_rate))
                co_return reason::too_slow;
            deadline.progress();
            since_yield += *got;
            if (since_yield < quantum) continue;
        } else if (got.error() == asio::error::eof) {
            failed = text.finish();
            if (!failed) coming.spills.kept();
            co_return failed;
        } else if (got.error() != asio::error::would_block) {
            co_return got.error();
        }
        since_yield = 0;
        if (deadline.error()) co_return deadline.error();
        if (coming.input.at_hand()) {
            co_await fair_yield(deadline, limits.receive_idle, until);
            if (deadline.error()) co_return deadline.error();
            continue;
        }
        coming.input.begin_wait(deadline, until);
        auto [ec] = co_await socket.async_wait_readable();
        if (coming.input.pause_passed(deadline, until)) continue;
        if (!ec) co_await fair_yield(deadline, limits.receive_idle, until);
        if (deadline.error()) co_return deadline.error();
        if (ec) co_return ec;
    }
}

} // namespace finpost::detail
