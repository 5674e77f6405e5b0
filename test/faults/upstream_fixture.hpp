#pragma once

#include "support/gateway_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <future>
#include <string>
#include <utility>

namespace finpost::test {

/// A gateway whose upstream has one fault and is fine otherwise: what asks with the payload "fault"
/// meets the fault, everybody else is echoed. Descriptors, connections and the sum of all outcomes
/// are checked by the gateway fixture when the case ends.
struct upstream_fixture : gateway_fixture {
    upstream_fixture() { upstream.by_default(scripted_upstream::echo()); }

    /// `what` answers the payload "fault"; the request has been read then.
    void fault(scripted_upstream::script what) {
        upstream.by_default([what = std::move(what)](scripted_upstream::conversation& talk) {
            talk.read_body();
            if (talk.request().body == "fault")
                what(talk);
            else
                scripted_upstream::echo()(talk);
        });
    }
    void fault(std::string raw_bytes) { fault(scripted_upstream::raw(std::move(raw_bytes))); }

    /// A client that meets the fault, while another one is served.
    raw_client::received meet_fault() {
        const std::size_t before = upstream.count();
        auto client = std::async(std::launch::async, [this] { return exchange("fault"); });
        BOOST_TEST(upstream.wait_for_requests(before + 1));
        expect_served();
        return client.get();
    }

    /// Another client gets its answer.
    void expect_served() {
        const auto got = exchange("fine");
        BOOST_TEST(got.bytes == "fine");
        BOOST_TEST((got.how == raw_client::ending::fin));
    }

    /// The fault is refused with `why`, the request was sent once, and its connection carries
    /// nothing more.
    void expect_fault_refused(reason why) {
        expect_refusal(meet_fault(), why);
        expect_sent_once();
        expect_connection_given_up();
    }

    void expect_sent_once(std::size_t times = 1) {
        std::size_t sent = 0;
        for (const auto& seen : upstream.requests()) sent += seen.body == "fault";
        BOOST_TEST(sent == times);
    }

    void expect_connection_given_up() {
        const std::size_t before = upstream.count();
        std::size_t connection = 0;
        for (const auto& seen : upstream.requests())
            if (seen.body == "fault") connection = seen.connection;
        for (int i = 0; i < 3; ++i) expect_served();
        for (std::size_t i = before; i < upstream.count(); ++i)
            BOOST_TEST(upstream.requests().at(i).connection != connection);
    }
};

} // namespace finpost::test
