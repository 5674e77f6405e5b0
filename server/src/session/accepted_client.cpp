#include "session/accepted_client.hpp"

#include "finpost/metrics.hpp"

namespace finpost {

arrival::arrival(unique_fd descriptor, metrics& counters) noexcept
    : fd_(std::move(descriptor)), counters_(&counters) {
    counters_->accepted.add();
}

arrival::~arrival() {
    if (counters_ == nullptr) return;
    counters_->refused_for(reason::internal).add();
}

} // namespace finpost
