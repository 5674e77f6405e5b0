#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace finpost {

/// What the head of a response says about the connection and the body behind it (RFC 9112 §4-§6).
struct response_head {
    int status = 0;            ///< 100 to 599
    bool http_1_0 = false;
    bool keep_alive = false;   ///< the connection may carry another exchange
    bool chunked = false;      ///< Transfer-Encoding is exactly "chunked"
    std::optional<std::uint64_t> length; ///< Content-Length
};

/// Reads the head of a response, from its status line to its empty line. Nothing when it is not what
/// RFC 9112 allows, or is allowed but ambiguous: a bare CR or LF, a folded line, white space before a
/// colon, a control character, a version other than 1.0 and 1.1, a status outside 100-599, a second
/// Content-Length, one that is not digits only, another transfer coding than chunked, chunked in
/// HTTP/1.0, or both a length and a coding.
///
/// Beside Beast, whose parser builds a map of all fields for the four that matter here, and lets pass
/// half of what is refused here: that was a tenth of an exchange's instructions and the checks had to be
/// made all the same.
std::optional<response_head> read_response_head(std::string_view head);

} // namespace finpost
