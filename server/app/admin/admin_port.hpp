#pragma once

#include "admin/admin.hpp"
#include "net/unique_fd.hpp"

#include "finpost/endpoint.hpp"
#include "finpost/logger.hpp"

#include <memory>

namespace finpost {

/// The admin port on a thread of its own: it answers while every thread of the gateway is busy, and
/// a flood of the listeners does not delay a health check.
class admin_port {
public:
    /// Binds, and answers from now on; throws boost::system::system_error that names the address.
    /// With `listening`, a socket that listens there already, nothing is bound.
    /// The functions of `view` are called on the thread until the destructor has returned.
    admin_port(const socket_address& wanted, detail::unique_fd listening, admin_view view,
               logger log);

    /// Closes everything and ends the thread.
    ~admin_port();

    /// What was really bound.
    const socket_address& address() const noexcept;

private:
    struct state;
    const std::unique_ptr<state> state_;
};

} // namespace finpost
