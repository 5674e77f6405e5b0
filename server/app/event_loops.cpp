#include "event_loops.hpp"

#include <boost/asio/executor_work_guard.hpp>

#include <thread>

namespace asio = boost::asio;

namespace finpost {

class event_loops::loop : public asio::io_context {
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

event_loops::event_loops(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<loop>());
}

// What one loop still holds may own a timer or a socket of another: all are emptied before one
// goes.
event_loops::~event_loops() {
    for (const auto& each : loops_) each->shutdown();
}

asio::io_context& event_loops::first() noexcept { return *loops_.front(); }

std::vector<asio::any_io_executor> event_loops::executors() const {
    std::vector<asio::any_io_executor> all;
    for (const auto& each : loops_) all.emplace_back(each->get_executor());
    return all;
}

void event_loops::run(const std::function<void(const std::exception&)>& report) {
    std::vector<std::thread> others;
    for (std::size_t i = 1; i < loops_.size(); ++i)
        others.emplace_back([this, i, &report] { loops_[i]->run_on(report); });
    loops_.front()->run_on(report);
    for (std::thread& thread : others) thread.join();
}

void event_loops::stop() {
    for (const auto& each : loops_) each->stop();
}

} // namespace finpost
