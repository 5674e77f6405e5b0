#include "address_listener.hpp"

#include "policy/resource_shortage.hpp"

#include <algorithm>

namespace finpost::detail {

address_listener::address_listener(const event_loops& on,
                                   const std::shared_ptr<const session_context>& context,
                                   const socket_address& address, const unique_fd& inherited) {
    listening_place place{address};
    if (inherited) {
        place.inherited = &inherited;
    } else if (on.executors().size() > 1) {
        // Two processes that both share a port would take each other's clients without a word. Who
        // does not share it is told that it is in use.
        const listening_socket alone(on.first(), place);
        place.sharing = port_sharing::on;
    }
    const auto shortage = std::make_shared<resource_shortage>();
    for (const auto& executor : on.executors()) {
        acceptors_.push_back(
            std::make_shared<acceptor>(executor, on.one_thread_each(), place, context, shortage));
        place.address = this->address(); // a port 0 is resolved
    }
}

void address_listener::start() {
    for (const auto& each : acceptors_) each->start();
}

void address_listener::change(const std::shared_ptr<const session_context>& context) {
    for (const auto& each : acceptors_) each->change(context);
}

void address_listener::close() noexcept {
    for (const auto& each : acceptors_) each->close();
}

bool address_listener::works() const noexcept {
    return std::all_of(acceptors_.begin(), acceptors_.end(),
                       [](const auto& each) { return each->works(); });
}

} // namespace finpost::detail
