#include "finpost/proxy_header.hpp"

#include "suggestion.hpp"

#include <array>
#include <cstring>

#include <netinet/in.h>

namespace finpost {

using namespace detail;

namespace {

constexpr std::size_t v4_size = 4, v6_size = 16;

// The address in network byte order, as wide as the header's family.
std::string binary_host(const socket_address& address, bool v6) {
    if (address.is_v6()) {
        sockaddr_in6 in{};
        std::memcpy(&in, address.data(), sizeof in);
        return {reinterpret_cast<const char*>(&in.sin6_addr), v6_size};
    }
    sockaddr_in in{};
    std::memcpy(&in, address.data(), sizeof in);
    const std::string host(reinterpret_cast<const char*>(&in.sin_addr), v4_size);
    return v6 ? std::string(10, '\0') + "\xff\xff" + host : host;
}

std::string text_host(const socket_address& address, bool v6) {
    return (v6 && !address.is_v6() ? "::ffff:" : "") + address.host();
}

void append_number(std::string& to, std::size_t value) {
    to += static_cast<char>(value >> 8);
    to += static_cast<char>(value & 0xff);
}

// Section 2.1.
std::string text_header(const socket_address& source, const socket_address& destination, bool v6) {
    return std::string("PROXY ") + (v6 ? "TCP6 " : "TCP4 ") + text_host(source, v6) + ' ' +
           text_host(destination, v6) + ' ' + std::to_string(source.port()) + ' ' +
           std::to_string(destination.port()) + "\r\n";
}

// Section 2.2.
std::string binary_header(const socket_address& source, const socket_address& destination,
                          bool v6) {
    constexpr char version_and_command = 0x21; // 2, PROXY
    constexpr char tcp4 = 0x11, tcp6 = 0x21;
    std::string out("\r\n\r\n\0\r\nQUIT\n", 12);
    out += version_and_command;
    out += v6 ? tcp6 : tcp4;
    append_number(out, 2 * (v6 ? v6_size : v4_size) + 4);
    out += binary_host(source, v6) + binary_host(destination, v6);
    append_number(out, source.port());
    append_number(out, destination.port());
    return out;
}

} // namespace

std::string_view to_string(proxy_version value) noexcept {
    return value == proxy_version::v1 ? "v1" : "v2";
}

parsed<proxy_version> parse_proxy_version(std::string_view word) {
    if (word == "v1") return proxy_version::v1;
    if (word == "v2") return proxy_version::v2;
    return unknown_word(word, std::array<std::string_view, 2>{"v1", "v2"});
}

std::string proxy_header(proxy_version version, const socket_address& source,
                         const socket_address& destination) {
    const bool v6 = source.is_v6() || destination.is_v6();
    return version == proxy_version::v1 ? text_header(source, destination, v6)
                                        : binary_header(source, destination, v6);
}

} // namespace finpost
