// Rows D22, D23 and D25: what a peer says must stay data, and cost what its length costs.
#include "faults/downstream_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <chrono>
#include <set>
#include <string>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::chrono_literals;

namespace {

// The names of a request's fields, in lower case, each as often as it is there.
std::multiset<std::string> field_names(const std::string& head) {
    std::multiset<std::string> names;
    for (std::size_t at = head.find("\r\n") + 2; at < head.size(); at = head.find("\r\n", at) + 2) {
        std::string name = head.substr(at, head.find(':', at) - at);
        if (name.starts_with("\r\n")) break;
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        names.insert(name);
    }
    return names;
}

} // namespace

BOOST_FIXTURE_TEST_SUITE(downstream_text, downstream_fixture)

BOOST_AUTO_TEST_CASE(D22_no_byte_of_a_payload_becomes_a_header) {
    using namespace std::string_literals;
    config.listen = {parse_socket_address("127.0.0.1:0").value(),
                     parse_socket_address("[::1]:0").value()};
    start();
    expect_served();
    const auto plain = field_names(upstream.requests().at(0).head);
    std::size_t n = 1;
    for (const std::string& evil :
         {"\r\nX-Evil: 1\r\n\r\n"s, "x\r\n\r\nPOST /other HTTP/1.1\r\nHost: x\r\n\r\n"s,
          "0\r\n\r\nGET / HTTP/1.1\r\n\r\n"s, "\0\n\r"s, std::string(70'000, '\n')}) {
        for (const std::size_t listener : {0u, 1u}) {
            BOOST_TEST((test::exchange(address(listener), evil).bytes == evil));
            const auto seen = upstream.requests().at(n++);
            BOOST_TEST(field_names(seen.head) == plain, boost::test_tools::per_element());
            BOOST_TEST(seen.request_line() == "POST /upload HTTP/1.1");
            BOOST_TEST((seen.body == evil));
        }
    }
    BOOST_TEST(upstream.count() == n); // nothing was smuggled
}

BOOST_AUTO_TEST_CASE(D23_what_is_logged_of_a_peer_is_its_address_and_numbers) {
    config.decode = codec::base64;
    start();
    const std::string evil = "\n{\"event\":\"ready\"}\x1b[2J\r\n\xff";
    expect_refusal(exchange(evil), reason::bad_encoding);
    connect().send(evil).reset();
    BOOST_TEST(log.wait_for("exchange", 2));
    for (const char* const event : {"accepted", "exchange", "bad encoding", "probe"}) {
        for (const auto& line : log.of(event))
            for (const auto& [name, value] : line.fields)
                BOOST_TEST(std::all_of(value.begin(), value.end(),
                                       [](char c) { return c >= ' ' && c <= '~' && c != '{'; }),
                           event << ' ' << name << ' ' << value);
    }
}

BOOST_AUTO_TEST_CASE(D23_what_is_logged_of_a_service_is_its_address_and_numbers) {
    const std::string evil = "\x1b[2J{\"event\":\"ready\"}\xff";
    std::atomic<std::size_t> at{0};
    const std::vector<std::string> answers{
        "HTTP/1.1 500 " + evil + "\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: " + evil + "\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Encoding: " + evil + "\r\nContent-Length: 0\r\n\r\n",
        evil + "\r\n\r\n",
        response(200, "") + evil,
    };
    upstream.by_default([&](scripted_upstream::conversation& talk) {
        talk.read_body();
        talk.send(answers.at(at));
    });
    start();
    for (; at < answers.size(); ++at) exchange("x");
    BOOST_TEST(log.wait_for("exchange", answers.size()));
    BOOST_TEST(log.count("upstream response refused") >= 2u);
    for (const char* const event :
         {"exchange", "upstream response refused", "upstream bytes behind response",
          "upstream endpoint ejected"}) {
        for (const auto& line : log.of(event))
            for (const auto& [name, value] : line.fields)
                BOOST_TEST(std::all_of(value.begin(), value.end(),
                                       [](char c) { return c >= ' ' && c <= '~' && c != '{'; }),
                           event << ' ' << name << ' ' << value);
    }
}

BOOST_AUTO_TEST_CASE(D25_the_worst_payload_costs_no_more_than_twice_the_best) {
    config.decode = codec::base64;
    upstream.by_default([](scripted_upstream::conversation& talk) {
        talk.read_body();
        talk.send(response(200, "done"));
    });
    start();
    constexpr std::size_t size = 4 << 20;
    std::string odd(size, '/');
    for (std::size_t i = 0; i < odd.size(); ++i) odd[i] = "AZaz09+/"[(i * 7 + i / 13) % 8];
    std::string bad_at_the_end(size, 'A');
    bad_at_the_end.back() = '*';
    const auto cost = [&](const std::string& payload) {
        auto least = std::chrono::microseconds::max();
        for (int round = 0; round < 5; ++round) {
            const auto before = processor_time();
            test::exchange(address(), payload);
            least = std::min(least, processor_time() - before);
        }
        return least;
    };
    const auto best = cost(std::string(size, 'A'));
    for (const std::string& one : {odd, bad_at_the_end, std::string(size - 4, 'A') + "AA=="}) {
        const auto taken = cost(one);
        BOOST_TEST((taken <= 2 * best), taken.count() << " us against " << best.count() << " us");
    }
}

BOOST_AUTO_TEST_SUITE_END()
