#pragma once

#include <sys/socket.h>

namespace finpost::detail {

/// What becomes of the connection `fd` when it is closed, whoever closes it: also the kernel, when
/// the process is killed. On: a RST, so that the peer cannot take what it has for the whole. Off: a
/// FIN behind whatever was written. A socket that is accepted has it from the listening one. A Unix
/// socket does not know it.
inline void reset_on_close(int fd, bool on) noexcept {
    const linger option{on ? 1 : 0, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &option, sizeof option);
}

} // namespace finpost::detail
