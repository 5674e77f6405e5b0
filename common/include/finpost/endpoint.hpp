#pragma once

#include "finpost/export.hpp"
#include "finpost/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

struct sockaddr;

namespace finpost {

/// An IPv4 or IPv6 address with a port: what a socket is bound or connected to.
///
/// A small value that needs no Asio header. An IPv4-mapped IPv6 address is kept as IPv4.
class FINPOST_EXPORT socket_address {
public:
    /// `0.0.0.0:0`.
    socket_address() noexcept;

    /// Copies a `sockaddr_in` or `sockaddr_in6`; any other family gives the default value.
    socket_address(const sockaddr* address, std::size_t size) noexcept;

    /// A `sockaddr_in` or `sockaddr_in6`, and its size in bytes.
    const sockaddr* data() const noexcept;
    std::size_t size() const noexcept;

    bool is_v6() const noexcept;
    /// In host byte order. 0: any free port where it is bound, none where it is connected to.
    std::uint16_t port() const noexcept;
    void port(std::uint16_t value) noexcept;
    /// In 127.0.0.0/8, or ::1.
    bool is_loopback() const noexcept;

    /// "127.0.0.1" or "2001:db8::1", without brackets; a scope is left out.
    std::string host() const;

    friend FINPOST_EXPORT bool operator==(const socket_address& a,
                                          const socket_address& b) noexcept;

private:
    alignas(8) std::array<unsigned char, 28> storage_; // a sockaddr_in6 at the most
};

/// "127.0.0.1:5000" or "[2001:db8::1]:5000".
FINPOST_EXPORT std::string to_string(const socket_address& address);

/// A host (name or address) and a port as a person writes them.
struct host_port {
    std::string host;       ///< a name, or an address without brackets
    std::uint16_t port = 0; ///< in host byte order
    friend bool operator==(const host_port&, const host_port&) = default;
};

/// As `parse_host_port` reads it: "device.test:5000" or "[2001:db8::1]:5000".
FINPOST_EXPORT std::string to_string(const host_port& place);

/// What is wrong with a host that ends in a number, as 127.1, 0x7f.0.0.1, 2130706433 and
/// 127.000.000.010 do: a system's resolver takes it for an address, in octal or hexadecimal too,
/// and so perhaps for another one than was meant. Only four decimal numbers without leading zeros
/// are an address, and any other host has nothing wrong with it here: the text is empty then.
FINPOST_EXPORT std::string wrong_address(std::string_view host);

/// Reads `HOST:PORT`, `A.B.C.D:PORT` or `[IPv6]:PORT`. The port is decimal, 0 to 65535.
/// An IPv6 address without brackets and a `wrong_address` are errors that say so.
FINPOST_EXPORT parsed<host_port> parse_host_port(std::string_view text);

/// Reads an address to bind or connect to: a literal IPv4 or IPv6 address with a port, no name.
FINPOST_EXPORT parsed<socket_address> parse_socket_address(std::string_view text);

/// Where an HTTP service is: a URL taken apart (RFC 3986, RFC 9110 §4.2).
struct http_url {
    /// "http" or "https".
    std::string scheme;
    /// A name, or an address without brackets; never empty.
    std::string host;
    /// 1 to 65535; 80 or 443 where the URL has none.
    std::uint16_t port = 0;
    /// Path and query, at least "/": what the request line carries.
    std::string target;
    /// The host, and the port unless it is the default: what the Host field carries.
    std::string authority;
    friend bool operator==(const http_url&, const http_url&) = default;
};

/// Reads an absolute `http://` or `https://` URL. A user name, a password, a fragment, an empty
/// host, port 0, a `wrong_address` and any control character are errors. No message repeats what
/// may be a secret.
FINPOST_EXPORT parsed<http_url> parse_http_url(std::string_view text);

/// The URL as text, normalised: "http://127.0.0.1:3000/upload".
FINPOST_EXPORT std::string to_string(const http_url& url);

/// A URL, or a part of one from the path on, as others may see it: with asterisks for a user name
/// and password, for the value of each query parameter (unless it is one name in braces), for a
/// fragment, and for what looks like a key in the path, as webhooks have it (20 letters and digits
/// in a row, or as many in all with four digits among them).
FINPOST_EXPORT std::string masked_url(std::string_view text);

} // namespace finpost
