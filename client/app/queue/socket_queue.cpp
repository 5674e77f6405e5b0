#include "queue/socket_queue.hpp"

#include "control/queue_json.hpp"
#include "quoted.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/error.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <chrono>
#include <exception>
#include <utility>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace json = boost::json;

namespace finpost {

namespace {

using unix_stream = asio::local::stream_protocol;
constexpr std::chrono::seconds patience{60};
constexpr std::uint64_t longest_answer = 64 << 20; // a page of rows with long words in them

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') ||
                           (byte >= 'A' && byte <= 'Z') || c == '-' || c == '.' || c == '_';
        if (plain)
            out += c;
        else
            ((out += '%') += digits[byte >> 4]) += digits[byte & 15];
    }
    return out;
}

std::string list_target(const queue_filter& filter, std::uint64_t after) {
    std::string target = "/payloads?after=" + std::to_string(after);
    if (filter.state) (target += "&state=") += to_string(*filter.state);
    if (filter.listener) (target += "&listener=") += percent_encoded(*filter.listener);
    if (filter.upstream) (target += "&upstream=") += percent_encoded(*filter.upstream);
    return target;
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

} // namespace

// One question and its answer. Whatever is begun ends in time.
class socket_queue::connection {
public:
    explicit connection(socket_queue& of) : loop_(of.loop_), path_(of.path_), stream_(of.loop_) {}

    error_code send(const std::string& target, const std::string& body) {
        error_code failed =
            wait([&](auto done) { stream_.async_connect(unix_stream::endpoint(path_), done); });
        if (failed) return failed;
        http::request<http::string_body> out(body.empty() ? http::verb::get : http::verb::post,
                                             target, 11);
        out.set(http::field::host, "localhost");
        if (!body.empty()) out.set(http::field::content_type, "application/json");
        out.keep_alive(false);
        out.body() = body;
        out.prepare_payload();
        return wait([&](auto done) {
            http::async_write(stream_, out, [done](error_code ec, std::size_t) { done(ec); });
        });
    }
    template <class Parser>
    error_code read_header(Parser& into) {
        return wait([&](auto done) {
            http::async_read_header(stream_, buffer_, into,
                                    [done](error_code ec, std::size_t) { done(ec); });
        });
    }
    template <class Parser>
    error_code read(Parser& into) {
        return wait([&](auto done) {
            http::async_read(stream_, buffer_, into,
                             [done](error_code ec, std::size_t) { done(ec); });
        });
    }

private:
    template <class Begin>
    error_code wait(const Begin& begin) {
        bool ended = false;
        error_code failed;
        stream_.expires_after(patience);
        begin([&](error_code ec) { failed = ec, ended = true; });
        loop_.restart();
        while (!ended && loop_.run_one() > 0) continue;
        return failed;
    }

    asio::io_context& loop_;
    const std::string& path_;
    beast::basic_stream<unix_stream> stream_;
    beast::flat_buffer buffer_;
};

parsed<std::unique_ptr<socket_queue>> socket_queue::connect(const std::string& directory) {
    std::string path = directory + "/control.sock";
    if (path.size() >= sizeof(sockaddr_un::sun_path))
        return parse_error{directory + ": is too long: a path of 94 bytes has room for a socket"};
    asio::io_context loop;
    unix_stream::socket probe(loop);
    error_code failed;
    probe.connect(unix_stream::endpoint(path), failed);
    if (failed == asio::error::connection_refused || failed.value() == ENOENT)
        return std::unique_ptr<socket_queue>();
    if (failed) return parse_error{path + ": cannot be connected to: " + failed.message()};
    return std::make_unique<socket_queue>(std::move(path));
}

parse_error socket_queue::problem(const std::string& what) const { return {path_ + ": " + what}; }

parsed<socket_queue::answer> socket_queue::ask(const std::string& target, const std::string& body) {
    connection to(*this);
    http::response_parser<http::string_body> parser;
    parser.body_limit(longest_answer);
    error_code failed = to.send(target, body);
    if (!failed) failed = to.read(parser);
    if (failed) {
        const std::string what = failed == beast::error::timeout
                                     ? "the gateway does not answer within 60s"
                                     : "the gateway broke off: " + failed.message();
        return problem(body.empty() ? what : what + ": it is not known whether it was done");
    }
    return answer{parser.get().result_int(), std::move(parser.get().body())};
}

parsed<json::object> socket_queue::ask_object(const std::string& target, const std::string& body) {
    const auto got = ask(target, body);
    if (!got) return got.error();
    if (got->status != 200)
        return problem("the gateway answers " + std::to_string(got->status) + ": " +
                       detail::printable(first_line(got->body)));
    auto read = parse_object(got->body);
    if (!read) return problem("the answer of the gateway " + read.error().message);
    return read;
}

parsed<json::object> socket_queue::stats() { return ask_object("/queue"); }

parsed<queue_rows> socket_queue::list(const queue_filter& filter, std::uint64_t after) {
    auto page = ask_object(list_target(filter, after));
    if (!page) return page.error();
    try {
        queue_rows out;
        for (json::value& each : page->at("payloads").as_array())
            out.rows.push_back(std::move(each.as_object()));
        const json::value& next = page->at("next");
        if (!next.is_null()) out.next = next.to_number<std::uint64_t>();
        if (out.next != 0 && out.next <= after) return problem("the list of the gateway goes back");
        return out;
    } catch (const std::exception&) {
        return problem("the answer of the gateway is no list");
    }
}

parsed<std::optional<json::object>> socket_queue::show(const request_id& id) {
    const auto got = ask("/payloads/" + std::string(id.text()));
    if (!got) return got.error();
    if (got->status == 404) return std::optional<json::object>();
    if (got->status != 200)
        return problem("the gateway answers " + std::to_string(got->status) + ": " +
                       detail::printable(first_line(got->body)));
    auto read = parse_object(got->body);
    if (!read) return problem("the answer of the gateway " + read.error().message);
    return std::optional<json::object>(std::move(*read));
}

parsed<bool> socket_queue::read(const request_id& id, const take_bytes& take) {
    connection to(*this);
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(boost::none);
    std::uint64_t at = 0;
    error_code failed = to.send("/payloads/" + std::string(id.text()) + "/body", {});
    if (!failed) failed = to.read_header(parser);
    const unsigned status = failed ? 0 : parser.get().result_int();
    if (status == 404) return false;
    if (!failed && status != 200) return problem("the gateway answers " + std::to_string(status));
    std::array<std::byte, piece_size> piece{};
    while (!failed && !parser.is_done()) {
        parser.get().body().data = piece.data();
        parser.get().body().size = piece.size();
        failed = to.read(parser);
        if (failed == http::error::need_buffer) failed = {};
        const std::size_t n = piece.size() - parser.get().body().size;
        at += n; // of a piece that is cut as well, for the message
        if (failed) break;
        const auto taken = take(std::span<const std::byte>(piece).first(n));
        if (!taken) return taken.error();
    }
    if (failed)
        return problem("the gateway broke off at byte " + std::to_string(at) + " of " +
                       std::string(id.text()) + ": " + failed.message());
    return true;
}

parsed<std::size_t> socket_queue::change(const std::string& what,
                                         const std::vector<request_id>& ids) {
    const auto done =
        ask_object(what == "replayed" ? "/replay" : "/drop", json::serialize(ids_to_json(ids)));
    if (!done) return done.error();
    const json::value* const n = done->if_contains(what);
    if (n == nullptr || !n->is_number())
        return problem("the answer of the gateway is not understood: it is not known whether it "
                       "was done");
    return n->to_number<std::size_t>();
}

parsed<std::size_t> socket_queue::replay(const std::vector<request_id>& ids) {
    return change("replayed", ids);
}

parsed<std::size_t> socket_queue::drop(const std::vector<request_id>& ids) {
    return change("dropped", ids);
}

} // namespace finpost
