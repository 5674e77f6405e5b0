#pragma once

#include "net/unique_fd.hpp"

#include "finpost/endpoint.hpp"

#include <algorithm>
#include <vector>

#include <fcntl.h>

namespace finpost::detail {

/// A socket that listens already, from whoever has started this process.
struct inherited_socket {
    socket_address address; ///< where it is bound
    unique_fd fd;
};
using inherited_sockets = std::vector<inherited_socket>;

/// Of the same socket, closed on exec; none where there is none, or no descriptor left.
inline unique_fd duplicate(const unique_fd& fd) noexcept {
    return unique_fd(fd ? ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0) : -1);
}

inline auto find_inherited(const inherited_sockets& all, const socket_address& address) {
    return std::find_if(all.begin(), all.end(),
                        [&](const inherited_socket& each) { return each.address == address; });
}

} // namespace finpost::detail
