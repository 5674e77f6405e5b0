#pragma once

#include "queue/sqlite_store.hpp"
#include "unit/queue/queue_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/test/unit_test.hpp>

#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace finpost::test {

/// A queue that is opened here, as a gateway would.
class open_queue {
public:
    explicit open_queue(const std::string& directory) {
        finpost::detail::sqlite_store_options options;
        options.directory = directory;
        options.executor = io_.get_executor();
        options.thread = thread_.get_executor();
        auto opened = finpost::detail::sqlite_store::open(std::move(options));
        BOOST_REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
        store_ = std::move(*opened);
        client_.emplace(*store_, io_);
    }
    ~open_queue() {
        store_.reset();
        thread_.join();
    }
    queue_client* operator->() { return &*client_; }
    void make_dead(const request_id& id) {
        const auto claimed = client_->claim(1000).value;
        for (const stored_payload& each : claimed.payloads)
            if (each.entry.id == id)
                BOOST_TEST(!client_->dead(held(each), {422, "upstream_status"}));
    }

private:
    boost::asio::io_context io_;
    boost::asio::thread_pool thread_{1};
    std::unique_ptr<queue_store> store_;
    std::optional<queue_client> client_;
};

} // namespace finpost::test
