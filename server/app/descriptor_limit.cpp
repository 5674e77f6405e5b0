#include "descriptor_limit.hpp"

#include <algorithm>
#include <limits>

#include <sys/resource.h>

namespace finpost {

namespace {

// Standard streams, listeners, the admin port with its clients, epoll, timers, signals, the log.
constexpr std::size_t reserved = 64;

} // namespace

connection_limits within_descriptors(std::size_t descriptors, connection_limits wanted,
                                     descriptors_beside beside) {
    const std::size_t kept = reserved + beside.queue;
    const std::size_t there = descriptors > kept ? descriptors - kept : 0;
    // No more connections to the upstream than clients: each serves one exchange, from one file at
    // most.
    const auto fit = [&](std::size_t clients) {
        const std::size_t upstream = std::min(clients, wanted.upstream) * beside.upstream;
        const std::size_t files = std::min(clients, beside.files);
        return clients <= there && upstream + files <= there - clients;
    };
    std::size_t most = wanted.clients, least = 1;
    if (!fit(most)) {
        while (least + 1 < most) {
            const std::size_t middle = least + (most - least) / 2;
            (fit(middle) ? least : most) = middle;
        }
        most = least;
    }
    return {most, std::min(most, wanted.upstream)};
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
