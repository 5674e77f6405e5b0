#pragma once

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace finpost {

/// One HTTP request, read whole.
struct http_query {
    std::string method;       ///< "GET"; after "HEAD" no body of the answer is sent
    std::string target;       ///< path and query, also when the whole URL was on the request line
    std::string content_type; ///< empty when there is none
    std::string body;
};

/// The body of an answer that is too large for memory. It is read from its beginning to its end.
class answer_source {
public:
    virtual ~answer_source() = default;
    virtual std::uint64_t size() const noexcept = 0;
    /// Reads bytes from `offset` on, as many as there are and `into` takes, and says how many. 0:
    /// they cannot be read, and the connection is cut. `into` stays until then.
    virtual boost::asio::awaitable<std::size_t> read(std::uint64_t offset,
                                                     std::span<std::byte> into) = 0;
};

/// What is answered.
struct http_answer {
    unsigned status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
    std::string allow; ///< the Allow field, for a 405
    /// In the place of `body`, when there is one.
    std::shared_ptr<answer_source> source = {};
};

} // namespace finpost
