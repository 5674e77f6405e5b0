#pragma once

#include "config/daemon_config.hpp"
#include "net/inherited_sockets.hpp"

#include <string>
#include <vector>

namespace finpost {

/// Sockets that a service manager has opened for this process: sd_listen_fds(3).
struct passed_sockets {
    detail::inherited_sockets sockets; ///< each listens for TCP
    std::vector<std::string> problems; ///< each with the descriptor it is about
};

/// Takes what LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES say out of the environment, and the
/// descriptors from 3 on, which are closed on exec from now on. Nothing is taken of what is meant
/// for another process. For a process with one thread that has opened nothing yet.
passed_sockets take_passed_sockets();

/// Of those the one that is bound to `address`; none where there is none.
detail::unique_fd take_socket(passed_sockets& from, const socket_address& address);

/// What stands against a start with these sockets: their own problems, and those that no listener
/// of `config` has. In one line; empty when all is well.
std::string problems_of(const passed_sockets& passed, const daemon_config& config);

} // namespace finpost
