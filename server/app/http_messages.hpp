#pragma once

#include "small_http_server.hpp"

#include "finpost/error.hpp"

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>

namespace finpost {

/// The response that says `answer`.
boost::beast::http::response<boost::beast::http::string_body> make_response(http_answer answer,
                                                                            bool keep_alive);

/// The status for a request that could not be read: 400, 413, 414 or 431; 0 when the connection has
/// ended and nobody is there to be told. `so_far` is what was read of it.
unsigned status_for(const error_code& failed,
                    const boost::beast::http::request<boost::beast::http::string_body>& so_far);

/// The status for a request that was read and is none; 0 when it is one.
unsigned fault_of(const boost::beast::http::request<boost::beast::http::string_body>& read);

/// The answer that says a status and nothing else.
http_answer plain_answer(unsigned status);

} // namespace finpost
