#include "small_http_server.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>

#include <atomic>
#include <cstring>
#include <exception>
#include <map>
#include <utility>

#include <sys/socket.h>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace finpost {

namespace {

using error_code = boost::system::error_code;
constexpr auto as_result = asio::as_tuple(asio::use_awaitable);
constexpr std::uint32_t longest_header = 8 << 10;
constexpr std::chrono::steady_clock::duration back_off = std::chrono::milliseconds(100);
constexpr std::chrono::steady_clock::duration until_woken = std::chrono::hours(1);

using response = http::response<http::string_body>;

response make_response(http_answer answer, bool keep_alive) {
    response out(static_cast<http::status>(answer.status), 11);
    out.set(http::field::content_type, answer.content_type);
    if (!answer.allow.empty()) out.set(http::field::allow, answer.allow);
    out.keep_alive(keep_alive);
    out.body() = std::move(answer.body);
    out.prepare_payload();
    return out;
}

} // namespace

class small_http_server::state : public std::enable_shared_from_this<state> {
public:
    state(asio::any_io_executor executor, const socket_address& wanted, limits most,
          responder answer, logger log)
        : executor_(std::move(executor)), strand_(asio::make_strand(executor_)), acceptor_(strand_),
          timer_(strand_), most_(most), answer_(std::move(answer)), log_(std::move(log)) {
        listen_on(wanted);
    }

    void start() { asio::co_spawn(strand_, accept(), report(shared_from_this())); }

    void stop() {
        asio::post(strand_, [self = shared_from_this()] {
            self->stopped_ = true;
            error_code ignored;
            self->acceptor_.close(ignored);
            self->timer_.cancel();
            // Each stream belongs to its own strand.
            for (const auto& [key, stream] : self->streams_) {
                asio::post(stream->get_executor(), [stream] { stream->close(); });
            }
        });
    }

    socket_address address;

private:
    using stream_ptr = std::shared_ptr<beast::tcp_stream>;

    void listen_on(const socket_address& wanted) {
        try {
            tcp::endpoint endpoint;
            endpoint.resize(wanted.size());
            std::memcpy(endpoint.data(), wanted.data(), wanted.size());
            acceptor_.open(endpoint.protocol());
            acceptor_.set_option(tcp::acceptor::reuse_address(true));
            if (wanted.is_v6()) acceptor_.set_option(asio::ip::v6_only(true));
            acceptor_.bind(endpoint);
            acceptor_.listen();
            endpoint = acceptor_.local_endpoint();
            address = socket_address(endpoint.data(), endpoint.size());
        } catch (const boost::system::system_error& failed) {
            const std::string what = "cannot listen on " + to_string(wanted);
            throw boost::system::system_error(failed.code(), what);
        }
    }

    // Keeps the server alive as long as the coroutine, and reports a bug.
    static std::function<void(std::exception_ptr)> report(std::shared_ptr<state> self) {
        return [self = std::move(self)](std::exception_ptr failed) {
            if (!failed) return;
            try {
                std::rethrow_exception(failed);
            } catch (const std::exception& bug) {
                self->log_(log_level::error, "http connection failed", {{"what", bug.what()}});
            }
        };
    }

    asio::awaitable<void> accept() {
        while (!stopped_) {
            if (streams_.size() >= most_.connections) {
                co_await wait(until_woken); // by a connection that ends
                continue;
            }
            const asio::any_io_executor strand = asio::make_strand(executor_);
            auto [ec, socket] = co_await acceptor_.async_accept(strand, as_result);
            if (stopped_) break;
            if (ec) {
                co_await wait(back_off); // no descriptor, most likely: not a million times a second
                continue;
            }
            auto stream = std::make_shared<beast::tcp_stream>(std::move(socket));
            streams_.emplace(stream.get(), stream);
            asio::co_spawn(strand, serve(stream),
                           [ended = report(shared_from_this()), self = shared_from_this(),
                            stream](std::exception_ptr failed) {
                               ended(failed);
                               asio::post(self->strand_, [self, stream] { self->forget(stream); });
                           });
        }
    }

    asio::awaitable<void> wait(std::chrono::steady_clock::duration pause) {
        timer_.expires_after(pause);
        auto [ec] = co_await timer_.async_wait(as_result);
        static_cast<void>(ec);
    }

    void forget(const stream_ptr& stream) {
        streams_.erase(stream.get());
        timer_.cancel();
    }

    asio::awaitable<void> serve(stream_ptr stream) {
        beast::flat_buffer buffer;
        bool more = true;
        error_code ec;
        stream->socket().set_option(tcp::no_delay(true), ec);
        while (more && !stopped_) {
            http::request_parser<http::string_body> parser;
            parser.body_limit(most_.body);
            parser.header_limit(longest_header);
            stream->expires_after(most_.read);
            auto [failed, n] = co_await http::async_read(*stream, buffer, parser, as_result);
            static_cast<void>(n);
            const bool too_large = failed == http::error::body_limit;
            if (failed && !too_large) break;
            more = !failed && parser.keep_alive();
            http_answer given = too_large ? http_answer{413, "text/plain", "too large\n", {}}
                                          : ask(parser.get());
            const response out = make_response(std::move(given), more);
            stream->expires_after(most_.write);
            auto [cut, m] = co_await http::async_write(*stream, out, as_result);
            static_cast<void>(m);
            if (cut) break;
        }
        stream->socket().shutdown(tcp::socket::shutdown_send, ec);
    }

    http_answer ask(http::request<http::string_body>& read) {
        http_query query;
        query.method = std::string(read.method_string());
        query.target = std::string(read.target());
        query.content_type = std::string(read[http::field::content_type]);
        query.body = std::move(read.body());
        try {
            return answer_(std::move(query));
        } catch (const std::exception& bug) {
            log_(log_level::error, "http answer failed", {{"what", bug.what()}});
            return {500, "text/plain", "internal error\n", {}};
        }
    }

    const asio::any_io_executor executor_;
    asio::strand<asio::any_io_executor> strand_; // everything below but `stopped_` belongs to it
    tcp::acceptor acceptor_;
    asio::steady_timer timer_;
    const limits most_;
    const responder answer_;
    const logger log_;
    std::map<beast::tcp_stream*, stream_ptr> streams_;
    std::atomic<bool> stopped_{false};
};

small_http_server::small_http_server(asio::any_io_executor executor, const socket_address& address,
                                     limits most, responder answer, logger log)
    : state_(std::make_shared<state>(std::move(executor), address, most, std::move(answer),
                                     std::move(log))) {}

small_http_server::~small_http_server() { stop(); }

void small_http_server::start() { state_->start(); }

const socket_address& small_http_server::address() const noexcept { return state_->address; }

void small_http_server::stop() { state_->stop(); }

} // namespace finpost
