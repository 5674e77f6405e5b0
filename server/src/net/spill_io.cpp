#include "net/spill_io.hpp"

#include "net/tls_layer.hpp"
#include "of_each_thread.hpp"

#include <boost/system/error_category.hpp>

#include <algorithm>
#include <cerrno>
#include <new>
#include <string>
#include <vector>

#include <signal.h>
#include <sys/sendfile.h>

namespace finpost::detail {

namespace {

constexpr std::size_t piece = 256 << 10;

// What sendfile says of the file and not of the socket.
bool is_about_the_file(int error) noexcept {
    return error == EIO || error == EINVAL || error == EOVERFLOW || error == ENOMEM;
}

// What the system says, of a file.
class file_category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "finpost.file"; }
    std::string message(int value) const override {
        return boost::system::system_category().message(value);
    }
    boost::system::error_condition default_error_condition(int value) const noexcept override {
        return boost::system::system_category().default_error_condition(value);
    }
};
constexpr file_category of_a_file;

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
        // Where it was blocked already nobody is harmed, and what is pending may be somebody
        // else's.
        if (::sigismember(&before_, SIGPIPE) == 0) {
            // Also after a success: a call that sent some pages may have met the end with the next.
            constexpr timespec now{0, 0};
            ::sigtimedwait(&pipe_, nullptr, &now);
            ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
        }
    }
    no_sigpipe(const no_sigpipe&) = delete;
    no_sigpipe& operator=(const no_sigpipe&) = delete;

private:
    sigset_t pipe_, before_;
};

} // namespace

error_code file_error(int system_error) noexcept { return {system_error, of_a_file}; }

bool is_file_error(const error_code& ec) noexcept { return ec.category() == of_a_file; }

std::span<std::byte> passing_buffer() {
    auto* const buffer = of_each_thread<std::vector<std::byte>, struct passing>::get();
    if (buffer == nullptr) throw std::bad_alloc();
    buffer->resize(piece);
    return *buffer;
}

result<std::size_t> read_piece(const payload& body, std::uint64_t from,
                               std::span<std::byte> buffer) noexcept {
    const auto got = body.read(from, buffer);
    if (got.has_error()) return file_error(got.error().value());
    return got;
}

result<std::size_t> send_piece(int socket, const payload& body, std::uint64_t from) noexcept {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(piece, body.size() - from));
    auto offset = static_cast<off_t>(body.file_offset() + from);
    const no_sigpipe quiet;
    for (;;) {
        const ssize_t sent = ::sendfile(socket, body.file()->fd(), &offset, n);
        if (sent > 0) return static_cast<std::size_t>(sent);
        if (sent == 0) return file_error(EIO); // the file is shorter than it was
        const int error = errno;
        if (error == EINTR) continue;
        if (is_about_the_file(error)) return file_error(error);
        return error_code(error, boost::system::system_category());
    }
}

result<std::size_t> send_piece(tls_layer& tls, const payload& body, std::uint64_t from) {
    // After `would_block` TLS wants the same bytes again: the same `from` gives the same piece.
    const std::span<std::byte> buffer = passing_buffer();
    const auto got = read_piece(body, from, buffer);
    if (got.has_error()) return got;
    return tls.write_some(buffer.first(*got));
}

} // namespace finpost::detail
