#pragma once

#include "finpost/endpoint.hpp"
#include "finpost/export.hpp"
#include "finpost/result.hpp"

#include <array>
#include <string>
#include <string_view>

namespace finpost {

/// A block of IPv4 or IPv6 addresses: an address and how many of its leading bits matter (RFC 4632
/// §3.1, RFC 4291 §2.3).
///
/// As in `socket_address`, what is IPv4-mapped counts as IPv4: `10.0.0.0/8` is the same network
/// written either way, and `::/0` has no IPv4 address in it.
class FINPOST_EXPORT network {
public:
    /// The first `length` bits of `address`; the other bits and the port are dropped. 0: all
    /// addresses of the family. More than the address has, 32 or 128: the address alone.
    network(const socket_address& address, unsigned length) noexcept;

    /// False for an address of the other family. The port does not matter.
    bool contains(const socket_address& address) const noexcept;

    bool is_v6() const noexcept { return v6_; }
    /// The leading bits that matter: 0 to 32, or 0 to 128 of IPv6.
    unsigned length() const noexcept { return length_; }
    /// The lowest address, with port 0.
    socket_address first() const noexcept;

    friend bool operator==(const network&, const network&) = default;

private:
    std::array<unsigned char, 16> prefix_{}; // an IPv4 prefix has the first four
    unsigned length_;
    bool v6_;
};

/// "10.0.0.0/8" or "2001:db8::/32".
FINPOST_EXPORT std::string to_string(const network& block);

/// Reads `ADDRESS/BITS`, or an address alone, which is a network of one. An address with bits set
/// behind the prefix is an error that says which network was meant: `10.0.0.1/8` may be a typing
/// error in either half.
FINPOST_EXPORT parsed<network> parse_network(std::string_view text);

} // namespace finpost
