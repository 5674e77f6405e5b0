#pragma once

#include "cluster/postgres_server.hpp"
#include "unit/queue/queue_client.hpp"
#include "unit/queue/store_factory.hpp"

#include "finpost/postgres_queue.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <memory>
#include <optional>
#include <string>
#include <thread>

namespace finpost::test {

/// A queue of its own in a server that others share: tables in a schema that nobody else has.
class queue_tables {
public:
    explicit queue_tables(postgres_server& server = shared_postgres());

    postgres_server& server() const noexcept { return server_; }
    const std::string& schema() const noexcept { return schema_; }
    /// What a URL needs to find them: "options=...".
    std::string parameters(const std::string& more_options = {}) const;
    postgres_queue_config config() const;
    /// Runs statements there.
    std::string sql(const std::string& statements) const;

private:
    postgres_server& server_;
    const std::string schema_;
};

/// A thread that serves what is given to it.
class served_loop {
public:
    served_loop() : work_(io_.get_executor()), thread_([this] { io_.run(); }) {}
    ~served_loop() { finish(); }
    boost::asio::any_io_executor get_executor() { return io_.get_executor(); }
    /// Waits until nothing is left to do.
    void finish() {
        work_.reset();
        if (thread_.joinable()) thread_.join();
    }

private:
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
    std::thread thread_;
};

/// A store of a gateway, and a client that waits for it.
class opened_postgres {
public:
    explicit opened_postgres(const postgres_queue_config& config, logger log = {},
                             metrics::queue_counters* counters = nullptr);
    ~opened_postgres();
    queue_client* operator->() { return &*client_; }
    queue_store& store() { return *store_; }
    /// Waits until it is connected, or is not.
    bool until_connected(bool connected = true);

    boost::asio::io_context io;

private:
    served_loop loop_;
    std::unique_ptr<queue_store> store_;
    std::optional<queue_client> client_;
};

} // namespace finpost::test
