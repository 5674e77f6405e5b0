#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace finpost {

class request;
struct http_url;

/// The part of a request's head that is the same for every exchange with an endpoint: request line,
/// Host, User-Agent, Content-Type.
std::string fixed_head(const http_url& url, std::string_view content_type);

/// The whole head of the POST that carries `asked`, up to and including the empty line.
/// `parent` is the random part of traceparent (W3C Trace Context §3.2) and must not be zero.
std::string request_head(std::string_view fixed, const request& asked, std::uint64_t parent);

} // namespace finpost
