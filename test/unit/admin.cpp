#include "admin.hpp"
#include "demo_service.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace finpost;

namespace {

http_answer ask(const std::string& method, const std::string& target,
                const std::string& cause = {}) {
    const admin_view view{[&] { return cause; }, [] { return std::string("numbers\n"); }};
    return answer_admin({method, target, {}, {}}, view);
}

} // namespace

BOOST_AUTO_TEST_SUITE(admin)

BOOST_AUTO_TEST_CASE(healthz_is_good_while_the_process_serves) {
    BOOST_TEST(ask("GET", "/healthz", "draining").status == 200u);
}

BOOST_AUTO_TEST_CASE(readyz_says_why_it_is_not_ready) {
    BOOST_TEST(ask("GET", "/readyz").status == 200u);
    const http_answer not_ready = ask("GET", "/readyz?verbose", "draining");
    BOOST_TEST(not_ready.status == 503u);
    BOOST_TEST(not_ready.body == "draining\n");
}

BOOST_AUTO_TEST_CASE(metrics_are_prometheus_text) {
    const http_answer answer = ask("GET", "/metrics");
    BOOST_TEST(answer.body == "numbers\n");
    BOOST_TEST(answer.content_type == "text/plain; version=0.0.4; charset=utf-8");
}

BOOST_AUTO_TEST_CASE(anything_else_is_refused) {
    BOOST_TEST(ask("GET", "/").status == 404u);
    BOOST_TEST(ask("GET", "/metricsx").status == 404u);
    BOOST_TEST(ask("POST", "/nowhere").status == 404u);
    BOOST_TEST(ask("POST", "/metrics").status == 405u);
    BOOST_TEST(ask("HEAD", "/healthz").allow == "GET");
}

BOOST_AUTO_TEST_CASE(the_demo_service_answers_a_post_with_its_own_body) {
    const http_answer echo = answer_demo({"POST", "/any", "image/png", "bytes"});
    BOOST_TEST(echo.status == 200u);
    BOOST_TEST(echo.body == "bytes");
    BOOST_TEST(echo.content_type == "image/png");
    BOOST_TEST(answer_demo({"GET", "/", {}, {}}).status == 405u);
}

BOOST_AUTO_TEST_SUITE_END()
