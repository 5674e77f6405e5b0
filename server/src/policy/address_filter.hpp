#pragma once

#include "finpost/network.hpp"

#include <vector>

namespace finpost::detail {

/// Which addresses may connect at all. Empty lists let everybody in. Never changes: thread safe.
class address_filter {
public:
    /// With anything in `allow`, nobody else is let in; `deny` wins over it.
    address_filter(std::vector<network> allow, std::vector<network> deny);

    bool admits(const socket_address& peer) const noexcept;

private:
    std::vector<network> allow_, deny_;
};

/// What an address says of a client that has just connected.
enum class client_kind {
    direct, ///< it speaks for itself
    proxy,  ///< it says by a PROXY header for whom it speaks; the filter is asked then
    denied
};
client_kind kind_of_client(const socket_address& peer, const address_filter& filter,
                           const std::vector<network>& proxies) noexcept;

} // namespace finpost::detail
