// A request to the admin port, from the first byte to the answer. Its server reads heads with
// Beast, in a coroutine; here the same parser is given the bytes by hand, and what is decided about
// them is the server's.

#include "admin/admin.hpp"

#include "admin/http_messages.hpp"
#include "ascii.hpp"
#include "control/control_request.hpp"
#include "fuzz.hpp"

#include "finpost/request_id.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json.hpp>

#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace http = boost::beast::http;
using namespace finpost;
using namespace finpost::detail;
using namespace finpost::fuzz;

namespace {

using request_parser = http::request_parser<http::string_body>;
constexpr std::uint64_t most_body = 20;

struct answered {
    unsigned status = 0;
    bool keep_alive = false, head_only = false;
    http_query query;
    std::string bytes;
    friend bool operator==(const answered& a, const answered& b) {
        // Beast looks at once at what has come first, and then not again before there is an empty
        // line, or too much without one. What is wrong in several ways is refused for one of them.
        const auto refused = [](unsigned one) { return one == 400 || one == 414 || one == 431; };
        if (refused(a.status) && refused(b.status)) return a.keep_alive == b.keep_alive;
        return a.status == b.status && a.keep_alive == b.keep_alive && a.bytes == b.bytes &&
               a.query.target == b.query.target && a.query.method == b.query.method;
    }
};

const admin_view& view() {
    static const admin_view made{
        [] { return std::string(); }, [] { return std::string("finpost_up 1\n"); },
        [](std::size_t most) {
            must(most == sessions_shown, "no more are asked for than are shown");
            const request_id id(std::chrono::milliseconds(1), 2, 3);
            return std::vector<session_view>{
                {id, {}, {}, session_stage::receive, std::chrono::seconds(1), 4, 5}};
        },
        [] { return std::size_t{1}; }, [] { return std::string("threads = 1\n"); }};
    return made;
}

// The control socket of a queue has the same server, and other pages.
void look_at_control(const http_query& query) {
    const control_request asked = read_control_request(query);
    using action = control_request::action;
    if (asked.what == action::refuse)
        must(asked.refusal.status >= 400 && asked.refusal.body.ends_with('\n'), "a refusal");
    if (asked.what == action::drop || asked.what == action::replay)
        must(!asked.filter.ids.empty() && asked.page.most == asked.filter.ids.size(),
             "nothing is changed that is not named");
    if (asked.what == action::list)
        must(asked.page.most >= 1 && asked.page.most <= longest_control_page, "a page is bounded");
    if (asked.what == action::show || asked.what == action::body)
        must(asked.id.has_value(), "which one");
}

// Parses what has come, then the next piece, then the end, until `done`.
template <class Done>
boost::system::error_code parse(std::string_view& left, splits& where,
                                boost::beast::flat_buffer& buffer, request_parser& parser,
                                Done done) {
    boost::system::error_code failed;
    while (!done()) {
        failed = http::error::need_more;
        if (buffer.size() > 0) buffer.consume(parser.put(buffer.data(), failed));
        if (failed && failed != http::error::need_more) return failed;
        if (!failed || done()) continue;
        if (left.empty()) {
            if (!parser.got_some()) return http::error::end_of_stream;
            failed = {};
            parser.put_eof(failed);
            return failed;
        }
        const std::size_t n = where.next(left.size());
        buffer.commit(
            boost::asio::buffer_copy(buffer.prepare(n), boost::asio::buffer(left.data(), n)));
        left.remove_prefix(n);
    }
    return {};
}

// The status of a request that is none, 0 of one that is; nothing where the connection has ended.
std::optional<unsigned> read(std::string_view& left, splits& where,
                             boost::beast::flat_buffer& buffer, request_parser& parser,
                             bool local_names_only) {
    auto failed = parse(left, where, buffer, parser, [&parser] { return parser.is_header_done(); });
    if (!failed && parser.chunked()) {
        chunked_body body(most_body);
        for (;;) {
            const auto here = buffer.cdata();
            buffer.consume(body.take({static_cast<const std::byte*>(here.data()), here.size()}));
            if (body.reading() != chunked_body::state::more) break;
            if (left.empty()) return std::nullopt;
            const std::size_t n = where.next(left.size());
            buffer.commit(
                boost::asio::buffer_copy(buffer.prepare(n), boost::asio::buffer(left.data(), n)));
            left.remove_prefix(n);
        }
        if (body.reading() == chunked_body::state::failed) return body.status();
        must(body.text().size() <= most_body, "a body has its limit");
    } else if (!failed) {
        parser.eager(true);
        failed = parse(left, where, buffer, parser, [&parser] { return parser.is_done(); });
    }
    if (!failed) return fault_of(parser.get(), local_names_only);
    const unsigned status = status_for(failed, parser.get());
    return status != 0 ? std::optional(status) : std::nullopt;
}

std::string written(const http::response<http::string_body>& out, bool head_only) {
    std::ostringstream text;
    if (head_only)
        text << out.base();
    else
        text << out;
    return text.str();
}

// The loop of a connection.
std::vector<answered> answers(std::string_view text, splits where, bool local_names_only) {
    std::vector<answered> all;
    boost::beast::flat_buffer buffer;
    for (bool more = true; more;) {
        request_parser parser;
        parser.body_limit(most_body);
        parser.header_limit(8 << 10);
        const auto status = read(text, where, buffer, parser, local_names_only);
        if (!status) break;
        answered one;
        one.status = *status;
        more = one.status == 0 && parser.keep_alive();
        one.keep_alive = more;
        one.head_only = parser.get().method() == http::verb::head;
        http_answer given;
        if (one.status != 0) {
            given = plain_answer(one.status);
        } else {
            one.query.method = std::string(parser.get().method_string());
            one.query.target = parts_of(parser.get().target()).path;
            given = answer_admin(one.query, view());
            look_at_control(one.query);
            one.status = given.status;
        }
        one.bytes = written(make_response(given, more), one.head_only);
        all.push_back(std::move(one));
    }
    return all;
}

void check_answer(const answered& one) {
    http::response_parser<http::string_body> parser;
    boost::system::error_code failed;
    parser.eager(true);
    parser.skip(one.head_only);
    parser.put(boost::asio::buffer(one.bytes), failed);
    must(!failed && parser.is_done(), "an answer is HTTP");
    must(parser.get().result_int() == one.status && parser.keep_alive() == one.keep_alive,
         "and says what was decided");
    const bool known = one.status == 200 || one.status == 404 || one.status == 405 ||
                       one.status == 400 || one.status == 413 || one.status == 414 ||
                       one.status == 421 || one.status == 431;
    must(known, "a status is one of few");
    if (one.status == 405)
        must(parser.get()[http::field::allow] == "GET, HEAD", "405 says what is allowed");
    if (one.head_only) return;
    must(!parser.get().body().empty(), "an answer has a body");
    if (one.status == 200 && parser.get()[http::field::content_type] == "application/json")
        must(boost::json::parse(parser.get().body()).is_object(), "sessions are JSON");
    if (one.status == 200)
        must(one.query.method == "GET" || one.query.method == "HEAD",
             "only GET and HEAD are answered");
}

void check_names(std::string_view text) {
    const target_parts parts = parts_of(text);
    if (parts.absolute) {
        must(text.starts_with(parts.scheme + "://" + parts.authority),
             "a URL is taken apart from its beginning");
        must(parts.path.starts_with('/'), "and a path is what is left");
    } else {
        must(parts.path == text && parts.authority.empty(), "else it is a path as it is");
    }
    if (!is_local_name(text)) return;
    std::string host(text);
    if (!host.ends_with(']') && host.find(':') != host.npos) {
        must(host.find_first_not_of("0123456789", host.rfind(':') + 1) == host.npos,
             "behind a host there is a port");
        host.resize(host.rfind(':'));
    }
    std::string lower = host;
    for (char& c : lower) c = ascii_lower(c);
    const auto address = parse_socket_address(host + ":1");
    must(lower == "localhost" || (address && address->is_loopback()) || host.find('%') != host.npos,
         "a local name is localhost, or a loopback address");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input from(data, size);
    const unsigned flags = from.byte();
    const splits where(from);
    std::string_view text = from.text();
    check_names(text);
    std::string longer;
    if ((flags & 6) == 6) { // beyond the limit on a head
        longer = text;
        longer.insert(std::min<std::size_t>(flags >> 3, text.size()), 8 << 10, 'a');
        text = longer;
    }
    auto whole = answers(text, {}, (flags & 1) != 0);
    const auto pieces = answers(text, where, (flags & 1) != 0);
    for (const answered& one : whole) check_answer(one);
    must(whole.size() <= text.size(), "a request has a byte at least");
    // What began as nonsense and ends without an empty line is refused, or has just ended.
    if (whole.size() == pieces.size() + 1 && whole.back().status == 400) whole.pop_back();
    must(whole == pieces, "pieces are answered as the whole is");
    return 0;
}
