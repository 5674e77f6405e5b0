#include "session/accepted_client.hpp"

#include "finpost/metrics.hpp"

namespace finpost::detail {

accepted_socket::accepted_socket(unique_fd descriptor, metrics& counters) noexcept
    : fd_(std::move(descriptor)), counters_(&counters) {
    counters_->accepted.add();
}

accepted_socket::~accepted_socket() {
    if (counters_ == nullptr) return;
    counters_->refused_for(reason::internal).add();
}

} // namespace finpost::detail
