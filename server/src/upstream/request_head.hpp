#pragma once

#include "upstream/request_template.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace finpost {
class request;
struct http_url;
struct upstream_config;
} // namespace finpost

namespace finpost::detail {

/// The part of a request's head that the configuration decides: request line, Host, User-Agent,
/// Content-Type, Accept-Encoding and header fields of the user's own. Without templates it is one
/// text, the same for every exchange with an endpoint.
class head_opening {
public:
    /// `config` has been validated; `templates` are its own.
    head_opening(const http_url& url, const upstream_config& config,
                 const request_templates& templates);

    void append_to(std::string& head, const request& request) const;
    /// About how much that is.
    std::size_t size() const noexcept { return size_; }

private:
    void add(std::string_view text) { pieces_.back().text += text; }
    void add_template(const template_pieces& pieces, bool in_path);

    struct piece {
        std::string text;
        request_value value = request_value::none; // behind the text
        bool in_path = false;
    };
    std::vector<piece> pieces_;
    std::size_t size_ = 0;
};

/// The whole head of the HTTP request that carries `request`, up to and including the empty line.
/// `parent` is the random part of traceparent (W3C Trace Context §3.2) and must not be zero.
std::string request_head(const head_opening& opening, const request& request, std::uint64_t parent);

/// A random number for `parent`.
std::uint64_t random_parent();

/// What Accept-Encoding says: `identity`, unless header fields of the user's say else.
std::string accept_encoding(const upstream_config& config);

/// The whole head of a health check: a GET of `path` on a connection for it alone.
std::string health_head(const http_url& url, std::string_view path);

} // namespace finpost::detail
