#include "net/spill_io.hpp"

#include "net/tls_layer.hpp"
#include "of_each_thread.hpp"

#include <algorithm>
#include <cerrno>
#include <new>
#include <vector>

#include <signal.h>
#include <sys/sendfile.h>

namespace finpost {

namespace {

constexpr std::size_t piece = 256 << 10;

// What sendfile says of the file and not of the socket.
bool is_about_the_file(int error) noexcept {
    return error == EIO || error == EINVAL || error == EOVERFLOW || error == ENOMEM;
}

// sendfile knows no MSG_NOSIGNAL, and what the process does about SIGPIPE is its own business: the
// signal for a peer that has gone is held back from this thread and taken away again.
class no_sigpipe {
public:
    no_sigpipe() noexcept {
        ::sigemptyset(&pipe_);
        ::sigaddset(&pipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~no_sigpipe() {
        const int error = errno;
        // Where it was blocked already nobody is harmed, and what is pending may be somebody
        // else's.
        if (::sigismember(&before_, SIGPIPE) == 0) {
            // Also after a success: a call that sent some pages may have met the end with the next.
            constexpr timespec now{0, 0};
            ::sigtimedwait(&pipe_, nullptr, &now);
            ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        }
        errno = error;
    }
    no_sigpipe(const no_sigpipe&) = delete;
    no_sigpipe& operator=(const no_sigpipe&) = delete;

private:
    sigset_t pipe_, before_;
};

} // namespace

std::span<std::byte> passing_buffer() {
    auto* const buffer = of_each_thread<std::vector<std::byte>, struct passing>::get();
    if (buffer == nullptr) throw std::bad_alloc();
    buffer->resize(piece);
    return *buffer;
}

result<std::size_t> read_piece(const payload& body, std::uint64_t from,
                               std::span<std::byte> buffer) noexcept {
    const auto got = body.read(from, buffer);
    if (got.has_value()) return got;
    errno = got.error().value();
    return error_code(reason::spill_failed);
}

result<std::size_t> send_piece(int socket, const payload& body, std::uint64_t from) noexcept {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(piece, body.size() - from));
    auto offset = static_cast<off_t>(body.file_offset() + from);
    const no_sigpipe quiet;
    for (;;) {
        const ssize_t sent = ::sendfile(socket, body.file()->fd(), &offset, n);
        if (sent > 0) return static_cast<std::size_t>(sent);
        if (sent == 0) errno = EIO; // the file is shorter than it was
        if (errno == EINTR) continue;
        if (is_about_the_file(errno)) return error_code(reason::spill_failed);
        return error_code(errno, boost::system::system_category());
    }
}

result<std::size_t> send_piece(tls_layer& tls, const payload& body, std::uint64_t from) {
    // After `would_block` TLS wants the same bytes again: the same `from` gives the same piece.
    const std::span<std::byte> buffer = passing_buffer();
    const auto got = read_piece(body, from, buffer);
    if (got.has_error()) return got;
    return tls.write_some(buffer.first(*got));
}

} // namespace finpost
