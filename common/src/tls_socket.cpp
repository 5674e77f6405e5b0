#include "tls_socket.hpp"

#include <cerrno>
#include <memory>
#include <new>

#include <sys/socket.h>

namespace finpost::detail {

namespace {

struct socket_state {
    int fd;
    int error = 0;
    bool ended = false;
};

socket_state& state_of(BIO* one) noexcept { return *static_cast<socket_state*>(BIO_get_data(one)); }

int failed(BIO* one) noexcept {
    if (errno == EAGAIN || errno == EWOULDBLOCK) return -1;
    if (state_of(one).error == 0) state_of(one).error = errno;
    BIO_clear_retry_flags(one);
    return -1;
}

int read_socket(BIO* one, char* buffer, int size) noexcept {
    socket_state& state = state_of(one);
    BIO_clear_retry_flags(one);
    BIO_set_retry_read(one);
    ssize_t n = 0;
    do n = ::recv(state.fd, buffer, static_cast<std::size_t>(size), MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0) return failed(one);
    if (n == 0 && state.error != 0) {
        BIO_clear_retry_flags(one); // the kernel tells an error once, and then says 0
        return -1;
    }
    if (n == 0) {
        // For OpenSSL a FIN breaks the connection in both directions. It is told that nothing has
        // come, so that whoever sent it can still be told what is wrong.
        state.ended = true;
        return -1;
    }
    BIO_clear_retry_flags(one);
    return static_cast<int>(n);
}

int write_socket(BIO* one, const char* data, int size) noexcept {
    BIO_clear_retry_flags(one);
    BIO_set_retry_write(one);
    ssize_t n = 0;
    do
        n = ::send(state_of(one).fd, data, static_cast<std::size_t>(size),
                   MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0) return failed(one);
    BIO_clear_retry_flags(one);
    return static_cast<int>(n);
}

// Everything that is written is in the kernel at once, so a flush always succeeds.
long control_socket(BIO*, int command, long, void*) noexcept {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

int destroy_socket(BIO* one) noexcept {
    delete static_cast<socket_state*>(BIO_get_data(one));
    BIO_set_data(one, nullptr);
    return 1;
}

const BIO_METHOD* socket_method() {
    struct method_free {
        void operator()(BIO_METHOD* one) const noexcept { BIO_meth_free(one); }
    };
    static const std::unique_ptr<BIO_METHOD, method_free> method = [] {
        std::unique_ptr<BIO_METHOD, method_free> made(
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "finpost socket"));
        if (!made) throw std::bad_alloc();
        BIO_meth_set_read(made.get(), read_socket);
        BIO_meth_set_write(made.get(), write_socket);
        BIO_meth_set_ctrl(made.get(), control_socket);
        BIO_meth_set_destroy(made.get(), destroy_socket);
        return made;
    }();
    return method.get();
}

} // namespace

BIO* make_socket_bio(int fd) {
    auto state = std::make_unique<socket_state>();
    state->fd = fd;
    BIO* const one = BIO_new(socket_method());
    if (one == nullptr) throw std::bad_alloc();
    BIO_set_data(one, state.release());
    BIO_set_init(one, 1);
    return one;
}

int socket_bio_error(BIO* one) noexcept { return state_of(one).error; }

bool socket_bio_ended(BIO* one) noexcept { return state_of(one).ended; }

} // namespace finpost::detail
