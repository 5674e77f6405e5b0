#include "admin/health_check.hpp"

#include "async/use_tuple_awaitable.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <cstring>
#include <exception>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace finpost {

namespace {

// Where a gateway on this machine that was told `admin` can be reached.
socket_address reachable(const socket_address& admin) {
    const std::string host = admin.host();
    if (host != "0.0.0.0" && host != "::") return admin;
    const char* const loopback = admin.is_v6() ? "[::1]:" : "127.0.0.1:";
    return parse_socket_address(loopback + std::to_string(admin.port())).value();
}

tcp::endpoint endpoint_of(const socket_address& address) {
    tcp::endpoint out;
    out.resize(address.size());
    std::memcpy(out.data(), address.data(), address.size());
    return out;
}

std::string said(const std::string& what, const boost::system::error_code& ec) {
    if (ec == beast::error::timeout) return what + ": no answer in time";
    return what + ": " + ec.message();
}

asio::awaitable<std::string> ask(beast::tcp_stream& stream, const socket_address& admin) {
    const std::string name = "admin port " + to_string(admin);
    const tcp::endpoint where = endpoint_of(admin);
    auto [refused] = co_await stream.async_connect(where, detail::use_plain_tuple_awaitable);
    if (refused) co_return said(name, refused);
    http::request<http::empty_body> question(http::verb::get, "/healthz", 11);
    question.set(http::field::host, to_string(admin));
    question.keep_alive(false);
    auto [unsent, sent] =
        co_await http::async_write(stream, question, detail::use_plain_tuple_awaitable);
    static_cast<void>(sent);
    if (unsent) co_return said(name, unsent);
    beast::flat_buffer buffer;
    http::response_parser<http::string_body> response;
    response.body_limit(64 << 10);
    auto [unread, got] =
        co_await http::async_read(stream, buffer, response, detail::use_plain_tuple_awaitable);
    static_cast<void>(got);
    if (unread) co_return said(name, unread);
    const unsigned status = response.get().result_int();
    if (status != 200) co_return name + ": /healthz answers " + std::to_string(status);
    co_return std::string();
}

} // namespace

std::string check_health(const std::optional<socket_address>& admin, duration limit) {
    if (!admin) return "there is no admin port to ask: --admin is off";
    if (admin->port() == 0) return "there is no admin port to ask: --admin names port 0";
    const socket_address where = reachable(*admin);
    asio::io_context io{1};
    beast::tcp_stream stream(io);
    stream.expires_after(limit);
    std::string cause = "no answer";
    const auto done = [&cause](std::exception_ptr failed, std::string said_by_it) {
        cause = failed ? "an internal error" : std::move(said_by_it);
    };
    asio::co_spawn(io, ask(stream, where), done);
    io.run();
    return cause;
}

} // namespace finpost
