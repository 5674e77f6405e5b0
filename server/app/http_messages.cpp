#include "http_messages.hpp"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/field.hpp>
#include <boost/beast/http/status.hpp>

#include <utility>

namespace http = boost::beast::http;

namespace finpost {

http::response<http::string_body> make_response(http_answer answer, bool keep_alive) {
    http::response<http::string_body> out(static_cast<http::status>(answer.status), 11);
    out.set(http::field::content_type, answer.content_type);
    if (!answer.allow.empty()) out.set(http::field::allow, answer.allow);
    out.keep_alive(keep_alive);
    out.body() = std::move(answer.body);
    out.prepare_payload();
    return out;
}

unsigned status_for(const error_code& failed, const http::request<http::string_body>& so_far) {
    if (failed == http::error::body_limit) return 413;
    if (failed == http::error::header_limit || failed == http::error::buffer_overflow)
        return so_far.target().empty() ? 414 : 431; // not even the request line came to its end
    if (failed == http::error::end_of_stream || failed == http::error::partial_message) return 0;
    const error_code of_parser = http::error::bad_method;
    return failed.category() == of_parser.category() ? 400 : 0;
}

// RFC 9112 §3.2: exactly one Host field in HTTP/1.1.
unsigned fault_of(const http::request<http::string_body>& read) {
    return read.version() == 11 && read.count(http::field::host) != 1 ? 400 : 0;
}

http_answer plain_answer(unsigned status) {
    http_answer out;
    out.status = status;
    out.body = std::string(http::obsolete_reason(static_cast<http::status>(status))) + '\n';
    return out;
}

} // namespace finpost
