#include "io_context_pool.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <thread>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

class io_context_pool::loop : public asio::io_context {
public:
    loop() : io_context(1), idle_(asio::make_work_guard(*this)) {}
    using execution_context::shutdown;

    void run_on(const std::function<void(const std::exception&)>& report) {
        for (;;) {
            try {
                run();
                return;
            } catch (const std::exception& bug) {
                try {
                    report(bug);
                } catch (...) {
                    // No memory to say so is no reason to end the thread.
                }
            }
        }
    }

private:
    const asio::executor_work_guard<executor_type> idle_; // a loop without a session goes on
};

io_context_pool::io_context_pool(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<loop>());
}

// What one loop still holds may own a timer or a socket of another: all are emptied before one
// goes.
io_context_pool::~io_context_pool() {
    for (const auto& each : loops_) each->shutdown();
}

asio::io_context& io_context_pool::first() noexcept { return *loops_.front(); }

event_loops io_context_pool::loops() const {
    std::vector<asio::any_io_executor> all;
    for (const auto& each : loops_) all.emplace_back(each->get_executor());
    return event_loops::per_thread(std::move(all));
}

void io_context_pool::run(const std::function<void(const std::exception&)>& report) {
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < loops_.size(); ++i)
        others.emplace_back([this, i, &report] { loops_[i]->run_on(report); });
    loops_.front()->run_on(report);
    for (std::thread& thread : others) thread.join();
}

void io_context_pool::stop() {
    for (const auto& each : loops_) each->stop();
}

} // namespace finpost
