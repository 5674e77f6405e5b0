// The profiles of docker/profiles/, each with a device that it is for.
#include "support/daemon.hpp"
#include "support/gateway_fixture.hpp"
#include "support/scripted_upstream.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

using namespace finpost;
using namespace finpost::test;
using namespace std::string_literals;

namespace {

struct device {
    std::string profile;
    std::string sends;
    strings bodies;    // of the requests that the service gets
    std::string reads; // at the end, from a service that answers "ok"
    std::string type = "application/octet-stream";
};

const std::vector<device> devices{
    {"line-scanner",
     "4006381333931  \r\n\r\n4006381333948\n",
     {"4006381333931", "4006381333948"},
     "ok\nok\n",
     "text/plain; charset=utf-8"},
    {"mllp",
     "\0\r\n\x0bMSH|^~\\&|LAB||||||ADT^A01|42|P|2.3\r\x1c\r\0"s,
     {"MSH|^~\\&|LAB||||||ADT^A01|42|P|2.3\r"},
     "\rMSA|AA|42\r\x1c\r",
     "application/hl7-v2"},
    {"ack-nak", "a payload", {"a payload"}, "\x06"},
    {"stx-etx",
     "\x02"
     "AB\x03\x00"s,
     {"AB"},
     "\x02ok\x03\x07"s},
    {"length-prefix",
     "\0\x04"
     "0800"
     "\0\0"
     "\0\x03"
     "123"s,
     {"0800", "123"},
     "\0\x02ok\0\x02ok"s},
    {"fixed-records",
     std::string(78, 'x') + "  " + std::string(80, 'y'),
     {std::string(78, 'x'), std::string(80, 'y')},
     "okok"},
    {"serial-server", "+0012.5 kg", {"+0012.5 kg"}, "ok"},
};

std::string path_of(const std::string& profile) {
    return std::string(PROFILES) + '/' + profile + ".toml";
}

} // namespace

BOOST_AUTO_TEST_SUITE(device_profiles)

BOOST_AUTO_TEST_CASE(each_serves_the_device_that_it_is_for) {
    for (const device& one : devices) {
        BOOST_TEST_CONTEXT(one.profile) {
            scripted_upstream service;
            service.by_default(
                scripted_upstream::raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
            bare_gateway gateway({"--config", path_of(one.profile), "--listen", "127.0.0.1:0",
                                  "--admin", "127.0.0.1:0", "--log-format", "json", "--upstream",
                                  to_string(service.url())});
            gateway.wait_ready();
            raw_client client(gateway.listens());
            client.send(one.sends);
            if (one.profile == "ack-nak") client.half_close();
            std::string got = client.read_at_least(one.reads.size());
            while (!got.ends_with(one.reads)) { // an HL7 header has the time in it
                const std::string more = client.read_at_least(1);
                BOOST_REQUIRE(!more.empty());
                got += more;
            }
            BOOST_TEST((one.profile == "mllp" || got == one.reads));
            const auto seen = service.requests();
            BOOST_REQUIRE(seen.size() == one.bodies.size());
            for (std::size_t i = 0; i < seen.size(); ++i) {
                BOOST_TEST(seen[i].body == one.bodies[i]);
                BOOST_TEST(seen[i].field("Content-Type") == one.type);
            }
            const auto end = client.half_close().read_to_end();
            BOOST_TEST(end.bytes == "");
            BOOST_TEST((end.how == raw_client::ending::fin));
            gateway.process().signal(SIGTERM);
            BOOST_TEST(gateway.ended() == 0);
        }
    }
}

BOOST_AUTO_TEST_CASE(each_is_good_and_has_a_device_here) {
    for (const auto& file : std::filesystem::directory_iterator(PROFILES)) {
        const std::string name = file.path().stem().string();
        BOOST_TEST_CONTEXT(name) {
            bare_gateway check({"--config", file.path().string(), "--listen", "127.0.0.1:0",
                                "--admin", "off", "--check"});
            BOOST_TEST(check.ended() == 0, check.log());
            BOOST_TEST(has(check.log(), "the configuration is good"));
            BOOST_TEST((std::any_of(devices.begin(), devices.end(),
                                    [&](const device& one) { return one.profile == name; })));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
