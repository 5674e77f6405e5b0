#include "connect_check.hpp"

#include "net/unique_fd.hpp"
#include "quoted.hpp"
#include "tls_connection.hpp"

#include "finpost/version.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <span>
#include <system_error>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>

namespace finpost {

using namespace detail;

namespace {

using clock = std::chrono::steady_clock;

std::string message_of(int error) { return std::generic_category().message(error); }

// False when the time is over.
bool wait_for(int fd, readiness what, clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - clock::now()).count();
    pollfd polled{fd, static_cast<short>(what == readiness::writable ? POLLOUT : POLLIN), 0};
    return left > 0 && ::poll(&polled, 1, static_cast<int>(std::min<long long>(left, 600'000))) > 0;
}

// 0, or the error.
int connect_to(int fd, const addrinfo& address, clock::time_point until) {
    if (fd < 0) return errno;
    if (::connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
    if (errno != EINPROGRESS) return errno;
    if (!wait_for(fd, readiness::writable, until)) return ETIMEDOUT;
    int failed = 0;
    socklen_t size = sizeof failed;
    return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 ? failed : errno;
}

transfer moved(ssize_t n, readiness wait) {
    transfer out;
    if (n >= 0)
        out.size = static_cast<std::size_t>(n);
    else if (errno == EAGAIN || errno == EINTR)
        out.wait_for = wait;
    else
        out.error = {errno, boost::system::system_category()};
    out.ended = n == 0 && wait == readiness::readable;
    return out;
}

// One endpoint, tried once. Every step returns what is wrong, or nothing.
class trial {
public:
    trial(const http_url& url, const upstream_config& config) : url_(url), config_(config) {}

    std::string run() {
        until_ = clock::now() + config_.connect;
        std::string wrong = connect();
        if (wrong.empty() && url_.scheme == "https") wrong = secure();
        until_ = clock::now() + config_.health_timeout;
        if (wrong.empty() && !config_.health_path.empty()) wrong = ask();
        return wrong;
    }

private:
    std::string connect() {
        addrinfo wanted{};
        wanted.ai_socktype = SOCK_STREAM;
        addrinfo* found = nullptr;
        const std::string port = std::to_string(url_.port);
        if (const int failed = ::getaddrinfo(url_.host.c_str(), port.c_str(), &wanted, &found))
            return std::string("its name is not found: ") + ::gai_strerror(failed);
        const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
        int failed = 0;
        for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
            socket_ = unique_fd(
                ::socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
            failed = connect_to(socket_.get(), *address, until_);
            if (failed == 0) return {};
        }
        return message_of(failed);
    }

    std::string secure() {
        tls_ = make_client_tls(config_.tls).context; // good, or `validate` would have said so
        connection_ = std::make_unique<tls_connection>(tls_, tls_connection::role::client,
                                                       socket_.get(), url_.host);
        for (;;) {
            const transfer step = connection_->handshake();
            if (step.error) return "no TLS: " + why(step);
            if (step.wait_for == readiness::none) return {};
            if (!wait_for(socket_.get(), step.wait_for, until_)) return "no TLS: no answer in time";
        }
    }

    std::string why(const transfer& step) const {
        return connection_ && !connection_->failure().empty() ? connection_->failure()
                                                              : step.error.message();
    }

    transfer write(std::string_view text) {
        const auto data = std::as_bytes(std::span(text));
        if (connection_) return connection_->write_some(data);
        return moved(::send(socket_.get(), text.data(), text.size(), MSG_NOSIGNAL),
                     readiness::writable);
    }

    transfer read(std::span<std::byte> buffer) {
        if (connection_) return connection_->read_some(buffer);
        return moved(::recv(socket_.get(), buffer.data(), buffer.size(), 0), readiness::readable);
    }

    // As `health_checks` does it.
    std::string ask() {
        const std::string what = "GET " + masked_url(config_.health_path) + ": ";
        const std::string request =
            "GET " + config_.health_path + " HTTP/1.1\r\nHost: " + url_.authority +
            "\r\nUser-Agent: finpost/" FINPOST_VERSION "\r\nConnection: close\r\n\r\n";
        std::string_view rest = request;
        while (!rest.empty()) {
            const transfer step = write(rest);
            if (step.error) return what + why(step);
            rest.remove_prefix(step.size);
            if (step.wait_for != readiness::none && !wait_for(socket_.get(), step.wait_for, until_))
                return what + "it is not taken in time";
        }
        std::string line;
        std::array<std::byte, 1024> buffer;
        while (line.find('\n') == line.npos && line.size() < buffer.size()) {
            const transfer step = read(buffer);
            if (step.error) return what + why(step);
            if (step.ended) break;
            line.append(reinterpret_cast<const char*>(buffer.data()), step.size);
            if (step.wait_for != readiness::none && !wait_for(socket_.get(), step.wait_for, until_))
                return what + "no answer in time";
        }
        line = line.substr(0, line.find_first_of("\r\n"));
        if (!line.starts_with("HTTP/1.") || line.size() < 12)
            return what + "the answer " + in_quotes(line) + " is not HTTP/1.1";
        const bool well = line[9] == '2';
        return well ? std::string()
                    : what + "it answers with status " + printable(line.substr(9, 3));
    }

    const http_url& url_;
    const upstream_config& config_;
    clock::time_point until_;
    unique_fd socket_;
    tls_context tls_;
    std::unique_ptr<tls_connection> connection_; // on `socket_`
};

} // namespace

void check_connections(const daemon_config& config, check_result& out) {
    if (!config.queue.database.empty()) {
        const auto good = check_postgres_queue(database_of(config.queue, "finpostd --check"));
        if (!good)
            out.problems.push_back("queue_database: " + good.error().message);
        else
            out.notes.emplace_back("queue_database: can be reached, and keeps a queue");
    }
    for (const named_upstream& upstream : config.upstreams) {
        for (const http_url& url : upstream.config.endpoints) {
            const std::string what = "upstream: " + masked_url(to_string(url)) + ": ";
            const std::string wrong = trial(url, upstream.config).run();
            if (!wrong.empty())
                out.problems.push_back(what + wrong);
            else
                out.notes.push_back(what + "can be reached" +
                                    (upstream.config.health_path.empty() ? "" : " and is well"));
        }
    }
}

} // namespace finpost
