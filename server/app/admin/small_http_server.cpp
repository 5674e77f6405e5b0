#include "admin/small_http_server.hpp"

#include "admin/http_messages.hpp"
#include "async/use_tuple_awaitable.hpp"

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <new>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace finpost {

using namespace detail;

namespace {

using error_code = boost::system::error_code;
constexpr std::uint32_t longest_header = 8 << 10;
using clock = std::chrono::steady_clock;
constexpr clock::duration back_off = std::chrono::milliseconds(100);
constexpr clock::duration starved_for = std::chrono::milliseconds(10);
// While others wait, for a whole request, and for an answer to be taken.
constexpr clock::duration time_to_ask = std::chrono::milliseconds(20);
constexpr clock::duration time_to_read = std::chrono::milliseconds(100);
constexpr clock::duration linger = std::chrono::seconds(1);
constexpr std::size_t most_dropped = 256 << 10;

constexpr std::size_t piece_size = 64 << 10; // of an answer that comes from elsewhere

// TCP, and Unix sockets.
using any_stream = asio::generic::stream_protocol;
using any_acceptor = asio::basic_socket_acceptor<any_stream>;
using http_stream = beast::basic_stream<any_stream>;

using incoming_request = http::request<http::string_body>;
using response = http::response<http::string_body>;

/// One client, and since when it is as it is: waited for, or being answered.
struct connection {
    explicit connection(any_stream::socket socket) : stream(std::move(socket)) { is_waited_for(); }
    void is_waited_for() noexcept { moved(false); }
    void is_answered() noexcept { moved(true); }
    clock::time_point since_when() const { return clock::time_point(clock::duration(since)); }
    /// Whether this one has to give way first when others wait.
    bool before(const connection& other) const noexcept {
        return answered != other.answered ? !answered : since < other.since;
    }

    http_stream stream; // belongs to its own strand
    std::atomic<bool> answered{false};
    std::atomic<clock::rep> since{0};

private:
    void moved(bool to_answer) noexcept {
        answered = to_answer;
        since = clock::now().time_since_epoch().count();
    }
};

} // namespace

class small_http_server::state : public std::enable_shared_from_this<state> {
public:
    state(asio::any_io_executor executor, const socket_address& wanted, limits most,
          responder respond, logger log, unique_fd listening)
        : executor_(std::move(executor)), strand_(asio::make_strand(executor_)), acceptor_(strand_),
          timer_(strand_), most_(most), respond_(std::move(respond)), log_(std::move(log)) {
        if (listening)
            listen_with(std::move(listening));
        else
            listen_on(wanted);
    }
    state(asio::any_io_executor executor, unique_fd listening, limits most, slow_responder respond,
          logger log)
        : executor_(std::move(executor)), strand_(asio::make_strand(executor_)), acceptor_(strand_),
          timer_(strand_), most_(most), respond_slowly_(std::move(respond)), log_(std::move(log)) {
        listen_with(std::move(listening));
    }

    void start() { asio::co_spawn(strand_, accept(), report(shared_from_this())); }

    void stop() {
        asio::post(strand_, [self = shared_from_this()] {
            self->stopped_ = true;
            error_code ignored;
            self->acceptor_.close(ignored);
            self->timer_.cancel();
            for (const auto& each : self->open_)
                if (const connection_ptr connection = each.lock()) close(connection);
        });
    }

    socket_address address;

private:
    using connection_ptr = std::shared_ptr<connection>;

    void listen_on(const socket_address& wanted) {
        try {
            any_stream::endpoint endpoint(wanted.data(), wanted.size(), IPPROTO_TCP);
            acceptor_.open(endpoint.protocol());
            acceptor_.set_option(asio::socket_base::reuse_address(true));
            if (wanted.is_v6()) acceptor_.set_option(asio::ip::v6_only(true));
            acceptor_.bind(endpoint);
            acceptor_.listen();
            acceptor_.non_blocking(true);
            endpoint = acceptor_.local_endpoint();
            address = socket_address(endpoint.data(), endpoint.size());
        } catch (const boost::system::system_error& failed) {
            const std::string what = "cannot listen on " + to_string(wanted);
            throw boost::system::system_error(failed.code(), what);
        }
    }

    void listen_with(unique_fd listening) {
        const int family = family_of(listening.get());
        acceptor_.assign(any_stream(family, 0), listening.get());
        listening.release();
        acceptor_.non_blocking(true);
        if (family != AF_INET && family != AF_INET6) return;
        const any_stream::endpoint endpoint = acceptor_.local_endpoint();
        address = socket_address(endpoint.data(), endpoint.size());
    }

    static int family_of(int fd) {
        sockaddr_storage where{};
        socklen_t size = sizeof where;
        if (::getsockname(fd, reinterpret_cast<sockaddr*>(&where), &size) != 0) return AF_UNSPEC;
        return where.ss_family;
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

    // It goes on whatever happens: without memory it tries again, and holds up nobody but its own
    // clients.
    asio::awaitable<void> accept() {
        while (!stopped_) {
            bool starved = false;
            try {
                co_await accept_next();
            } catch (const std::bad_alloc&) {
                starved = true;
            }
            if (starved) std::this_thread::sleep_for(starved_for);
        }
    }

    asio::awaitable<void> accept_next() {
        auto [nobody] = co_await acceptor_.async_wait(any_acceptor::wait_read, use_tuple_awaitable);
        static_cast<void>(nobody); // the accept says it again
        if (stopped_) co_return;
        const clock::duration pause = time_until_room();
        if (pause > clock::duration::zero()) {
            co_await wait(pause); // or until a connection ends
            co_return;
        }
        const asio::any_io_executor strand = asio::make_strand(executor_);
        any_stream::socket socket(strand);
        error_code ec;
        acceptor_.accept(socket, ec);
        if (!ec && most_.same_user_only && !is_of_same_user(socket.native_handle())) co_return;
        if (!ec)
            begin(strand, std::make_shared<connection>(std::move(socket)));
        else if (ec != asio::error::would_block)
            co_await wait(back_off); // no descriptor, most likely
    }

    static bool is_of_same_user(int fd) {
        ucred peer{};
        socklen_t size = sizeof peer;
        return ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
               (peer.uid == ::geteuid() || peer.uid == 0);
    }

    void begin(const asio::any_io_executor& strand, const connection_ptr& connection) {
        open_.push_back(connection);
        asio::co_spawn(strand, serve(connection),
                       [ended = report(shared_from_this()), self = shared_from_this(),
                        connection](std::exception_ptr failed) {
                           ended(failed);
                           asio::post(self->strand_,
                                      [self, connection] { self->forget(connection); });
                       });
    }

    // A client waits and every place is taken. A client that has not sent a whole request gives way
    // first, the longest one before the others. It has the time in which an honest client's request
    // comes, and no more: else a few slow clients a second would keep a health check out. A client
    // that is being answered has the time in which any client takes an answer that it wants.
    clock::duration time_until_room() {
        std::erase_if(open_, [](const auto& each) { return each.expired(); });
        if (open_.size() < most_.connections) return clock::duration::zero();
        connection_ptr slowest;
        for (const auto& each : open_) {
            connection_ptr connection = each.lock();
            if (connection && (!slowest || connection->before(*slowest)))
                slowest = std::move(connection);
        }
        if (!slowest) return clock::duration::zero();
        const clock::duration granted = slowest->answered ? time_to_read : time_to_ask;
        const clock::duration rest = slowest->since_when() + granted - clock::now();
        if (rest > clock::duration::zero()) return rest;
        close(slowest);
        return time_to_read;
    }

    static void close(const connection_ptr& connection) {
        asio::post(connection->stream.get_executor(), [connection] { connection->stream.close(); });
    }

    asio::awaitable<void> wait(clock::duration pause) {
        timer_.expires_after(pause);
        auto [ec] = co_await timer_.async_wait(use_shared_tuple_awaitable);
        static_cast<void>(ec);
    }

    void forget(const connection_ptr& connection) {
        std::erase_if(open_, [&connection](const auto& each) { return each.lock() == connection; });
        timer_.cancel();
    }

    asio::awaitable<void> serve(connection_ptr connection) {
        http_stream& stream = connection->stream;
        beast::flat_buffer buffer;
        buffer.reserve(most_.read_ahead); // it would begin with 512 bytes and grow too slowly
        bool more = true;
        unsigned wrong = 0;
        error_code ec;
        stream.socket().set_option(tcp::no_delay(true), ec);
        while (more && !stopped_) {
            http::request_parser<http::string_body> parser;
            parser.body_limit(most_.body);
            parser.header_limit(longest_header);
            connection->is_waited_for();
            stream.expires_after(most_.read);
            const std::optional<unsigned> fault = co_await read(stream, buffer, parser);
            if (!fault) break;
            wrong = *fault;
            more = wrong == 0 && parser.keep_alive();
            const bool head_only = parser.get().method() == http::verb::head;
            std::shared_ptr<http_answer> given;
            if (wrong != 0)
                given = std::make_shared<http_answer>(plain_answer(wrong));
            else if (respond_)
                given = std::make_shared<http_answer>(ask(parser.get()));
            else
                given = co_await ask_slowly(*connection, parser.get());
            connection->is_answered();
            stream.expires_after(most_.write);
            error_code cut = co_await answer(stream, *given, more, head_only);
            if (cut) co_return;
        }
        connection->is_waited_for();
        stream.socket().shutdown(asio::socket_base::shutdown_send, ec);
        if (wrong != 0) co_await drop_input(stream);
    }

    // Reads a request; the status of one that is none, 0 of one that is, and nothing where the
    // connection has ended.
    asio::awaitable<std::optional<unsigned>> read(http_stream& stream, beast::flat_buffer& buffer,
                                                  http::request_parser<http::string_body>& parser) {
        auto [failed, n] =
            co_await http::async_read_header(stream, buffer, parser, use_plain_tuple_awaitable);
        static_cast<void>(n);
        if (!failed && parser.chunked()) {
            chunked_body body(most_.body);
            const bool came = co_await read_chunks(stream, buffer, body);
            if (!came) co_return std::nullopt;
            if (body.reading() == chunked_body::state::failed) co_return body.status();
            parser.get().body() = body.text();
        } else if (!failed) {
            auto [cut, size] =
                co_await http::async_read(stream, buffer, parser, use_plain_tuple_awaitable);
            static_cast<void>(size);
            failed = cut;
        }
        if (!failed) co_return fault_of(parser.get(), most_.local_names_only);
        const unsigned status = status_for(failed, parser.get());
        if (status == 0) co_return std::nullopt;
        co_return status;
    }

    // False when the connection has ended before the body has.
    asio::awaitable<bool> read_chunks(http_stream& stream, beast::flat_buffer& buffer,
                                      chunked_body& body) {
        for (;;) {
            const auto here = buffer.cdata();
            buffer.consume(body.take({static_cast<const std::byte*>(here.data()), here.size()}));
            if (body.reading() != chunked_body::state::more) co_return true;
            const auto room = buffer.prepare(std::max(most_.read_ahead, std::size_t{512}));
            auto [ec, n] = co_await stream.async_read_some(room, use_plain_tuple_awaitable);
            if (ec) co_return false;
            buffer.commit(n);
        }
    }

    asio::awaitable<error_code> answer(http_stream& stream, http_answer& given, bool keep_alive,
                                       bool head_only) {
        const std::shared_ptr<answer_source> source = given.source;
        const response out = make_response(std::move(given), keep_alive);
        error_code cut;
        if (source)
            cut = co_await write_pieces(stream, out.base(), *source, head_only);
        else
            cut = co_await write(stream, out, head_only);
        co_return cut;
    }

    // One piece after the other: so much of it is in memory, whatever its size.
    asio::awaitable<error_code> write_pieces(http_stream& stream,
                                             const http::response_header<>& fields,
                                             answer_source& source, bool head_only) {
        http::response<http::empty_body> head{fields};
        head.content_length(source.size());
        http::response_serializer<http::empty_body> form(head);
        auto [cut, sent] =
            co_await http::async_write_header(stream, form, use_plain_tuple_awaitable);
        static_cast<void>(sent);
        if (cut || head_only) co_return cut;
        std::vector<std::byte> piece(piece_size);
        const std::span<std::byte> room(piece);
        for (std::uint64_t at = 0; at < source.size();) {
            const std::size_t n = co_await source.read(at, room);
            if (n == 0) co_return error_code(asio::error::eof); // and not a shorter answer
            stream.expires_after(most_.write);
            const auto bytes = asio::buffer(piece.data(), n);
            auto [broken, written] =
                co_await asio::async_write(stream, bytes, use_plain_tuple_awaitable);
            static_cast<void>(written);
            if (broken) co_return broken;
            at += n;
        }
        co_return error_code();
    }

    static asio::awaitable<error_code> write(http_stream& stream, const response& out,
                                             bool head_only) {
        http::response_serializer<http::string_body> form(out);
        if (head_only) {
            auto [cut, n] =
                co_await http::async_write_header(stream, form, use_plain_tuple_awaitable);
            static_cast<void>(n);
            co_return cut;
        }
        auto [cut, n] = co_await http::async_write(stream, form, use_plain_tuple_awaitable);
        static_cast<void>(n);
        co_return cut;
    }

    // Closing with unread input would send a RST that could overtake the answer (RFC 9112 §9.6).
    static asio::awaitable<void> drop_input(http_stream& stream) {
        std::array<char, 4096> scratch;
        const auto room = asio::buffer(scratch);
        stream.expires_after(linger);
        for (std::size_t dropped = 0; dropped < most_dropped;) {
            auto [ec, n] = co_await stream.async_read_some(room, use_plain_tuple_awaitable);
            if (ec) co_return;
            dropped += n;
        }
    }

    static http_query query_of(incoming_request& read) {
        http_query query;
        query.method = std::string(read.method_string());
        query.target = parts_of(read.target()).path;
        query.content_type = std::string(read[http::field::content_type]);
        query.body = std::move(read.body());
        return query;
    }

    http_answer internal_error(const std::exception& bug) const {
        log_(log_level::error, "http answer failed", {{"what", bug.what()}});
        return {500, "text/plain", "internal error\n", {}};
    }

    http_answer ask(incoming_request& read) {
        try {
            return respond_(query_of(read));
        } catch (const std::exception& bug) {
            return internal_error(bug);
        }
    }

    asio::awaitable<std::shared_ptr<http_answer>> ask_slowly(connection& from,
                                                             incoming_request& read) {
        from.stream.expires_never();
        from.is_answered();
        const auto query = std::make_shared<const http_query>(query_of(read));
        std::shared_ptr<http_answer> given;
        try {
            given = co_await respond_slowly_(query);
        } catch (const std::exception& bug) {
            given = std::make_shared<http_answer>(internal_error(bug));
        }
        co_return given;
    }

    const asio::any_io_executor executor_;
    asio::strand<asio::any_io_executor> strand_; // everything below but `stopped_` belongs to it
    any_acceptor acceptor_;
    asio::steady_timer timer_;
    const limits most_;
    const responder respond_; // or the other one
    const slow_responder respond_slowly_;
    const logger log_;
    std::vector<std::weak_ptr<connection>>
        open_; // of one that is destroyed for want of memory nobody tells
    std::atomic<bool> stopped_{false};
};

small_http_server::small_http_server(asio::any_io_executor executor, const socket_address& address,
                                     limits most, responder respond, logger log,
                                     unique_fd listening)
    : state_(std::make_shared<state>(std::move(executor), address, most, std::move(respond),
                                     std::move(log), std::move(listening))) {}

small_http_server::small_http_server(asio::any_io_executor executor, unique_fd listening,
                                     limits most, slow_responder respond, logger log)
    : state_(std::make_shared<state>(std::move(executor), std::move(listening), most,
                                     std::move(respond), std::move(log))) {}

small_http_server::~small_http_server() { stop(); }

void small_http_server::start() { state_->start(); }

const socket_address& small_http_server::address() const noexcept { return state_->address; }

void small_http_server::stop() { state_->stop(); }

} // namespace finpost
