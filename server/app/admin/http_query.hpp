#pragma once

#include <string>

namespace finpost {

/// One HTTP request, read whole.
struct http_query {
    std::string method;       ///< "GET"; after "HEAD" no body of the answer is sent
    std::string target;       ///< path and query, also when the whole URL was on the request line
    std::string content_type; ///< empty when there is none
    std::string body;
};

/// What is answered.
struct http_answer {
    unsigned status = 200;
    std::string content_type = "text/plain; charset=utf-8";
    std::string body;
    std::string allow; ///< the Allow field, for a 405
};

} // namespace finpost
