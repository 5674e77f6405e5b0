#include "support/tls_client.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace finpost::test {

using namespace detail;

namespace {

constexpr std::chrono::seconds patience{20};

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

} // namespace

tls_client::tls_client(const socket_address& to, const tls_context& context, std::string_view name)
    : tls_client(raw_client(to), context, name) {}

tls_client::tls_client(raw_client connected, const tls_context& context, std::string_view name)
    : raw_(std::move(connected)),
      connection_(context, tls_connection::role::client, raw_.fd(), name) {}

// Repeats a step until it has nothing to wait for.
template <class Step>
transfer tls_client::whole(const Step& step) {
    const auto end = std::chrono::steady_clock::now() + patience;
    for (;;) {
        const transfer now = step();
        if (now.wait_for == readiness::none) return now;
        pollfd one{raw_.fd(),
                   static_cast<short>(now.wait_for == readiness::readable ? POLLIN : POLLOUT), 0};
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
        if (left.count() <= 0 || ::poll(&one, 1, static_cast<int>(left.count())) == 0)
            throw std::runtime_error("TLS: time is up");
    }
}

error_code tls_client::handshake() {
    return whole([this] { return connection_.handshake(); }).error;
}

tls_client& tls_client::send(std::string_view data) {
    while (!data.empty()) {
        const transfer put = whole([&] { return connection_.write_some(bytes_of(data)); });
        if (put.error) throw std::runtime_error("TLS: send: " + put.error.message());
        data.remove_prefix(put.size);
    }
    return *this;
}

tls_client& tls_client::finish() {
    const transfer said = whole([this] { return connection_.close_notify(); });
    if (said.error) throw std::runtime_error("TLS: close_notify: " + said.error.message());
    return *this;
}

tls_client::received tls_client::read_to_end() {
    received out{{}, ending::timeout};
    std::array<std::byte, 16 << 10> buffer;
    try {
        for (;;) {
            const transfer got = whole([&] { return connection_.read_some(buffer); });
            out.bytes.append(reinterpret_cast<const char*>(buffer.data()), got.size);
            if (got.ended)
                out.how = ending::close_notify;
            else if (got.error == reason::tls_truncated)
                out.how = ending::truncated;
            else if (got.error.category() == boost::system::system_category())
                out.how = ending::reset;
            else
                out.how = ending::failed;
            if (got.ended || got.error) return out;
        }
    } catch (const std::runtime_error&) {
        out.how = ending::timeout;
        return out;
    }
}

std::string client_hello(const tls_context& context, std::string_view name) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()) != 0)
        throw std::system_error(errno, std::generic_category(), "socketpair");
    std::string out(4'096, '\0');
    ssize_t said = 0;
    {
        tls_connection client(context, tls_connection::role::client, ends[0], name);
        if (client.handshake().wait_for == readiness::readable)
            said = ::read(ends[1], out.data(), out.size());
    }
    for (const int end : ends) ::close(end);
    if (said < 100) throw std::runtime_error("no ClientHello");
    out.resize(static_cast<std::size_t>(said));
    return out;
}

tls_client::received tls_exchange(const socket_address& to, const tls_context& context,
                                  std::string_view data) {
    tls_client client(to, context);
    const error_code failed = client.handshake();
    if (failed) throw std::runtime_error("TLS: handshake: " + client.connection().failure());
    client.send(data).finish();
    return client.read_to_end();
}

} // namespace finpost::test
