#pragma once

#include "finpost/logger.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/io_context.hpp>

#include <thread>
#include <utility>

namespace finpost {

/// An event loop on a thread of its own, for what has to answer while every thread of the gateway
/// is busy. No signal is handled on it. A bug in one handler is logged, and it goes on.
class io_thread {
public:
    explicit io_thread(logger log) : log_(std::move(log)) {}
    /// Like `stop`. What waits then goes without being called.
    ~io_thread() { stop(); }
    io_thread(const io_thread&) = delete;
    io_thread& operator=(const io_thread&) = delete;

    boost::asio::any_io_executor get_executor() { return io_.get_executor(); }
    /// Begins; there is something to do by now, or it ends at once.
    void start();
    /// Ends the thread. What is asked of the executor later is never done.
    void stop() noexcept;

private:
    void run();

    const logger log_;
    boost::asio::io_context io_{1};
    std::thread thread_;
};

} // namespace finpost
