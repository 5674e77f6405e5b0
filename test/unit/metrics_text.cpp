#include "admin/metrics_text.hpp"

#include "finpost/metrics.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <sstream>
#include <string>

using namespace finpost;
using namespace std::chrono_literals;

namespace {

std::string page(const finpost::metrics& counters) {
    return finpost::metrics_text(counters, {"1.2.3",
                                            {{"127.0.0.1:80", true}, {"odd\"\\\nname:1", false}},
                                            7,
                                            2,
                                            3,
                                            1,
                                            true,
                                            100,
                                            4096,
                                            86'400,
                                            {},
                                            {},
                                            1'700'000'000,
                                            false});
}

bool has_line(const std::string& text, const std::string& line) {
    return ('\n' + text).find('\n' + line + '\n') != std::string::npos;
}

} // namespace

BOOST_AUTO_TEST_SUITE(metrics_text)

BOOST_AUTO_TEST_CASE(the_numbers_of_the_counters_are_on_the_page) {
    finpost::metrics counters;
    counters.accepted.add(10);
    counters.replied.add(3);
    counters.refused_for(reason::too_large).add(2);
    counters.aborted.add();
    counters.probes.add();
    counters.cut.add(5);
    counters.payload_bytes.add(1'000'000);
    counters.upstream_idle.add(4);
    counters.buffered_bytes.add(-1);
    const std::string text = page(counters);
    for (const char* line : {"finpost_sessions_total 10",
                             "finpost_sessions_active 3",
                             "finpost_exchanges_total{outcome=\"replied\"} 3",
                             "finpost_exchanges_total{outcome=\"refused\"} 2",
                             "finpost_exchanges_total{outcome=\"aborted\"} 1",
                             "finpost_exchanges_total{outcome=\"probe\"} 1",
                             "finpost_exchanges_cut_total 5",
                             "finpost_refusals_total{reason=\"too_large\"} 2",
                             "finpost_refusals_total{reason=\"internal\"} 0",
                             "finpost_payload_bytes_total 1000000",
                             "finpost_buffered_bytes -1",
                             "finpost_upstream_connections{state=\"idle\"} 4",
                             "finpost_upstream_endpoint_up{endpoint=\"127.0.0.1:80\"} 1",
                             "finpost_upstream_endpoint_up{endpoint=\"odd\\\"\\\\\\nname:1\"} 0",
                             "finpost_tls_certificate_expiry_seconds{side=\"listener\"} 86400",
                             "finpost_log_dropped_total 7",
                             "finpost_internal_errors_total 2",
                             "finpost_draining 1",
                             "finpost_last_reload_success_timestamp_seconds 1700000000",
                             "finpost_last_reload_successful 0",
                             "finpost_sessions_limit 100",
                             "finpost_buffered_bytes_limit 4096",
                             "finpost_build_info{version=\"1.2.3\"} 1"})
        BOOST_TEST(has_line(text, line), line);
}

BOOST_AUTO_TEST_CASE(a_histogram_is_cumulative_and_ends_with_everything) {
    finpost::metrics counters;
    counters.exchange_seconds.record(400us);
    counters.exchange_seconds.record(2ms);
    counters.exchange_seconds.record(1h);
    const std::string text = page(counters);
    for (const char* line :
         {"finpost_exchange_seconds_bucket{le=\"0.0005\"} 1",
          "finpost_exchange_seconds_bucket{le=\"0.0025\"} 2",
          "finpost_exchange_seconds_bucket{le=\"30\"} 2",
          "finpost_exchange_seconds_bucket{le=\"+Inf\"} 3",
          "finpost_exchange_seconds_sum 3600.0024", "finpost_exchange_seconds_count 3",
          "finpost_upstream_seconds_count 0"})
        BOOST_TEST(has_line(text, line), line);
}

// Prometheus text format 0.0.4: each family is described once, before its samples.
BOOST_AUTO_TEST_CASE(every_sample_belongs_to_the_family_described_last) {
    const finpost::metrics counters;
    std::istringstream lines(page(counters));
    std::set<std::string> seen;
    std::string family;
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string mark, word, name;
        words >> mark >> word >> name;
        if (mark != "#") {
            BOOST_TEST(line.starts_with(family), line);
            continue;
        }
        if (word == "HELP")
            BOOST_TEST(seen.insert(name).second, name);
        else
            BOOST_TEST(word == "TYPE");
        if (word == "TYPE") BOOST_TEST(name == family);
        family = name;
    }
    BOOST_TEST(seen.size() > 12u);
}

BOOST_AUTO_TEST_SUITE_END()
