#pragma once

#include "support/gateway_fixture.hpp"
#include "support/until.hpp"

#include <boost/test/unit_test.hpp>

#include <future>
#include <string>
#include <string_view>

namespace finpost::test {

/// A gateway that streams what is longer than 1,000 bytes.
struct streaming_fixture : gateway_fixture {
    using conversation = scripted_upstream::conversation;

    streaming_fixture() { config.stream_above = 1'000; }

    /// `data` as one chunk.
    static std::string chunk(std::string_view data) {
        constexpr std::string_view digits = "0123456789abcdef";
        std::string size;
        for (std::size_t left = data.size(); left > 0; left /= 16)
            size.insert(0, 1, digits[left % 16]);
        return size + "\r\n" + std::string(data) + "\r\n";
    }
    static constexpr const char* chunked_head =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// Sends each chunk back when it has come.
    static void echo_chunks(conversation& talk) {
        if (talk.request().count("Content-Length") > 0) return scripted_upstream::echo()(talk);
        talk.send(chunked_head);
        for (std::string data = talk.read_chunk(); !data.empty(); data = talk.read_chunk())
            talk.send(chunk(data));
        talk.send("0\r\n\r\n");
    }

    /// A client that has sent so much, and whose request the upstream has seen.
    raw_client begin(std::size_t size = 5'000) {
        raw_client client = connect();
        client.send(some_bytes(size));
        BOOST_TEST(upstream.wait_for_heads(1));
        return client;
    }

    /// Sends and reads at the same time, as a client of large payloads has to.
    raw_client::received exchange_both_ways(std::string_view data) {
        raw_client client = connect();
        auto reading = std::async(std::launch::async, [&client] { return client.read_to_end(); });
        client.send(data).half_close();
        return reading.get();
    }

    /// The upstream has seen one request, and that it was cut.
    void expect_cut_at_the_upstream() {
        BOOST_TEST(until([&] { return upstream.requests().at(0).cut; }));
        BOOST_TEST(upstream.requests().at(0).by_reset);
        BOOST_TEST(upstream.complete() == 0u);
        BOOST_TEST(upstream.count() == 1u);
        BOOST_TEST(upstream.wait_for_open_connections(0));
    }

    /// A client that has a part of a reply is reset, and the access line says why.
    void expect_reset(const raw_client::received& got, std::string_view why) {
        BOOST_TEST((got.how == raw_client::ending::reset));
        const auto line = access_line();
        BOOST_TEST(line.at("outcome") == "aborted");
        BOOST_TEST(line.at("reason") == why);
    }
};

} // namespace finpost::test
