#pragma once

#include "finpost/endpoint.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace finpost::test {

/// An HTTP service that does what a test tells it to, well-behaved or not: blocking sockets and a
/// thread for each connection, nothing of finpost's own HTTP code or Asio in it. It listens on
/// 127.0.0.1 on a free port and keeps every request it has seen. Thread safe.
class scripted_upstream {
public:
    using milliseconds = std::chrono::milliseconds;

    struct seen {
        std::size_t number = 0;     ///< of the request, from 1, in the order the heads came
        std::size_t connection = 0; ///< of the connection it came on, from 1
        std::string head;           ///< up to and including the empty line
        std::string body;
        bool complete = false; ///< the whole body was read
        bool cut = false;      ///< the connection ended before that
        bool by_reset = false; ///< ... and not by a FIN

        std::string request_line() const;
        /// The value of a field, whatever its name's case; empty when it is not there.
        std::string field(std::string_view name) const;
        /// How often a field is there.
        std::size_t count(std::string_view name) const;
    };

    /// One request and the connection it came on, as a script sees them. Every function ends the
    /// script by an exception of its own when the other side or the test has ended the connection.
    class conversation {
    public:
        /// The head, and after `read_body` the body.
        const seen& request() const noexcept { return request_; }
        /// Reads the body by its Content-Length, or its chunks. Scripts that answer early don't
        /// call it.
        void read_body();
        /// Reads the next chunk of a body that comes in chunks; empty: that was the last.
        std::string read_chunk();
        /// Sends the bytes as they are.
        void send(std::string_view bytes);
        /// Waits until the test opens the gate (`scripted_upstream::open_gate`).
        void wait_for_gate();
        /// Sends a FIN, then reads until the other side closes too: no reset follows.
        void finish();
        /// Closes with a RST.
        [[noreturn]] void reset();
        /// Neither answers nor closes until the other side does.
        [[noreturn]] void stay_silent();

    private:
        friend class scripted_upstream;
        conversation(scripted_upstream& owner, int fd, std::string& input)
            : owner_(owner), fd_(fd), input_(input) {}
        bool read_more();
        void need_more();
        [[noreturn]] void cut_while_sending();
        void publish();

        scripted_upstream& owner_;
        int fd_;
        std::string& input_; // what came behind the head
        seen request_;
        bool over_ = false;
        bool counted_ = false; // among the complete ones
    };

    using script = std::function<void(conversation&)>;

    /// Listens at once; answers with `echo()` until told otherwise.
    scripted_upstream();
    ~scripted_upstream();
    scripted_upstream(const scripted_upstream&) = delete;
    scripted_upstream& operator=(const scripted_upstream&) = delete;

    /// What to do with every request, and what with the n-th one (from 1) only.
    void by_default(script what);
    void on(std::size_t number, script what);
    /// Lets every script pass that waits for the gate, now and later.
    void open_gate();

    const socket_address& address() const noexcept { return address_; }
    http_url url(std::string_view target = "/upload") const;

    std::vector<seen> requests() const;
    /// Heads that have come; and of these the requests that came whole.
    std::size_t count() const;
    std::size_t complete() const;
    /// Connections on which a byte has come so far, and how many are open of all. A gateway
    /// connects once when it starts, and says nothing, to see whether somebody is there: that is a
    /// look.
    std::size_t connections() const;
    std::size_t looks() const;
    std::size_t open_connections() const;

    /// Each waits for its condition; false when the time is up first.
    bool wait_for_heads(std::size_t n, milliseconds limit = milliseconds(20'000)) const;
    bool wait_for_requests(std::size_t n, milliseconds limit = milliseconds(20'000)) const;
    bool wait_for_open_connections(std::size_t n, milliseconds limit = milliseconds(20'000)) const;
    bool wait_for_looks(std::size_t n, milliseconds limit = milliseconds(20'000)) const;

    /// Waits until `n` connections wait for their next request, after one at least, then closes
    /// those that do (FIN), as a service that has kept them long enough does. When it returns true,
    /// they are closed.
    bool close_idle(std::size_t n = 1);
    /// Ends everything: no connection is accepted any more, all are closed.
    void stop();

    /// Sends the body back: with its length, in chunks of `piece` bytes, or up to the connection's
    /// end.
    static script echo(int status = 200);
    static script chunked_echo(std::size_t piece = 1000);
    static script close_delimited_echo();
    /// Reads the request, then sends `bytes` as they are; the connection stays, ends, or is reset.
    static script raw(std::string bytes);
    static script raw_then_fin(std::string bytes);
    static script raw_then_reset(std::string bytes);
    /// Reads the request and never answers.
    static script never();
    /// Reads the request, waits for the gate, then goes on with `next`.
    static script held(script next);

private:
    struct connection {
        std::size_t number;
        int fd;
        bool idle = false;      // waits for the first byte of another request
        bool used = false;      // a byte has come
        std::size_t serial = 0; // among those that were used
    };
    void accept_all();
    void serve(connection& mine);
    bool next_request(connection& mine, conversation& talk);
    script script_for(std::size_t number) const;
    bool wait(milliseconds limit, const std::function<bool()>& until) const;

    int listener_ = -1;
    socket_address address_;
    mutable std::mutex mutex_;
    mutable std::condition_variable changed_;
    script default_;
    std::map<std::size_t, script> by_number_;
    std::vector<seen> requests_;
    std::map<std::size_t, connection> open_;
    std::size_t accepted_ = 0, used_ = 0, looks_ = 0, complete_ = 0;
    bool gate_open_ = false, stopping_ = false;
    std::vector<std::thread> threads_; // of connections; grows on the accepting thread only
    std::thread acceptor_;
};

/// A port of 127.0.0.1 where nobody listens, held so that nobody else can: connecting is refused.
class refusing_port {
public:
    refusing_port();
    ~refusing_port();
    refusing_port(const refusing_port&) = delete;
    /// From now on connections are taken, by the kernel alone.
    void listen();
    const socket_address& address() const noexcept { return address_; }

private:
    socket_address address_;
    int fd_;
};

/// A port of 127.0.0.1 whose backlog is full: connecting gets no answer at all.
class silent_port {
public:
    /// `from_now`: otherwise it takes connections until `fill`.
    explicit silent_port(bool from_now = true);
    ~silent_port();
    silent_port(const silent_port&) = delete;
    const socket_address& address() const noexcept { return address_; }

    /// The next connection. Waits for it.
    int accept();
    /// Connecting gets no answer from now on.
    void fill();

private:
    socket_address address_;
    int fd_;
    std::vector<int> fillers_;
};

/// The URL of an HTTP service at `address`.
http_url url_of(const socket_address& address, std::string_view target = "/upload");

/// "HTTP/1.1 200 OK", a Content-Length and the body.
std::string response(int status, std::string_view body, std::string_view more_fields = {});

} // namespace finpost::test
