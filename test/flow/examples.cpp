// The examples as whole programs: what they print, what their clients get, and how they end.
#include "support/child_process.hpp"
#include "support/gateway_fixture.hpp"
#include "support/skipping.hpp"
#include "support/tcp_peer.hpp"
#include "support/temporary_folder.hpp"

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// A gateway of the examples, on free ports of loopback.
class example {
public:
    explicit example(const std::string& name, std::vector<std::string> arguments = {"127.0.0.1:0"})
        : process_(command(name, std::move(arguments))) {
        BOOST_REQUIRE_MESSAGE(process_.wait_for_output("listening on "), process_.error());
    }

    child_process& process() { return process_; }
    // The address behind these words.
    socket_address at(const std::string& words = "listening on ") {
        BOOST_REQUIRE_MESSAGE(process_.wait_for_output(words), process_.output());
        const std::string all = process_.output();
        const std::size_t begin = all.find(words) + words.size();
        return parse_socket_address(all.substr(begin, all.find_first_of("/\n", begin) - begin))
            .value();
    }
    std::string ask(std::string_view payload) { return exchange(at(), payload).bytes; }
    // The exit code after one signal, or -1.
    int stop() {
        process_.signal(SIGTERM);
        return process_.wait().value_or(-1);
    }

private:
    static std::vector<std::string> command(const std::string& name,
                                            std::vector<std::string> arguments) {
        arguments.insert(arguments.begin(), SERVER_EXAMPLES "/" + name);
        return arguments;
    }
    child_process process_;
};

std::string client_example(const std::string& name) { return CLIENT_EXAMPLES "/" + name; }

void echo(peer_connection& peer) { peer.send(peer.read_to_end()); }

std::string content_of(const std::filesystem::path& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

BOOST_AUTO_TEST_SUITE(examples)

BOOST_AUTO_TEST_CASE(a_gateway_lives_beside_a_timer_and_an_http_server) {
    example host("beside_your_own_work", {"127.0.0.1:0", "127.0.0.1:0"});
    BOOST_TEST(host.ask("hello") == "got 5 bytes\n");
    raw_client browser(host.at("numbers at http://"));
    browser.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const std::string page = browser.read_to_end().bytes;
    BOOST_TEST(page.ends_with("\r\n\r\n1 replies\n"), page);
    BOOST_TEST(host.process().wait_for_output("the timer ticks"));
    BOOST_TEST(host.stop() == 0);
}

BOOST_AUTO_TEST_CASE(a_handler_answers_changes_and_refuses_by_itself) {
    example host("custom_handler");
    BOOST_TEST(host.ask("hello") == "olleh");
    BOOST_TEST(host.ask("device: on") == "device: on");
    BOOST_TEST(host.ask(std::string(5'000'000, 'x')) == "5000000 bytes");
    BOOST_TEST(host.stop() == 0);
    BOOST_TEST(host.process().output().ends_with("\n3 replies\n"));
}

BOOST_AUTO_TEST_CASE(the_answer_of_a_service_is_changed_on_the_way_back) {
    scripted_upstream service;
    example host("changed_answer", {"127.0.0.1:0", to_string(service.url())});
    const std::string got = host.ask("hello");
    BOOST_TEST_REQUIRE(service.count() == 1u);
    const std::string id = service.requests().at(0).field("X-Request-Id");
    BOOST_TEST(got == "hellonumber " + id + '\n');
    service.by_default(scripted_upstream::echo(500));
    BOOST_TEST(refusal_reason(host.ask("hello")) == "upstream_status");
    BOOST_TEST(host.stop() == 0);
}

BOOST_AUTO_TEST_CASE(what_has_a_receipt_outlives_its_program) {
    scripted_upstream service;
    const temporary_folder folder;
    const std::vector<std::string> arguments{"127.0.0.1:0", to_string(service.url()),
                                             (folder.path() / "queue").string()};
    service.by_default(scripted_upstream::never());
    example first("durable_delivery", arguments);
    const std::string receipt = first.ask("hello");
    BOOST_TEST(receipt.starts_with("finpost: queued "), receipt);
    BOOST_TEST(service.wait_for_requests(1));
    first.process().signal(SIGKILL);
    BOOST_REQUIRE(first.process().wait().has_value());
    service.by_default(scripted_upstream::echo());
    example second("durable_delivery", arguments);
    BOOST_TEST(service.wait_for_requests(2));
    BOOST_TEST(service.requests().at(1).field("Idempotency-Key") == receipt.substr(16, 36));
    BOOST_TEST(second.ask("again").starts_with("finpost: queued "));
    BOOST_TEST(service.wait_for_requests(3));
    BOOST_TEST(second.stop() == 0);
    BOOST_TEST(second.process().output().ends_with("1 stored, 2 delivered\n"),
               second.process().output());
}

BOOST_AUTO_TEST_CASE(many_threads_serve_many_clients) {
    example host("many_threads", {"127.0.0.1:0", "4"});
    const std::vector<std::string> payloads(200, "x");
    std::vector<bool> seen(payloads.size() + 1);
    for (const auto& got : exchange_all(host.at(), payloads, 20)) {
        BOOST_TEST_REQUIRE(got.bytes.starts_with("visit "), got.bytes);
        seen.at(std::stoul(got.bytes.substr(6))) = true;
    }
    BOOST_TEST(std::count(seen.begin(), seen.end(), true) == 200);
    BOOST_TEST(host.stop() == 0);
    BOOST_TEST(host.process().output().ends_with("\n200 replies from 4 threads\n"));
}

BOOST_AUTO_TEST_CASE(two_gateways_have_rules_and_numbers_of_their_own) {
    example host("two_gateways", {"127.0.0.1:0", "127.0.0.1:0"});
    const socket_address base64 = host.at("base64 on ");
    BOOST_TEST(host.ask("aGVsbG8") == "aGVsbG8");
    BOOST_TEST(exchange(base64, "aGVsbG8=").bytes == "aGVsbG8=");
    BOOST_TEST(refusal_reason(exchange(base64, "aGVsbG8").bytes) == "bad_encoding");
    BOOST_TEST(host.stop() == 0);
    BOOST_TEST(host.process().output().ends_with("\n1 plain, 1 in Base64\n"));
}

BOOST_AUTO_TEST_CASE(a_drain_lets_finish_what_is_in_flight) {
    example host("start_drain_stop");
    raw_client client(host.at());
    client.send("first half, ");
    BOOST_TEST(host.ask("another") == "another"); // so the first one has been accepted, and read
    host.process().signal(SIGTERM);
    BOOST_TEST(host.process().wait_for_output("draining"));
    client.send("second half").half_close();
    BOOST_TEST(client.read_to_end().bytes == "first half, second half");
    BOOST_TEST(host.process().wait().value_or(-1) == 0);
    BOOST_TEST(host.process().output().ends_with("\n2 replied, 0 cut\n"));
}

BOOST_AUTO_TEST_CASE(a_second_signal_stops_at_once) {
    example host("start_drain_stop");
    raw_client client(host.at());
    client.send("never ends");
    BOOST_TEST(host.ask("another") == "another");
    host.process().signal(SIGTERM);
    BOOST_TEST(host.process().wait_for_output("draining"));
    host.process().signal(SIGTERM);
    BOOST_TEST(refusal_reason(client.read_to_end().bytes) == "draining");
    client.close();
    BOOST_TEST(host.process().wait().value_or(-1) == 0);
    BOOST_TEST(host.process().output().ends_with("\n1 replied, 1 cut\n"));
}

BOOST_AUTO_TEST_CASE(an_address_in_use_is_said_by_name) {
    example first("start_drain_stop");
    const std::string taken = to_string(first.at());
    child_process second({SERVER_EXAMPLES "/start_drain_stop", taken});
    BOOST_TEST(second.wait().value_or(-1) == 1);
    BOOST_TEST(second.error().find(taken) != std::string::npos, second.error());
}

BOOST_AUTO_TEST_CASE(the_log_goes_to_spdlog_and_the_numbers_are_the_hosts) {
    const bool built = std::filesystem::exists(SERVER_EXAMPLES "/own_logger_and_metrics");
    if (!can_run(built, "built without spdlog")) return;
    example host("own_logger_and_metrics");
    BOOST_TEST(host.ask("hello") == "hello");
    BOOST_TEST(refusal_reason(host.ask(std::string(1001, 'x'))) == "too_large");
    BOOST_TEST(host.stop() == 0);
    const std::string log = host.process().error();
    BOOST_TEST(log.find("[gateway] [info] exchange id=") != std::string::npos, log);
    BOOST_TEST(log.find(" reason=too_large") != std::string::npos, log);
    BOOST_TEST(host.process().output().ends_with(
        "\naccepted 2\nreplied 1\nrefused 1\nrefused for too_large 1\n"));
}

BOOST_AUTO_TEST_CASE(a_gateway_is_called_from_memory) {
    tcp_peer peer(echo);
    child_process client({client_example("call_a_gateway"), to_string(peer.address()), "hello"});
    BOOST_TEST(client.wait().value_or(-1) == 0);
    BOOST_TEST(client.output() == "hello");
    BOOST_TEST(client.error().find(" to " + to_string(peer.address())) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_refusal_and_a_failure_are_no_reply) {
    tcp_peer refusing([](peer_connection& peer) {
        peer.read_to_end();
        peer.send("finpost: busy 017f22e2-79b0-7cc3-98c4-dc0c0c07398f\n");
    });
    child_process refused(
        {client_example("call_a_gateway"), to_string(refusing.address()), "hello"});
    BOOST_TEST(refused.wait().value_or(-1) == 5);
    BOOST_TEST(refused.output() == "");
    BOOST_TEST(refused.error().starts_with("refused: busy, see 017f22e2-"), refused.error());
    const refusing_port nobody;
    child_process alone({client_example("call_a_gateway"), to_string(nobody.address()), "hello"});
    BOOST_TEST(alone.wait().value_or(-1) == 3);
    BOOST_TEST(alone.error().starts_with("connect: "), alone.error());
}

BOOST_AUTO_TEST_CASE(a_file_is_sent_and_its_reply_kept) {
    const temporary_folder folder;
    const std::string payload = some_bytes(3'000'000);
    std::ofstream(folder.path() / "payload", std::ios::binary) << payload;
    const std::vector<std::string> files{folder.path() / "payload", folder.path() / "reply"};
    tcp_peer peer(echo);
    child_process client(
        {client_example("send_a_file"), to_string(peer.address()), files[0], files[1]});
    BOOST_TEST(client.wait().value_or(-1) == 0);
    BOOST_TEST(client.error() == "3000000 bytes came back\n");
    BOOST_TEST((content_of(folder.path() / "reply") == payload));
}

BOOST_AUTO_TEST_CASE(a_file_that_nobody_takes_is_given_up) {
    const temporary_folder folder;
    std::ofstream(folder.path() / "payload", std::ios::binary) << "hello";
    tcp_peer silent([](peer_connection& peer) { peer.stay_silent(); });
    child_process client({client_example("send_a_file"), to_string(silent.address()),
                          folder.path() / "payload", folder.path() / "reply"});
    BOOST_TEST(client.wait().value_or(-1) == 6);
    BOOST_TEST(client.error() == "Operation canceled\n");
    child_process without({client_example("send_a_file"), to_string(silent.address()),
                           folder.path() / "none", folder.path() / "reply"});
    BOOST_TEST(without.wait().value_or(-1) == 6);
    BOOST_TEST(without.error() == "Input/output error\n");
}

BOOST_AUTO_TEST_SUITE_END()
