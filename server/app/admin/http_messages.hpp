#pragma once

#include "admin/http_query.hpp"
#include "upstream/chunk_decoder.hpp"

#include "finpost/error.hpp"
#include "finpost/payload.hpp"

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace finpost {

/// A request's body in chunks, in pieces of any size. Not by Beast, whose parser fails an assertion
/// when the last chunk comes in pieces: so anybody who reaches the port could end the process.
class chunked_body {
public:
    using state = detail::chunk_decoder::state;

    /// With at most `most` bytes.
    explicit chunked_body(std::uint64_t most) : chunks_(most) {}

    /// The next bytes, while there is `more` to come; how many of them belong to the body.
    std::size_t take(std::span<const std::byte> bytes);

    state reading() const noexcept { return reading_; }
    /// When done.
    std::string text() const { return std::string(body_.text()); }
    /// When failed: 400 or 413.
    unsigned status() const noexcept;

private:
    detail::chunk_decoder chunks_;
    payload raw_, body_;
    state reading_ = state::more;
};

/// The response that says `answer`.
boost::beast::http::response<boost::beast::http::string_body> make_response(http_answer answer,
                                                                            bool keep_alive);

/// The status for a request that could not be read: 400, 413, 414 or 431; 0 when the connection has
/// ended and nobody is there to be told. `so_far` is what was read of it.
unsigned status_for(const error_code& failed,
                    const boost::beast::http::request<boost::beast::http::string_body>& so_far);

/// What a request line asks for, in whichever form (RFC 9112 §3.2).
struct target_parts {
    bool absolute = false; ///< "http://host:port/path?query"; what follows is empty otherwise
    std::string scheme, authority;
    std::string path; ///< with the query
};
target_parts parts_of(std::string_view target);

/// "localhost" or a loopback address, with any port or none.
bool is_local_name(std::string_view authority);

/// The status for a request that was read and is none, or is not for this server; 0 when it is one.
/// `local_names_only`: see `small_http_server::limits`.
unsigned fault_of(const boost::beast::http::request<boost::beast::http::string_body>& read,
                  bool local_names_only);

/// The answer that says a status and nothing else.
http_answer plain_answer(unsigned status);

} // namespace finpost
