#pragma once

#include "finpost/endpoint.hpp"
#include "finpost/export.hpp"
#include "finpost/result.hpp"

#include <string>
#include <string_view>

namespace finpost {

/// The two forms of the PROXY protocol (haproxy.org, proxy-protocol.txt): a line of text, or
/// binary.
enum class proxy_version { v1, v2 };

/// "v1", "v2".
FINPOST_EXPORT std::string_view to_string(proxy_version value) noexcept;
/// Reads "v1" or "v2", and nothing else.
FINPOST_EXPORT parsed<proxy_version> parse_proxy_version(std::string_view word);

/// What stands before everything else on a connection that is made for somebody: whose it really is
/// (`source`) and where that one connected to (`destination`). Where one is IPv4 and the other
/// IPv6, the former is written as an IPv4-mapped address, since a header has one family.
FINPOST_EXPORT std::string proxy_header(proxy_version version, const socket_address& source,
                                        const socket_address& destination);

} // namespace finpost
