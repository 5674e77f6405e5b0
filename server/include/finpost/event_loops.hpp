#pragma once

#include "finpost/export.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <utility>
#include <vector>

namespace finpost {

/// Where a gateway or an upstream runs, and how many threads run it: what keeps the steps of one
/// exchange apart.
///
/// | | `shared` | `per_thread` |
/// |---|---|---|
/// | executors | one: an `io_context`, a `thread_pool` | one or more, each an `io_context` |
/// | threads | any number | exactly one for each executor |
/// | an exchange's steps | follow each other on a strand | follow each other on its thread |
/// | listening sockets of an address | one | one for each executor (SO_REUSEPORT) |
///
/// `shared` is right for every host. `per_thread` spares an exchange its strand, and the threads a
/// common queue. It is a promise of the host: a second thread under one of its executors is a data
/// race, and nothing checks it.
///
/// Threads: a value, as thread safe as a std::vector.
/// Lifetime: it holds executors. Their contexts live until the gateway or upstream has ended.
class event_loops {
public:
    /// One executor, whoever runs it. Each session has a strand of its own. A strand that is made
    /// or entered without memory can end the process: that is Asio's. A host that has to survive it
    /// uses `per_thread`.
    FINPOST_EXPORT static event_loops shared(boost::asio::any_io_executor executor);

    /// Several executors, or one, each run by exactly one thread; no strands. The kernel spreads
    /// the clients over them, and a session stays where it began. A loop that is kept busy keeps
    /// its share of the clients waiting. What is no session's business runs on the first. Throws
    /// std::invalid_argument when there is none.
    ///
    /// What waits on one loop may own a timer or a socket of another. Therefore, before the first
    /// of several `io_context`s is destroyed, an `async_drain` has completed, or
    /// `execution_context::shutdown()` was called on each (a protected member: for classes derived
    /// from `io_context`).
    FINPOST_EXPORT static event_loops
    per_thread(std::vector<boost::asio::any_io_executor> executors);

    /// At least one.
    const std::vector<boost::asio::any_io_executor>& executors() const noexcept {
        return executors_;
    }
    const boost::asio::any_io_executor& first() const noexcept { return executors_.front(); }

    /// Whether it was made by `per_thread`.
    bool one_thread_each() const noexcept { return one_thread_each_; }

private:
    event_loops(std::vector<boost::asio::any_io_executor> executors, bool one_thread_each) noexcept
        : executors_(std::move(executors)), one_thread_each_(one_thread_each) {}

    std::vector<boost::asio::any_io_executor> executors_;
    bool one_thread_each_;
};

} // namespace finpost
