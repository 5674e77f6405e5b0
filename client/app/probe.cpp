#include "probe.hpp"

#include "send.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace finpost {

namespace {

// How long a connection is watched before it half-closes. What ends it meanwhile would end it
// anyway, and must not pass for an answer to the half-close.
constexpr auto quiet = 300ms;

// The payload, and its end a while later.
class hesitating_source final : public byte_source {
public:
    hesitating_source(const asio::any_io_executor& executor, std::string bytes)
        : timer_(executor), bytes_(std::move(bytes)) {}

    void read(std::span<std::byte> room,
              std::function<void(error_code, std::size_t)> done) override {
        const std::size_t n = std::min(room.size(), bytes_.size() - at_);
        const auto from = std::as_bytes(std::span(bytes_)).subspan(at_, n);
        std::copy(from.begin(), from.end(), room.begin());
        at_ += n;
        if (n > 0) return done({}, n);
        timer_.expires_after(quiet);
        timer_.async_wait([done = std::move(done)](error_code) { done({}, 0); });
    }

private:
    asio::steady_timer timer_;
    const std::string bytes_;
    std::size_t at_ = 0;
};

std::string in_milliseconds(std::chrono::microseconds span) {
    char out[32];
    std::snprintf(out, sizeof out, "%.3f ms", static_cast<double>(span.count()) / 1000);
    return out;
}

std::string seen(const exchange_result& result, error_code failed) {
    std::string out = describe(result);
    if (result.half_closed.count() == 0) return out;
    out += "sent: " + std::to_string(result.sent) + " bytes, and after " +
           std::to_string(std::chrono::milliseconds(quiet).count()) +
           " ms of silence the half-close\n";
    out += "after that: " + std::to_string(result.received) + " bytes, and ";
    if (failed == asio::error::timed_out)
        out += "no end";
    else if (result.refused || !failed)
        out += "the end";
    else
        out += failed.message();
    return out + " after " + in_milliseconds(result.ended - result.half_closed) + '\n';
}

// Where no half-close gets through.
constexpr std::string_view way_out =
    ". Frames need none: finpostd --frame, and finpost send --frame";

} // namespace

probe_verdict judge_probe(const host_port& target, bool sent_payload, error_code failed,
                          const exchange_result& result) {
    const int code = exit_code(failed, result);
    const std::string where = to_string(target);
    // Refused before the half-close it was not the half-close that was answered; afterwards it was.
    const bool half_closed = result.half_closed.count() > 0;
    const bool answered =
        half_closed && result.received > 0 && result.first_byte >= result.half_closed;
    if (code == 0 && answered) return {0, "the half-close survives: an answer came back after it"};
    if (code == 5 && answered && sent_payload && *result.refused != reason::receive_timeout)
        return {0, "the half-close survives: a refusal came back after it (" +
                       std::string(to_string(*result.refused)) + ")"};
    if (code == 0 && result.received > 0)
        return {
            6, where +
                   " began to answer before the half-close: it is not a gateway that waits for it"};
    if (code == 0 && sent_payload) {
        return {6, "the half-close arrives, but no byte comes back after it: either the answer is "
                   "empty, or something on the way closes both directions at once" +
                       std::string(way_out)};
    }
    if (code == 0) {
        return {0, "the half-close arrives: " + where +
                       " answered it by closing. That answers come back "
                       "after it, only a payload can show: see --payload"};
    }
    if (code == 4) {
        if (!half_closed) return {4, "the time was over before the half-close: see --timeout"};
        return {4, "the half-close does not arrive: nothing came back after it. Something on the "
                   "way holds it back, or no gateway is there" +
                       std::string(way_out)};
    }
    if (failed == asio::error::broken_pipe)
        return {6, where + " closed the connection by itself, before the half-close"};
    if (failed == reason::tls_truncated && half_closed) {
        return {
            6, (answered
                    ? std::string("the half-close survives, and an answer came back after it, but ")
                    : "after the half-close ") +
                   where +
                   " closed without a close_notify: such a reply cannot be told from one that "
                   "was cut. What ends TLS there does not half-close"};
    }
    if (code == 6 && half_closed)
        return {6, "the half-close does not survive: it was answered with a cut: " +
                       failed.message() + std::string(way_out)};
    return {code, explain(target, failed, result)};
}

int probe(const probe_options& options) {
    std::signal(SIGPIPE, SIG_IGN);
    auto limits = prepare_or_complain(options);
    if (!limits) return 2;
    limits->allow_empty = true; // the half-close alone is what is looked at
    class nowhere final : public byte_sink {
    public:
        error_code write(std::span<const std::byte>) override { return {}; }
    } reply;
    asio::io_context io(1);
    hesitating_source payload(io.get_executor(), options.payload);
    probe_verdict verdict{};
    async_exchange(io.get_executor(), options.target, payload, reply, *limits,
                   [&](error_code failed, exchange_result result) {
                       std::fputs(seen(result, failed).c_str(), stdout);
                       verdict =
                           judge_probe(options.target, !options.payload.empty(), failed, result);
                       io.stop();
                   });
    io.run();
    std::printf("verdict: %s\n", verdict.text.c_str());
    std::fflush(stdout);
    // A lookup that is still under way would hold the end up: leave it behind.
    std::_Exit(verdict.code);
}

} // namespace finpost
