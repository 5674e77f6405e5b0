#pragma once

#include "finpost/event_loops.hpp"

#include <boost/asio/io_context.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

namespace finpost {

/// The daemon's event loops: each is an `io_context` with one thread. Work that begins on one stays
/// there, so threads neither share a queue nor wake each other: with two threads under one
/// `io_context` an exchange costs a quarter more than with one.
class io_context_pool {
public:
    explicit io_context_pool(std::size_t count);
    ~io_context_pool();

    /// What is not a session's runs here.
    boost::asio::io_context& first() noexcept;
    std::size_t size() const noexcept { return loops_.size(); }
    /// Of all of them, for a gateway and its upstreams.
    event_loops loops() const;

    /// Runs all of them, the first on this thread, until `stop`. An exception that reaches a loop
    /// is handed to `report`, on its thread, and the loop goes on.
    void run(const std::function<void(const std::exception&)>& report);

    /// From any thread.
    void stop();

private:
    class loop;
    std::vector<std::unique_ptr<loop>> loops_;
};

} // namespace finpost
