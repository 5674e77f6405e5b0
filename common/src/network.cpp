#include "finpost/network.hpp"

#include "quoted.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace finpost {

using namespace detail;

namespace {

using bytes = std::array<unsigned char, 16>;

bytes bytes_of(const socket_address& address) noexcept {
    bytes out{};
    if (address.is_v6()) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, address.data(), sizeof v6);
        std::memcpy(out.data(), &v6.sin6_addr, 16);
    } else {
        sockaddr_in v4{};
        std::memcpy(&v4, address.data(), sizeof v4);
        std::memcpy(out.data(), &v4.sin_addr, 4);
    }
    return out;
}

socket_address address_of(const bytes& from, bool v6) noexcept {
    if (v6) {
        sockaddr_in6 out{};
        out.sin6_family = AF_INET6;
        std::memcpy(&out.sin6_addr, from.data(), 16);
        return {reinterpret_cast<const sockaddr*>(&out), sizeof out};
    }
    sockaddr_in out{};
    out.sin_family = AF_INET;
    std::memcpy(&out.sin_addr, from.data(), 4);
    return {reinterpret_cast<const sockaddr*>(&out), sizeof out};
}

unsigned char mask_of(unsigned bits) noexcept {
    return static_cast<unsigned char>(0xff00u >> std::min(bits, 8u));
}

bytes masked(bytes all, unsigned length) noexcept {
    for (unsigned i = 0; i < all.size(); ++i)
        all[i] &= mask_of(length > 8 * i ? length - 8 * i : 0);
    return all;
}

struct literal {
    bytes address{};
    bool v6 = false;
};

std::optional<literal> read_literal(const std::string& text) {
    literal out;
    if (inet_pton(AF_INET, text.c_str(), out.address.data()) == 1) return out;
    out.v6 = true;
    if (inet_pton(AF_INET6, text.c_str(), out.address.data()) == 1) return out;
    return std::nullopt;
}

} // namespace

network::network(const socket_address& address, unsigned length) noexcept
    : length_(std::min(length, address.is_v6() ? 128u : 32u)), v6_(address.is_v6()) {
    prefix_ = masked(bytes_of(address), length_);
}

bool network::contains(const socket_address& address) const noexcept {
    return address.is_v6() == v6_ && masked(bytes_of(address), length_) == prefix_;
}

socket_address network::first() const noexcept { return address_of(prefix_, v6_); }

std::string to_string(const network& block) {
    return block.first().host() + '/' + std::to_string(block.length());
}

parsed<network> parse_network(std::string_view text) {
    const auto wrong = [&](const std::string& what) {
        return parse_error{in_quotes(text) + ' ' + what};
    };
    const std::size_t slash = std::min(text.find('/'), text.size());
    // A NUL would end the text for inet_pton.
    const std::string host(text.substr(0, slash));
    const auto read = host.find('\0') == host.npos ? read_literal(host) : std::nullopt;
    if (!read) return wrong("is not a network: expected an IPv4 or IPv6 address, or ADDRESS/BITS");
    const unsigned most = read->v6 ? 128 : 32;
    unsigned length = most;
    if (slash < text.size()) {
        const char* const end = text.data() + text.size();
        const auto [stop, ec] = std::from_chars(text.data() + slash + 1, end, length);
        if (ec != std::errc{} || stop != end || length > most)
            return wrong("has no valid prefix length (0 to " + std::to_string(most) + ')');
    }
    const bytes kept = masked(read->address, length);
    if (kept != read->address) {
        char first[INET6_ADDRSTRLEN];
        inet_ntop(read->v6 ? AF_INET6 : AF_INET, kept.data(), first, sizeof first);
        return wrong("has bits set behind its prefix: expected " + std::string(first) + '/' +
                     std::to_string(length));
    }
    const socket_address address = address_of(kept, read->v6);
    // What was written as IPv4-mapped has become IPv4, and 96 bits of its prefix with it: it cannot
    // have had fewer, or some of the bits that make it mapped would stand behind the prefix.
    return network(address, read->v6 && !address.is_v6() ? length - 96 : length);
}

} // namespace finpost
