#include "admin/metrics_text.hpp"

#include "finpost/error.hpp"
#include "finpost/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

namespace finpost {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

/// Gathers families in the order they are to stand in.
class page {
public:
    void family(std::string_view name, std::string_view type, std::string_view help) {
        families_.push_back({std::string(name), std::string(help), type_of(type), {}});
    }

    template <class Number>
    void sample(Number value) {
        add({}, static_cast<double>(value));
    }

    template <class Number>
    void sample(std::string_view label, std::string_view text, Number value) {
        add({{std::string(label), std::string(text)}}, static_cast<double>(value));
    }

    void histogram_of(const histogram& times) {
        const auto view = times.read();
        ClientMetric metric;
        std::uint64_t below = 0;
        for (std::size_t i = 0; i < view.buckets.size(); ++i) {
            below += view.buckets[i];
            constexpr double infinity = std::numeric_limits<double>::infinity();
            double bound = infinity;
            if (i < histogram::bounds.size()) bound = histogram::bounds[i];
            metric.histogram.bucket.push_back({below, bound});
        }
        metric.histogram.sample_sum = view.sum_seconds;
        metric.histogram.sample_count = below; // of the same reading: it equals the last bucket
        families_.back().metric.push_back(std::move(metric));
    }

    std::string text() const { return prometheus::TextSerializer().Serialize(families_); }

private:
    static MetricType type_of(std::string_view word) {
        if (word == "counter") return MetricType::Counter;
        return word == "histogram" ? MetricType::Histogram : MetricType::Gauge;
    }

    void add(std::vector<ClientMetric::Label> labels, double value) {
        ClientMetric metric;
        metric.label = std::move(labels);
        if (families_.back().type == MetricType::Counter)
            metric.counter.value = value;
        else
            metric.gauge.value = value;
        families_.back().metric.push_back(std::move(metric));
    }

    std::vector<prometheus::MetricFamily> families_;
};

void add_sessions(page& out, const metrics& counters, const daemon_numbers& more) {
    const metrics::sessions view = counters.read_sessions();
    out.family("finpost_sessions_active", "gauge", "Connections held now.");
    out.sample(view.active);
    out.family("finpost_sessions_limit", "gauge", "Connections held at most.");
    out.sample(more.max_connections);
    out.family("finpost_sessions_total", "counter", "Connections accepted.");
    out.sample(view.accepted);
    out.family("finpost_sessions_between_frames", "gauge",
               "Connections that had an exchange and wait for the next frame.");
    out.sample(counters.between_frames.value());
    out.family("finpost_further_exchanges_total", "counter",
               "Exchanges begun on a connection that had one before.");
    out.sample(view.further);
    out.family("finpost_heartbeats_total", "counter",
               "Empty frames, and bytes passed over before a frame.");
    out.sample(counters.heartbeats.value());
    out.family("finpost_exchanges_total", "counter", "Exchanges ended, by how.");
    out.sample("outcome", "replied", view.replied);
    out.sample("outcome", "queued", view.queued);
    out.sample("outcome", "refused", view.refused);
    out.sample("outcome", "aborted", view.aborted);
    out.sample("outcome", "probe", view.probes);
    out.family("finpost_exchanges_cut_total", "counter",
               "Exchanges in flight that a stop ended before they were finished.");
    out.sample(counters.cut.value());
    out.family("finpost_refusals_total", "counter", "Refusals, by reason.");
    for (std::size_t i = 0; i < all_reasons.size(); ++i)
        out.sample("reason", to_string(all_reasons[i]), counters.refused[i].value());
}

void add_bytes(page& out, const metrics& counters, const daemon_numbers& more) {
    out.family("finpost_payload_bytes_total", "counter", "Bytes received, before decoding.");
    out.sample(counters.payload_bytes.value());
    out.family("finpost_reply_bytes_total", "counter", "Bytes written as replies, after encoding.");
    out.sample(counters.reply_bytes.value());
    out.family("finpost_buffered_bytes", "gauge", "Bytes held by payloads and replies now.");
    out.sample(counters.buffered_bytes.value());
    out.family("finpost_buffered_bytes_limit", "gauge", "Above it, reading pauses.");
    out.sample(more.max_buffered);
    out.family("finpost_spilled_bytes", "gauge", "Bytes of payloads and replies in files now.");
    out.sample(counters.spilled_bytes.value());
    out.family("finpost_client_gone_total", "counter",
               "Clients that reset before their reply was written.");
    out.sample(counters.client_gone.value());
    out.family("finpost_accept_errors_total", "counter",
               "Accepts that failed for lack of a resource.");
    out.sample(counters.accept_errors.value());
}

void add_times(page& out, const metrics& counters) {
    out.family("finpost_exchange_seconds", "histogram", "Time from accept to the end.");
    out.histogram_of(counters.exchange_seconds);
    out.family("finpost_upstream_seconds", "histogram",
               "Time in the upstream, connecting included.");
    out.histogram_of(counters.upstream_seconds);
}

void add_upstream(page& out, const metrics& counters, const daemon_numbers& more) {
    out.family("finpost_upstream_connections", "gauge", "Connections to the upstream.");
    out.sample("state", "busy", counters.upstream_busy.value());
    out.sample("state", "idle", counters.upstream_idle.value());
    out.family("finpost_upstream_retries_total", "counter",
               "Requests sent again because a kept connection had been closed.");
    out.sample(counters.upstream_retries.value());
    out.family("finpost_upstream_endpoint_up", "gauge",
               "1 unless the endpoint is ejected after failures.");
    for (const auto& endpoint : more.endpoints)
        out.sample("endpoint", endpoint.endpoint, endpoint.up ? 1 : 0);
    out.family("finpost_upstream_endpoint_outstanding", "gauge", "Exchanges the endpoint has now.");
    for (const auto& endpoint : more.endpoints)
        out.sample("endpoint", endpoint.endpoint, endpoint.outstanding);
    out.family("finpost_upstream_ejections_total", "counter", "How often an endpoint was ejected.");
    out.sample(counters.upstream_ejections.value());
}

void add_queue(page& out, const metrics::queue_counters& counters, const queue_stats& stats) {
    const auto waiting = stats.of(queue_state::waiting).payloads;
    out.family("finpost_queue_payloads", "gauge", "Payloads in the queue, by state.");
    out.sample("state", "waiting", waiting - std::min(waiting, stats.delivering));
    out.sample("state", "delivering", stats.delivering);
    out.sample("state", "dead", stats.of(queue_state::dead).payloads);
    out.sample("state", "set_aside", stats.of(queue_state::set_aside).payloads);
    out.family("finpost_queue_bytes", "gauge", "Bytes of payloads in the queue.");
    out.sample(stats.bytes);
    out.family("finpost_queue_bytes_limit", "gauge", "Above it, payloads are refused.");
    out.sample(stats.max_bytes);
    out.family("finpost_queue_oldest_seconds", "gauge",
               "Age of the oldest payload that waits; 0 when none does.");
    out.sample(stats.oldest ? std::chrono::duration<double>(*stats.oldest).count() : 0.0);
    out.family("finpost_queue_recovered_total", "counter",
               "Payloads that were in the queue when it was opened; of a database, that were "
               "taken over from a lease that had run out.");
    out.sample(counters.recovered.value());
    out.family("finpost_queue_stored_total", "counter", "Receipts given.");
    out.sample(counters.stored.value());
    out.family("finpost_queue_delivered_total", "counter", "Payloads that the service has taken.");
    out.sample(counters.delivered.value());
    out.family("finpost_queue_dropped_total", "counter", "Payloads that an operator has removed.");
    out.sample(counters.dropped.value());
    out.family("finpost_queue_dead_total", "counter", "Dead letters, by why.");
    out.sample("reason", "refused", counters.dead_refused.value());
    out.sample("reason", "expired", counters.dead_expired.value());
    out.family("finpost_queue_attempts_total", "counter", "Deliveries tried, by what came of it.");
    out.sample("result", "delivered", counters.attempts_delivered.value());
    out.sample("result", "again", counters.attempts_again.value());
    out.sample("result", "misdirected", counters.attempts_misdirected.value());
    out.sample("result", "dead", counters.attempts_dead.value());
    out.family("finpost_queue_commit_seconds", "histogram", "Time until a batch is on the disk.");
    out.histogram_of(counters.commit_seconds);
}

void add_process(page& out, const daemon_numbers& more) {
    out.family("finpost_draining", "gauge", "1 from the signal to stop on.");
    out.sample(more.draining ? 1 : 0);
    out.family("finpost_log_dropped_total", "counter",
               "Log lines lost: the log's reader was too slow.");
    out.sample(more.log_dropped);
    out.family("finpost_internal_errors_total", "counter",
               "Exceptions that reached the event loop: bugs.");
    out.sample(more.internal_errors);
    out.family("finpost_reloads_total", "counter", "Reloads of the configuration, by result.");
    out.sample("result", "ok", more.reloads);
    out.sample("result", "failed", more.reloads_failed);
    out.family("finpost_last_reload_success_timestamp_seconds", "gauge",
               "When the configuration in force was taken, at the start or by a reload.");
    out.sample(more.last_reload);
    out.family("finpost_last_reload_successful", "gauge",
               "0 from a reload that failed to the next that does not.");
    out.sample(more.last_reload_ok ? 1 : 0);
    if (more.listener_certificate || more.upstream_certificate) {
        out.family(
            "finpost_tls_certificate_expiry_seconds", "gauge",
            "Seconds until the first certificate in use expires, by side; negative after it.");
    }
    if (more.listener_certificate) out.sample("side", "listener", *more.listener_certificate);
    if (more.upstream_certificate) out.sample("side", "upstream", *more.upstream_certificate);
    out.family("finpost_build_info", "gauge", "Always 1.");
    out.sample("version", more.version, 1);
}

} // namespace

std::string metrics_text(const metrics& counters, const daemon_numbers& more) {
    page out;
    add_sessions(out, counters, more);
    add_bytes(out, counters, more);
    add_times(out, counters);
    add_upstream(out, counters, more);
    if (more.queue) add_queue(out, counters.queue, *more.queue);
    add_process(out, more);
    return out.text();
}

} // namespace finpost
