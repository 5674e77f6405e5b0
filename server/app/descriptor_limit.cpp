#include "descriptor_limit.hpp"

#include <algorithm>
#include <limits>

#include <sys/resource.h>

namespace finpost {

namespace {

// Standard streams, listeners, the admin port with its clients, epoll, timers, signals, the log.
constexpr std::size_t reserved = 64;

} // namespace

connection_limits within_descriptors(std::size_t descriptors, connection_limits wanted, bool demo) {
    const std::size_t there = descriptors > reserved ? descriptors - reserved : 0;
    const std::size_t for_each = demo ? 2 : 1;
    // No more connections to the upstream than clients: each serves one exchange.
    wanted.upstream = std::min(wanted.upstream, wanted.clients);
    if (wanted.clients <= there && wanted.upstream <= (there - wanted.clients) / for_each)
        return wanted;
    // With fewer clients than that, each has its own connection; with more, the pool is full.
    const std::size_t paired = there / (1 + for_each);
    const std::size_t beside_pool =
        wanted.upstream <= paired ? there - wanted.upstream * for_each : paired;
    const std::size_t clients = std::max<std::size_t>(1, std::min(wanted.clients, beside_pool));
    return {clients, std::min(clients, wanted.upstream)};
}

std::size_t raise_descriptor_limit() noexcept {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::numeric_limits<std::size_t>::max();
    rlimit raised = limit;
    raised.rlim_cur = limit.rlim_max;
    if (::setrlimit(RLIMIT_NOFILE, &raised) == 0) limit = raised;
    return limit.rlim_cur;
}

} // namespace finpost
