#pragma once

#include "admin/http_query.hpp"
#include "admin/small_http_server.hpp"

#include <cstdint>
#include <memory>

namespace finpost {

/// The service behind `--demo`: HTTP over a real loopback socket in the same process, which answers
/// a POST with its own body and Content-Type. It takes bodies up to `max_body`. `tells`: each
/// request gets a line in the log, for nobody else sees what a queue delivers.
std::unique_ptr<small_http_server> make_demo_service(boost::asio::any_io_executor executor,
                                                     std::uint64_t max_body, bool tells,
                                                     logger log);

/// What it answers.
http_answer answer_demo(http_query query);

} // namespace finpost
