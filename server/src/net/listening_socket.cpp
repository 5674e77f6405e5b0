#include "net/listening_socket.hpp"

#include "net/inherited_sockets.hpp"
#include "net/reset_on_close.hpp"

#include <boost/asio/ip/v6_only.hpp>
#include <boost/system/system_error.hpp>

#include <cerrno>
#include <cstring>
#include <string>

#include <sys/socket.h>

namespace asio = boost::asio;
using asio::ip::tcp;

namespace finpost::detail {

namespace {

constexpr int backlog = 4096;

using reuse_port = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

socket_address bound_address(int fd) noexcept {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
    return {reinterpret_cast<const sockaddr*>(&storage), size};
}

// Of a listening socket: what is accepted has it from there.
void prepare_clients(int fd) noexcept {
    // A byte sent as urgent is a byte of the payload like any other (RFC 6093 §6).
    const int on = 1;
    ::setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
    // Nor is the end of this process the end of a reply: it is a RST until somebody says that
    // it is complete.
    reset_on_close(fd, true);
}

void listen_on(tcp::acceptor& acceptor, const socket_address& address, port_sharing sharing) {
    tcp::endpoint endpoint;
    endpoint.resize(address.size());
    std::memcpy(endpoint.data(), address.data(), address.size());
    acceptor.open(endpoint.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    if (sharing == port_sharing::on) acceptor.set_option(reuse_port(true));
    // So that 0.0.0.0:5000 and [::]:5000 can stand side by side.
    if (address.is_v6()) acceptor.set_option(asio::ip::v6_only(true));
    prepare_clients(acceptor.native_handle());
    acceptor.bind(endpoint);
    acceptor.listen(backlog);
    acceptor.non_blocking(true);
}

void listen_with(tcp::acceptor& acceptor, const socket_address& address,
                 const unique_fd& inherited) {
    unique_fd fd = duplicate(inherited);
    if (!fd)
        throw boost::system::system_error(errno, boost::system::system_category(), "duplicate");
    acceptor.assign(address.is_v6() ? tcp::v6() : tcp::v4(), fd.get());
    fd.release();
    prepare_clients(acceptor.native_handle());
    acceptor.non_blocking(true);
}

} // namespace

listening_socket::listening_socket(const asio::any_io_executor& executor,
                                   const listening_place& place)
    : acceptor_(executor), inherited_(place.inherited != nullptr) {
    const socket_address& address = place.address;
    try {
        if (inherited_)
            listen_with(acceptor_, address, *place.inherited);
        else
            listen_on(acceptor_, address, place.sharing);
    } catch (const boost::system::system_error& failed) {
        throw boost::system::system_error(failed.code(), "cannot listen on " + to_string(address));
    }
    address_ = bound_address(acceptor_.native_handle());
    const std::string host = address_.host();
    wildcard_ = host == "0.0.0.0" || host == "::";
}

socket_address listening_socket::local_address(int fd) const noexcept {
    return wildcard_ ? bound_address(fd) : address_;
}

listening_socket::accepted listening_socket::accept() noexcept {
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    auto* const peer = reinterpret_cast<sockaddr*>(&storage);
    unique_fd fd(::accept4(acceptor_.native_handle(), peer, &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return {std::move(fd), {}, {errno, boost::system::system_category()}};
    // Who had connected before the socket was ours has nothing from it yet.
    if (inherited_) prepare_clients(fd.get());
    return {std::move(fd), {peer, size}, {}};
}

void listening_socket::shut_down() noexcept {
    error_code ignored;
    const std::lock_guard lock(closing_);
    if (inherited_)
        acceptor_.cancel(ignored);
    else
        ::shutdown(acceptor_.native_handle(), SHUT_RD);
}

void listening_socket::close() noexcept {
    error_code ignored;
    const std::lock_guard lock(closing_);
    acceptor_.close(ignored);
}

accept_failure failure_of_accept(error_code error) noexcept {
    switch (error.value()) {
    case EAGAIN:
        return accept_failure::none_waiting;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM:
        return accept_failure::shortage;
    default:
        return accept_failure::lost_connection;
    }
}

bool lacks_descriptor(error_code error) noexcept {
    return error.value() == EMFILE || error.value() == ENFILE;
}

} // namespace finpost::detail
