#include "stream.hpp"

#include <cerrno>

#include <sys/socket.h>

namespace finpost::detail {

namespace {

class plain_stream final : public stream {
public:
    explicit plain_stream(int fd) : fd_(fd) {}

    transfer handshake() override { return {}; }

    transfer read(std::span<std::byte> room) override {
        for (;;) {
            const ssize_t n = ::recv(fd_, room.data(), room.size(), MSG_DONTWAIT);
            if (n > 0) return moved(n);
            if (n == 0) return {.size = 0, .ended = true, .wait_for = {}, .error = {}};
            if (errno != EINTR) return failed(readiness::readable);
        }
    }

    transfer write(std::span<const std::byte> data) override {
        for (;;) {
            const ssize_t n = ::send(fd_, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (n >= 0) return moved(n);
            if (errno != EINTR) return failed(readiness::writable);
        }
    }

    transfer half_close() override {
        ::shutdown(fd_, SHUT_WR);
        return {};
    }

private:
    static transfer moved(ssize_t n) noexcept {
        return {.size = static_cast<std::size_t>(n), .ended = false, .wait_for = {}, .error = {}};
    }

    static transfer failed(readiness wait_for) noexcept {
        transfer out;
        if (errno == EAGAIN || errno == EWOULDBLOCK)
            out.wait_for = wait_for;
        else
            out.error = {errno, boost::system::system_category()};
        return out;
    }

    const int fd_;
};

class tls_stream final : public stream {
public:
    tls_stream(int fd, const tls_context& tls, std::string_view host)
        : connection_(tls, tls_connection::role::client, fd, host) {}

    transfer handshake() override { return connection_.handshake(); }
    transfer read(std::span<std::byte> room) override { return connection_.read_some(room); }
    transfer write(std::span<const std::byte> data) override {
        return connection_.write_some(data);
    }
    // No FIN follows: the connection stays whole for routers, which forget half-closed ones early.
    transfer half_close() override { return connection_.close_notify(); }
    std::string_view failure() const override { return connection_.failure(); }
    tls_description description() const override { return connection_.description(); }

private:
    tls_connection connection_;
};

} // namespace

std::unique_ptr<stream> make_stream(int fd, const tls_context& tls, std::string_view host) {
    if (tls) return std::make_unique<tls_stream>(fd, tls, host);
    return std::make_unique<plain_stream>(fd);
}

} // namespace finpost::detail
