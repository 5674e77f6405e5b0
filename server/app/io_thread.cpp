#include "io_thread.hpp"

#include <csignal>
#include <exception>

namespace finpost {

void io_thread::start() {
    thread_ = std::thread([this] { run(); });
}

void io_thread::stop() noexcept {
    io_.stop();
    if (thread_.joinable()) thread_.join();
}

void io_thread::run() {
    // Signals are for the threads that know what to do with them.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    for (;;) {
        try {
            io_.run();
            return;
        } catch (const std::exception& bug) {
            try {
                log_(log_level::error, "internal error", {{"what", bug.what()}});
            } catch (...) {
                // No memory to say so is no reason to end the thread.
            }
        }
    }
}

} // namespace finpost
