#pragma once

#include "finpost/queue_store.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace finpost {

/// Asks a store for one thing after another, and waits for each on `loop`, which runs meanwhile.
class store_client {
public:
    /// The handlers of `store` without an executor are called on `loop`. Both outlive it.
    store_client(queue_store& store, boost::asio::io_context& loop) : store_(store), loop_(loop) {}

    error_code put(std::vector<new_payload> batch) {
        return wait_for<void>(
                   [&](auto done) { store_.async_put(std::move(batch), std::move(done)); })
            .error();
    }
    result<std::vector<queue_entry>> list(const queue_filter& filter, queue_page page) {
        return wait_for<std::vector<queue_entry>>(
            [&](auto done) { store_.async_list(filter, page, std::move(done)); });
    }
    /// Nothing when there is none of that id.
    result<std::optional<stored_payload>> show(const request_id& id) {
        auto found = wait_for<std::optional<stored_payload>>(
            [&](auto done) { store_.async_show(id, std::move(done)); });
        if (!found && found.error() == queue_error::not_found)
            return std::optional<stored_payload>();
        return found;
    }
    result<std::size_t> replay(const queue_filter& filter, queue_page page) {
        return wait_for<std::size_t>(
            [&](auto done) { store_.async_replay(filter, page, std::move(done)); });
    }
    result<std::size_t> drop(const queue_filter& filter, queue_page page) {
        return wait_for<std::size_t>(
            [&](auto done) { store_.async_drop(filter, page, std::move(done)); });
    }
    result<queue_stats> stats() {
        return wait_for<queue_stats>([&](auto done) { store_.async_stats(std::move(done)); });
    }

private:
    template <class Result, class Begin>
    result<Result> wait_for(const Begin& begin) {
        bool ended = false;
        error_code failed;
        if constexpr (std::is_void_v<Result>) {
            begin([&](error_code ec) { failed = ec, ended = true; });
            run_until(ended);
            if (failed) return failed;
            return {};
        } else {
            Result value{};
            begin([&](error_code ec, Result got) {
                failed = ec, ended = true;
                value = std::move(got);
            });
            run_until(ended);
            if (failed) return failed;
            return value;
        }
    }
    // An operation is work of its handler's executor until it has told its end; something else, a
    // progress bar, may go on.
    void run_until(const bool& ended) {
        loop_.restart();
        while (!ended && loop_.run_one() > 0) continue;
    }

    queue_store& store_;
    boost::asio::io_context& loop_;
};

} // namespace finpost
