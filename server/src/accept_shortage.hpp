#pragma once

#include "net/listening_socket.hpp"
#include "net/unique_fd.hpp"
#include "policy/resource_shortage.hpp"

#include "finpost/error.hpp"

#include <chrono>
#include <memory>
#include <mutex>

namespace finpost::detail {

struct session_context;

/// How long an acceptor pauses when descriptors or memory are short.
constexpr std::chrono::milliseconds accept_back_off{100};

/// What an acceptor does about a shortage: it pauses, and refuses one client a pause by a spare
/// descriptor. The acceptors of an address meet it together, and log its begin and its end once.
class accept_shortage {
public:
    using clock = std::chrono::steady_clock;

    explicit accept_shortage(std::shared_ptr<resource_shortage> shared);

    /// Held around an accept: while there is a shortage, the spare descriptor is not taken by
    /// another event loop.
    std::unique_lock<std::mutex> lock() { return shared_->lock(); }

    /// An accept on `socket` has failed for it. Returns when to accept again. May throw
    /// std::bad_alloc.
    clock::time_point met(error_code error, listening_socket& socket,
                          const session_context& context);

    /// No client waits any more, or a whole batch came in: one accept between two failures is the
    /// same shortage, and not a line in the log each time.
    void over(const listening_socket& socket, const session_context& context);

private:
    void refuse_with_spare(listening_socket& socket, const session_context& context);

    const std::shared_ptr<resource_shortage> shared_;
    unique_fd spare_; // given up for a moment to refuse a client
};

} // namespace finpost::detail
