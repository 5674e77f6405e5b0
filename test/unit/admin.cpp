#include "admin/admin.hpp"

#include "demo_service.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <string>
#include <vector>

using namespace finpost;

namespace {

session_view some_session(session_stage stage) {
    return {request_id(std::chrono::milliseconds(0x017f22e279b0), 0x0cc3, 0x18c4dc0c0c07398f),
            parse_socket_address("192.0.2.7:40000").value(),
            parse_socket_address("[2001:db8::1]:5000").value(),
            stage,
            std::chrono::microseconds(1'234'567),
            5,
            12,
            3};
}

admin_view some_view(const std::string& cause = {}) {
    return {[cause] { return cause; }, [] { return std::string("numbers\n"); },
            [](std::size_t most) {
                return std::vector<session_view>(std::min<std::size_t>(most, 2),
                                                 some_session(session_stage::handle));
            },
            [] { return std::size_t{7}; }, [] { return std::string("listen = []\n"); }};
}

http_answer ask(const std::string& method, const std::string& target,
                const std::string& cause = {}) {
    return answer_admin({method, target, {}, {}}, some_view(cause));
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
    BOOST_TEST(ask("POST", "/healthz").allow == "GET, HEAD");
    BOOST_TEST(ask("HEAD", "/healthz").status == 200u);
    BOOST_TEST(ask("get", "/healthz").status == 405u);
    BOOST_TEST(ask("GET", "/").body ==
               "not found: there are /healthz /readyz /metrics /sessions /config /queue\n");
}

BOOST_AUTO_TEST_CASE(sessions_are_json_with_all_there_is_to_know) {
    const http_answer answer = ask("GET", "/sessions");
    BOOST_TEST(answer.content_type == "application/json");
    const std::string one =
        R"({"id":"017f22e2-79b0-7cc3-98c4-dc0c0c07398f",)"
        R"("peer":"192.0.2.7:40000","local":"[2001:db8::1]:5000",)"
        R"("stage":"handle","age_seconds":1.235E0,"bytes_in":5,"bytes_out":12,"exchanges":3,"pause_seconds":0E0})";
    BOOST_TEST(answer.body == R"({"total":7,"shown":2,"sessions":[)" + one + ',' + one + "]}\n");
}

BOOST_AUTO_TEST_CASE(every_stage_has_a_word) {
    BOOST_TEST(to_string(session_stage::receive) == "receive");
    BOOST_TEST(to_string(session_stage::handle) == "handle");
    BOOST_TEST(to_string(session_stage::reply) == "reply");
    BOOST_TEST(to_string(session_stage::refuse) == "refuse");
}

BOOST_AUTO_TEST_CASE(the_configuration_is_shown_where_there_is_one_to_show) {
    BOOST_TEST(ask("GET", "/config").body == "listen = []\n");
    admin_view without = some_view();
    without.config = nullptr;
    BOOST_TEST(answer_admin({"GET", "/config", {}, {}}, without).status == 404u);
}

BOOST_AUTO_TEST_CASE(the_demo_service_answers_a_post_with_its_own_body) {
    const http_answer echo = answer_demo({"POST", "/any", "image/png", "bytes"});
    BOOST_TEST(echo.status == 200u);
    BOOST_TEST(echo.body == "bytes");
    BOOST_TEST(echo.content_type == "image/png");
    BOOST_TEST(answer_demo({"GET", "/", {}, {}}).status == 405u);
}

BOOST_AUTO_TEST_SUITE_END()
