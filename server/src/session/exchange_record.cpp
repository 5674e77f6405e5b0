#include "session/exchange_record.hpp"

#include "finpost/metrics.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <string>

namespace finpost::detail {

namespace {

using clock_type = exchange_deadline::clock;

double in_milliseconds(clock_type::duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

void count(const exchange_record& of, clock_type::time_point now, metrics& counters) noexcept {
    if (of.result.cut_by_stop(of.stopped, of.bytes_in)) counters.cut.add();
    if (of.result.is() != outcome::kind::probe) counters.exchange_seconds.record(now - of.accepted);
    switch (of.result.is()) {
    case outcome::kind::probe:
        counters.probes.add();
        break;
    case outcome::kind::replied:
        counters.replied.add();
        break;
    case outcome::kind::queued:
        counters.queued.add();
        break;
    case outcome::kind::aborted:
        counters.aborted.add();
        break;
    case outcome::kind::undecided: // an exception cut it: a RST is its refusal
    case outcome::kind::refused:
        counters.refused_for(of.result.why()).add();
        break;
    }
}

bool is_wanted(const exchange_record& of, access_log wanted) noexcept {
    const auto is = of.result.is();
    const bool refused = is == outcome::kind::refused || is == outcome::kind::undecided;
    return wanted == access_log::all || (wanted == access_log::refused && refused);
}

void log_exchange(const exchange_record& of, clock_type::time_point now, const logger& log) {
    // A stage that an exception has cut lasted until now.
    const bool cut = of.result.undecided();
    const bool receiving = of.stage == session_stage::handshake ||
                           of.stage == session_stage::pause || of.stage == session_stage::receive;
    const bool handling = of.stage == session_stage::handle || of.stage == session_stage::stream;
    const auto received = cut && receiving ? now : std::max(of.received, of.accepted);
    const auto answered = cut && handling ? now : std::max(of.answered, received);
    const std::string peer = to_string(of.peer);
    const std::array<char, 32> trace = of.sampled ? of.id.trace_id() : std::array<char, 32>();
    const std::array<log_field, 13> fields{{
        {"id", of.id.text()},
        {"peer", peer},
        {"bytes_in", static_cast<std::int64_t>(of.bytes_in)},
        {"bytes_out", static_cast<std::int64_t>(of.bytes_out)},
        {"outcome", of.result.word()},
        {"reason", of.result.reason_word()},
        {"upstream", of.upstream},
        {"status", static_cast<std::int64_t>(of.status)},
        {"receive_ms", in_milliseconds(received - of.accepted)},
        {"upstream_ms", in_milliseconds(answered - received)},
        {"reply_ms", in_milliseconds(now - answered)},
        {"client_gone", of.result.client_gone()},
        {"trace_id", std::string_view(trace.data(), trace.size())}, // of sampled exchanges only
    }};
    const std::span<const log_field> all(fields);
    log(log_level::info, "exchange", of.sampled ? all : all.first(fields.size() - 1));
}

} // namespace

void record(const exchange_record& of, metrics& counters, const logger& log,
            access_log wanted) noexcept {
    const auto now = clock_type::now();
    count(of, now, counters);
    try {
        if (of.result.is() == outcome::kind::probe) {
            if (!log.enabled(log_level::debug)) return;
            const std::string peer = to_string(of.peer);
            log(log_level::debug, "probe", {{"peer", peer}});
        } else if (is_wanted(of, wanted) && log.enabled(log_level::info)) {
            log_exchange(of, now, log);
        }
    } catch (...) {
        // No memory for a log line: the counters tell.
    }
}

} // namespace finpost::detail
