#include "load_report.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>
#include <utility>

namespace finpost {

namespace {

constexpr std::array percentiles{50.0, 90.0, 99.0, 99.9};

double seconds(std::chrono::nanoseconds span) {
    return std::chrono::duration<double>(span).count();
}

double in_microseconds(std::chrono::nanoseconds span) {
    return std::chrono::duration<double, std::micro>(span).count();
}

template <class... Values>
std::string format(const char* how, Values... values) {
    std::array<char, 256> room{};
    const int n = std::snprintf(room.data(), room.size(), how, values...);
    return {room.data(), std::min(static_cast<std::size_t>(n), room.size() - 1)};
}

std::string number(std::uint64_t value) { return std::to_string(value); }

std::string number(double value) { return format("%.3f", value); }

double rate(const load_result& result) {
    const double took = seconds(result.elapsed);
    return took > 0 ? static_cast<double>(result.ok()) / took : 0;
}

double cpu_per_exchange(const load_result& result) {
    return result.ok() == 0 ? 0 : in_microseconds(result.cpu) / static_cast<double>(result.ok());
}

double megabytes(const load_plan& plan, const load_result& result) {
    return rate(result) * static_cast<double>(plan.size) / 1e6;
}

// Three digits are enough, in the unit that makes them readable.
std::string span_text(std::chrono::nanoseconds span) {
    const double us = in_microseconds(span);
    const auto [value, unit] = us < 1'000       ? std::pair(us, "us")
                               : us < 1'000'000 ? std::pair(us / 1'000, "ms")
                                                : std::pair(us / 1'000'000, "s");
    return format(value < 10 ? "%.2f %s" : value < 100 ? "%.1f %s" : "%.0f %s", value, unit);
}

std::string size_text(std::uint64_t bytes) {
    const std::string text = format_size(bytes);
    return text.back() == 'B' ? text : text + " byte";
}

// "3 reset, 2 refused": what there was of `kinds`, from the one at `first` on.
template <class Kinds, class Counts>
std::string counts_text(const Kinds& kinds, const Counts& counts, std::size_t first) {
    std::string out;
    for (std::size_t i = first; i < kinds.size(); ++i) {
        if (counts[i] == 0) continue;
        if (!out.empty()) out += ", ";
        (out += number(counts[i]) + ' ') += to_string(kinds[i]);
    }
    return out;
}

std::string failures(const load_result& result) {
    const std::string out = counts_text(all_load_outcomes, result.outcomes, 1);
    const std::string reasons = counts_text(all_reasons, result.refusals, 0);
    return reasons.empty() ? out : out + " (" + reasons + ')';
}

bool framed(const load_plan& plan) { return plan.frame.type != frame_spec::kind::eof; }

std::string connections_text(const load_result& result) {
    std::string out = "  connected  " + number(result.connections) + " times";
    if (result.resent > 0)
        out += "; " + number(result.resent) +
               " frames sent again, whose connection had been ended meanwhile";
    return out + '\n';
}

// A JSON object or, of it, the members: names are fixed words and need no escaping.
class object {
public:
    object& raw(std::string_view name, const std::string& value) {
        text_ += (text_.empty() ? "{\"" : ",\"") + std::string(name) + "\":" + value;
        return *this;
    }
    template <class Number>
    object& add(std::string_view name, Number value) {
        return raw(name, number(value));
    }
    object& add(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
    std::string end() const { return text_.empty() ? "{}" : text_ + '}'; }

private:
    std::string text_;
};

std::string latency_object(const latency_histogram& of) {
    object out;
    out.add("min", in_microseconds(of.min())).add("mean", in_microseconds(of.mean()));
    for (std::size_t i = 0; i < percentiles.size(); ++i) {
        constexpr std::array<std::string_view, percentiles.size()> names{"p50", "p90", "p99",
                                                                         "p99_9"};
        out.add(names[i], in_microseconds(of.percentile(percentiles[i])));
    }
    return out.add("max", in_microseconds(of.max())).end();
}

} // namespace

std::string text_report(const load_plan& plan, const load_result& result) {
    std::string out = to_string(plan.target) + ": " + std::to_string(plan.connections) +
                      " at once, " + size_text(plan.size) + " payloads, " +
                      (plan.rate > 0 ? number(plan.rate) + " arrivals a second" : "closed loop") +
                      (plan.verify ? ", echo verified" : ", replies not verified");
    if (framed(plan)) out += ", framed as " + to_string(plan.frame);
    out += '\n';
    out += format("  succeeded  %llu in %.2f s: %.0f exchanges/s, %.1f MB/s each way\n",
                  static_cast<unsigned long long>(result.ok()), seconds(result.elapsed),
                  rate(result), megabytes(plan, result));
    out += "  failed     " + number(result.failed());
    if (result.failed() > 0) out += ": " + failures(result);
    out += '\n';
    if (framed(plan)) out += connections_text(result);
    if (result.unfinished > 0) out += "  unfinished " + number(result.unfinished) + '\n';
    if (result.unsent > 0)
        out += "  unsent     " + number(result.unsent) + ": no connection was free for them\n";
    if (result.ok() > 0) {
        const latency_histogram& of = result.latency;
        out += "  latency    min " + span_text(of.min());
        for (const double each : percentiles)
            out += format("  p%g ", each) + span_text(of.percentile(each));
        out += "  max " + span_text(of.max()) + '\n';
        out += format("  own CPU    %.1f us an exchange\n", cpu_per_exchange(result));
    }
    if (plan.slow > 0) {
        const slow_result& slow = result.slow;
        out += format("  slow       %zu asked, %zu opened, %zu stayed to the end, %zu answered\n",
                      slow.asked, slow.opened, slow.stayed, slow.answered);
    }
    if (result.stalled) out += "  given up: nothing succeeded any more\n";
    if (result.interrupted) out += "  interrupted\n";
    return out;
}

std::string json_report(const load_plan& plan, const load_result& result) {
    object errors, refusals, slow;
    for (std::size_t i = 1; i < all_load_outcomes.size(); ++i)
        errors.add(to_string(all_load_outcomes[i]), result.outcomes[i]);
    for (std::size_t i = 0; i < all_reasons.size(); ++i)
        if (result.refusals[i] > 0) refusals.add(to_string(all_reasons[i]), result.refusals[i]);
    slow.add("asked", std::uint64_t{result.slow.asked})
        .add("opened", std::uint64_t{result.slow.opened})
        .add("stayed", std::uint64_t{result.slow.stayed})
        .add("answered", std::uint64_t{result.slow.answered});
    object out;
    out.raw("target", '"' + to_string(plan.target) + '"')
        .add("connections", std::uint64_t{plan.connections})
        .add("size", plan.size)
        .add("rate", plan.rate)
        .add("verified", plan.verify)
        .add("elapsed_s", seconds(result.elapsed))
        .add("exchanges", result.ok())
        .add("exchanges_per_s", rate(result))
        .add("mb_per_s", megabytes(plan, result))
        .add("failed", result.failed())
        .raw("frame", '"' + to_string(plan.frame) + '"')
        .add("connections_made", result.connections)
        .add("resent", result.resent)
        .raw("errors", errors.end())
        .raw("refusals", refusals.end())
        .add("unfinished", result.unfinished)
        .add("unsent", result.unsent)
        .raw("latency_us", latency_object(result.latency))
        .add("cpu_us", in_microseconds(result.cpu))
        .add("cpu_us_per_exchange", cpu_per_exchange(result))
        .raw("slow", slow.end())
        .add("stalled", result.stalled)
        .add("interrupted", result.interrupted);
    return out.end() + '\n';
}

} // namespace finpost
