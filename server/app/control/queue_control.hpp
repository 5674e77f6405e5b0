#pragma once

#include "finpost/logger.hpp"
#include "finpost/metrics.hpp"
#include "finpost/queue_store.hpp"

#include <memory>
#include <string>

namespace finpost {

/// Where the commands of an operator reach the process that has a queue: a Unix socket in its
/// directory, with a thread of its own. `control_request` says what it answers.
class queue_control {
public:
    /// Listens on `DIR/control.sock` (0600; of our user and root only), and answers from now on.
    /// The lock of DIR is held: a socket that is there is of a process that has ended, and is
    /// replaced. Throws std::runtime_error that names the path.
    queue_control(const std::string& directory, std::shared_ptr<queue_store> store,
                  counter& dropped, logger log);
    /// Like `stop`. After the store was closed: it may have something to tell until then.
    ~queue_control();

    /// Removes the socket and answers nothing more. While the lock is held.
    void stop() noexcept;

private:
    struct state;
    const std::unique_ptr<state> state_;
};

/// The name in the directory of a queue.
inline constexpr const char* control_socket_name = "control.sock";

} // namespace finpost
