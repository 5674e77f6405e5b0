#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace finpost::detail {

/// The content codings that a request asks for, and so those a response may have (RFC 9110
/// §12.5.3). finpost decodes none: what comes coded is handed on as it is, to a device whose owner
/// has asked for it.
class content_codings {
public:
    /// None: `Accept-Encoding: identity`.
    content_codings() = default;
    /// What the value of an Accept-Encoding field names, but for what it gives no weight.
    explicit content_codings(std::string_view accepted);

    /// Whether all codings in the value of a Content-Encoding field were asked for.
    bool cover(std::string_view applied) const;

private:
    bool accepts(std::string_view coding) const;

    std::vector<std::string> named_;
    bool any_ = false;
};

} // namespace finpost::detail
