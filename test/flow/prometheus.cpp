// Prometheus's own programs on the metrics page.
#include "support/daemon.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <fstream>
#include <string>

using namespace finpost;
using namespace finpost::test;

namespace {

std::string body_of(const std::string& response) {
    const std::size_t end = response.find("\r\n\r\n");
    return end == response.npos ? std::string() : response.substr(end + 4);
}

// Every kind of sample has a value: a reply, a refusal, a probe.
void make_numbers(demo_gateway& gateway) {
    for (int i = 0; i < 3; ++i) BOOST_TEST(exchange(gateway.listens(), "hello").bytes == "hello");
    exchange(gateway.listens(), "eleven bytes");
    exchange(gateway.listens(), "");
}

/// A Prometheus server that scrapes one address several times a second.
class prometheus_server {
public:
    explicit prometheus_server(const socket_address& target) : process_(with_config(target)) {
        BOOST_REQUIRE_MESSAGE(process_.wait_for_error("Server is ready"), process_.error());
        // Said by a thread of its own, and followed by another line: so it is whole by then.
        BOOST_REQUIRE_MESSAGE(process_.wait_for_error("TLS is disabled"), process_.error());
        const std::string log = process_.error();
        const std::string mark = "msg=\"Listening on\" address=";
        const std::size_t at = log.find(mark);
        BOOST_REQUIRE(at != log.npos);
        const std::size_t begin = at + mark.size();
        address_ = test::address(log.substr(begin, log.find_first_of(" \n", begin) - begin));
    }

    /// What the query API says of an expression whose reserved characters are escaped.
    std::string ask(const std::string& expression) const {
        return body_of(http_get(address_, "/api/v1/query?query=" + expression));
    }

private:
    strings with_config(const socket_address& target) const {
        const auto file = folder_.path() / "prometheus.yml";
        std::ofstream(file) << "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
                               "scrape_configs:\n"
                               "  - job_name: finpost\n"
                               "    static_configs: [{targets: ['"
                            << to_string(target) << "']}]\n";
        return {"prometheus", "--config.file=" + file.string(),
                "--storage.tsdb.path=" + (folder_.path() / "data").string(),
                "--web.listen-address=127.0.0.1:0"};
    }

    temporary_folder folder_; // outlives the process
    child_process process_;
    socket_address address_;
};

} // namespace

BOOST_AUTO_TEST_SUITE(prometheus)

BOOST_AUTO_TEST_CASE(promtool_finds_nothing_to_say) {
    if (!have("promtool")) return;
    demo_gateway gateway({"--max-payload", "10"});
    make_numbers(gateway);
    child_process promtool({"promtool", "check", "metrics"}, {}, body_of(gateway.get("/metrics")));
    BOOST_TEST(promtool.wait().value_or(-1) == 0);
    BOOST_TEST(promtool.output() + promtool.error() == "");
}

BOOST_AUTO_TEST_CASE(a_prometheus_server_scrapes_what_was_counted) {
    if (!have("prometheus")) return;
    demo_gateway gateway({"--max-payload", "10"});
    make_numbers(gateway);
    const prometheus_server server(gateway.admin());
    const auto shows = [&server](const std::string& expression, const std::string& value) {
        std::string seen;
        const bool there = until([&] {
            seen = server.ask(expression);
            return has(seen, ",\"" + value + "\"]");
        });
        BOOST_TEST(there, expression << ": " << seen);
    };
    shows("finpost_exchanges_total%7Boutcome%3D%22replied%22%7D", "3");
    shows("finpost_refusals_total%7Breason%3D%22too_large%22%7D", "1");
    shows("finpost_exchange_seconds_count", "4");
    shows("up", "1");
    // Accepted = replied + refused + aborted + probes + in flight, as a dashboard would put it.
    shows("finpost_sessions_total-on()sum(finpost_exchanges_total)-on()finpost_sessions_active",
          "0");
}

BOOST_AUTO_TEST_SUITE_END()
