#include "policy/address_filter.hpp"

#include <algorithm>
#include <utility>

namespace finpost::detail {

namespace {

bool contains(const std::vector<network>& list, const socket_address& peer) noexcept {
    return std::any_of(list.begin(), list.end(),
                       [&peer](const network& block) { return block.contains(peer); });
}

} // namespace

address_filter::address_filter(std::vector<network> allow, std::vector<network> deny)
    : allow_(std::move(allow)), deny_(std::move(deny)) {}

bool address_filter::admits(const socket_address& peer) const noexcept {
    return !contains(deny_, peer) && (allow_.empty() || contains(allow_, peer));
}

client_kind kind_of_client(const socket_address& peer, const address_filter& filter,
                           const std::vector<network>& proxies) noexcept {
    if (contains(proxies, peer)) return client_kind::proxy;
    return filter.admits(peer) ? client_kind::direct : client_kind::denied;
}

} // namespace finpost::detail
