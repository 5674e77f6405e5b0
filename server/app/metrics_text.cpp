#include "metrics_text.hpp"

#include "finpost/error.hpp"
#include "finpost/metrics.hpp"

#include <array>
#include <charconv>
#include <type_traits>
#include <utility>

namespace finpost {

namespace {

class page {
public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        name_ = name;
        (((out_ += "# HELP ") += name) += ' ') += help;
        ((((out_ += "\n# TYPE ") += name) += ' ') += type) += '\n';
    }

    template <class Number>
    void sample(Number value) { sample("", "", "", value); }

    template <class Number>
    void sample(std::string_view label, std::string_view text, Number value) {
        sample("", label, text, value);
    }

    template <class Number>
    void sample(std::string_view suffix, std::string_view label, std::string_view text,
                Number value) {
        (out_ += name_) += suffix;
        if (!label.empty()) {
            ((out_ += '{') += label) += "=\"";
            for (const char c : text) {
                if (c == '"' || c == '\\') out_ += '\\';
                if (c == '\n') out_ += "\\n";
                else out_ += c;
            }
            out_ += "\"}";
        }
        ((out_ += ' ') += number(value)) += '\n';
    }

    void histogram_of(const histogram& times) {
        const auto view = times.read();
        std::uint64_t below = 0;
        for (std::size_t i = 0; i < view.buckets.size(); ++i) {
            below += view.buckets[i];
            const bool last = i == histogram::bounds.size();
            sample("_bucket", "le", last ? "+Inf" : number(histogram::bounds[i]), below);
        }
        sample("_sum", "", "", view.sum_seconds);
        sample("_count", "", "", below); // of the same reading, so that it equals the last bucket
    }

    std::string done() { return std::move(out_); }

private:
    template <class Number>
    static std::string number(Number value) {
        std::array<char, 352> room{}; // the longest double
        char* const last = room.data() + room.size();
        std::to_chars_result end{};
        if constexpr (std::is_floating_point_v<Number>) // le="0.0005" and never 5e-04
            end = std::to_chars(room.data(), last, value, std::chars_format::fixed);
        else
            end = std::to_chars(room.data(), last, value);
        return {room.data(), end.ptr};
    }

    std::string out_;
    std::string_view name_;
};

} // namespace

std::string metrics_text(const metrics& counters, const daemon_numbers& more) {
    page out;
    const metrics::sessions view = counters.read_sessions();

    out.family("finpost_sessions_active", "gauge", "Connections held now.");
    out.sample(view.active);
    out.family("finpost_sessions_total", "counter", "Connections accepted.");
    out.sample(view.accepted);
    out.family("finpost_exchanges_total", "counter", "Connections ended, by how.");
    out.sample("outcome", "replied", view.replied);
    out.sample("outcome", "refused", view.refused);
    out.sample("outcome", "aborted", view.aborted);
    out.sample("outcome", "probe", view.probes);
    out.family("finpost_refusals_total", "counter", "Refusals, by reason.");
    for (std::size_t i = 0; i < all_reasons.size(); ++i)
        out.sample("reason", to_string(all_reasons[i]), counters.refused[i].value());

    out.family("finpost_payload_bytes_total", "counter", "Bytes received, before decoding.");
    out.sample(counters.payload_bytes.value());
    out.family("finpost_reply_bytes_total", "counter", "Bytes written as replies, after encoding.");
    out.sample(counters.reply_bytes.value());
    out.family("finpost_buffered_bytes", "gauge", "Bytes held by payloads and replies now.");
    out.sample(counters.buffered_bytes.value());
    out.family("finpost_client_gone_total", "counter",
               "Clients that reset before their reply was written.");
    out.sample(counters.client_gone.value());
    out.family("finpost_accept_errors_total", "counter",
               "Accepts that failed for lack of a resource.");
    out.sample(counters.accept_errors.value());

    out.family("finpost_exchange_seconds", "histogram", "Time from accept to the end.");
    out.histogram_of(counters.exchange_seconds);
    out.family("finpost_upstream_seconds", "histogram",
               "Time in the upstream, connecting included.");
    out.histogram_of(counters.upstream_seconds);

    out.family("finpost_upstream_connections", "gauge", "Connections to the upstream.");
    out.sample("state", "busy", counters.upstream_busy.value());
    out.sample("state", "idle", counters.upstream_idle.value());
    out.family("finpost_upstream_retries_total", "counter",
               "Requests sent again because a kept connection had been closed.");
    out.sample(counters.upstream_retries.value());
    out.family("finpost_upstream_endpoint_up", "gauge",
               "1 unless the endpoint is avoided after failures.");
    for (const auto& one : more.endpoints) out.sample("endpoint", one.endpoint, one.up ? 1 : 0);

    out.family("finpost_log_dropped_total", "counter",
               "Log lines lost: the log's reader was too slow.");
    out.sample(more.log_dropped);
    out.family("finpost_internal_errors_total", "counter",
               "Exceptions that reached the event loop: bugs.");
    out.sample(more.internal_errors);
    out.family("finpost_build_info", "gauge", "Always 1.");
    out.sample("version", more.version, 1);
    return out.done();
}

} // namespace finpost
