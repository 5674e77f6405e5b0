#include "admin/admin_port.hpp"

#include "admin/http_messages.hpp"
#include "admin/small_http_server.hpp"
#include "io_thread.hpp"

#include <utility>

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
    state(const socket_address& wanted, detail::unique_fd listening, admin_view view,
          const logger& log)
        : thread(log),
          server(
              thread.get_executor(), wanted, small(wanted),
              [view = std::move(view)](http_query query) { return answer_admin(query, view); }, log,
              std::move(listening)) {}

    io_thread thread;
    small_http_server server;
};

admin_port::admin_port(const socket_address& wanted, detail::unique_fd listening, admin_view view,
                       logger log)
    : state_(std::make_unique<state>(wanted, std::move(listening), std::move(view), log)) {
    state_->server.start();
    state_->thread.start();
}

admin_port::~admin_port() {
    state_->server.stop();
    state_->thread.stop();
}

const socket_address& admin_port::address() const noexcept { return state_->server.address(); }

} // namespace finpost
