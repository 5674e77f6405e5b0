#include "admin/admin_port.hpp"

#include "admin/http_messages.hpp"
#include "admin/small_http_server.hpp"

#include <boost/asio/io_context.hpp>

#include <csignal>
#include <exception>
#include <thread>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

namespace {

small_http_server::limits small(const socket_address& address) {
    small_http_server::limits most;
    most.body = 64 << 10; // a little body is read to be told 405
    most.local_names_only = is_local_name(to_string(address));
    return most;
}

} // namespace

struct admin_port::state {
    state(const socket_address& wanted, admin_view view, logger log_)
        : log(std::move(log_)),
          server(
              io.get_executor(), wanted, small(wanted),
              [view = std::move(view)](http_query query) { return answer_admin(query, view); },
              log) {}

    void run() {
        // Signals are for the threads that know what to do with them.
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
        for (;;) {
            try {
                io.run();
                return;
            } catch (const std::exception& bug) {
                try {
                    log(log_level::error, "internal error", {{"what", bug.what()}});
                } catch (...) {
                    // No memory to say so is no reason to end the thread.
                }
            }
        }
    }

    const logger log;
    asio::io_context io{1};
    small_http_server server;
    std::thread thread;
};

admin_port::admin_port(const socket_address& wanted, admin_view view, logger log)
    : state_(std::make_unique<state>(wanted, std::move(view), std::move(log))) {
    state_->server.start();
    state_->thread = std::thread([running = state_.get()] { running->run(); });
}

admin_port::~admin_port() {
    state_->server.stop();
    state_->io.stop();
    state_->thread.join();
}

const socket_address& admin_port::address() const noexcept { return state_->server.address(); }

} // namespace finpost
