#include "policy/address_filter.hpp"

#include <algorithm>
#include <utility>

namespace finpost {

bool contains(const std::vector<network>& list, const socket_address& peer) noexcept {
    return std::any_of(list.begin(), list.end(),
                       [&peer](const network& one) { return one.contains(peer); });
}

address_filter::address_filter(std::vector<network> allow, std::vector<network> deny)
    : allow_(std::move(allow)), deny_(std::move(deny)) {}

bool address_filter::admits(const socket_address& peer) const noexcept {
    return !contains(deny_, peer) && (allow_.empty() || contains(allow_, peer));
}

} // namespace finpost
