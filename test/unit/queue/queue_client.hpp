#pragma once

#include "finpost/queue_store.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace finpost::test {

/// Asks a store for one thing after another, and waits for each.
class queue_client {
public:
    using milliseconds = std::chrono::milliseconds;
    template <class Result>
    struct outcome {
        error_code ec;
        Result value{};
    };

    queue_client(queue_store& store, boost::asio::io_context& io) : store_(store), io_(io) {}

    error_code put(std::vector<new_payload> batch) {
        return nothing([&](auto done) { store_.async_put(std::move(batch), std::move(done)); });
    }
    error_code put(new_payload one) {
        std::vector<new_payload> batch;
        batch.push_back(std::move(one));
        return put(std::move(batch));
    }
    outcome<claimed_payloads> claim(std::size_t most, milliseconds lease = std::chrono::minutes(1),
                                    std::string owner = "me", std::string upstream = "records") {
        return something<claimed_payloads>([&](auto done) {
            store_.async_claim(most, lease, std::move(owner), std::move(upstream), std::move(done));
        });
    }
    outcome<std::size_t> delivered(std::vector<request_id> ids) {
        return something<std::size_t>(
            [&](auto done) { store_.async_delivered(std::move(ids), std::move(done)); });
    }
    error_code failed(held_payload held, milliseconds retry_in, attempt_failure why = {}) {
        return nothing([&](auto done) {
            store_.async_failed(std::move(held), retry_in, std::move(why), std::move(done));
        });
    }
    error_code dead(held_payload held, attempt_failure why = {}) {
        return nothing([&](auto done) {
            store_.async_dead(std::move(held), std::move(why), std::move(done));
        });
    }
    outcome<std::vector<queue_entry>> list(queue_filter filter = {}, queue_page page = {}) {
        return something<std::vector<queue_entry>>(
            [&](auto done) { store_.async_list(std::move(filter), page, std::move(done)); });
    }
    outcome<std::optional<stored_payload>> show(request_id id) {
        return something<std::optional<stored_payload>>(
            [&](auto done) { store_.async_show(id, std::move(done)); });
    }
    outcome<std::size_t> replay(queue_filter filter = {}, queue_page page = {}) {
        return something<std::size_t>(
            [&](auto done) { store_.async_replay(std::move(filter), page, std::move(done)); });
    }
    outcome<std::size_t> drop(queue_filter filter = {}, queue_page page = {}) {
        return something<std::size_t>(
            [&](auto done) { store_.async_drop(std::move(filter), page, std::move(done)); });
    }
    queue_stats stats() {
        return something<queue_stats>([&](auto done) { store_.async_stats(std::move(done)); })
            .value;
    }

private:
    template <class Begin>
    error_code nothing(const Begin& begin) {
        error_code ended = boost::system::errc::make_error_code(boost::system::errc::interrupted);
        begin([&ended](error_code ec) { ended = ec; });
        wait();
        return ended;
    }
    template <class Result, class Begin>
    outcome<Result> something(const Begin& begin) {
        outcome<Result> ended;
        ended.ec = boost::system::errc::make_error_code(boost::system::errc::interrupted);
        begin([&ended](error_code ec, Result value) {
            ended.ec = ec;
            ended.value = std::move(value);
        });
        wait();
        return ended;
    }
    // An operation is work of its handler's executor until it has told its end.
    void wait() {
        io_.restart();
        io_.run();
    }

    queue_store& store_;
    boost::asio::io_context& io_;
};

/// A payload for a test: what it does not name does not matter.
inline new_payload make_payload(std::string body, const std::string& peer = "192.0.2.1:4000") {
    new_payload made{.id = request_id::generate()};
    made.idempotency_key = std::string(made.id.text());
    made.listener = "scales";
    made.upstream = "records";
    made.peer = parse_socket_address(peer).value();
    made.tls_name = "scale-7";
    made.local = parse_socket_address("192.0.2.9:5000").value();
    made.body = payload(std::move(body));
    return made;
}

inline held_payload held(const stored_payload& claimed) {
    return {claimed.entry.id, claimed.entry.lease_owner, claimed.entry.attempts};
}

} // namespace finpost::test
