#include "load_exchange.hpp"

#include "load_socket.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>
#include <unistd.h>

namespace finpost {

namespace {

constexpr std::size_t always_at_once = 4 << 10; // for any kernel's buffer

bool would_block() noexcept { return errno == EAGAIN || errno == EWOULDBLOCK; }

} // namespace

std::string_view to_string(load_outcome outcome) noexcept {
    switch (outcome) {
    case load_outcome::ok:
        return "ok";
    case load_outcome::refused:
        return "refused";
    case load_outcome::not_connected:
        return "not_connected";
    case load_outcome::timed_out:
        return "timed_out";
    case load_outcome::reset:
        return "reset";
    case load_outcome::cut_short:
        return "cut_short";
    case load_outcome::wrong_reply:
        return "wrong_reply";
    case load_outcome::no_resources:
        break;
    }
    return "no_resources";
}

std::optional<load_outcome> load_exchange::start(int fd, const load_payloads& payloads,
                                                 std::uint64_t n, clock::time_point since,
                                                 clock::time_point now) {
    fd_ = fd;
    half_closed_ = wrong_ = false;
    kept_ = 0;
    sent_ = received_ = 0;
    since_ = since;
    started_ = now;
    payload_ = payloads.make(n);
    if (payloads.size() > always_at_once) reset_on_close(fd_, true);
    // A loopback connection is established by now: sending at once saves a turn of the event loop.
    return send(payloads);
}

std::optional<load_outcome> load_exchange::send(const load_payloads& payloads) {
    while (sent_ < payloads.size()) {
        std::array<iovec, 2> pieces;
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = static_cast<std::size_t>(payloads.rest(payload_, sent_, pieces));
        const ssize_t n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (would_block()) return std::nullopt;
            const bool established = sent_ > 0 || errno == EPIPE || errno == ECONNRESET;
            return established ? load_outcome::reset : load_outcome::not_connected;
        }
        sent_ += static_cast<std::size_t>(n);
    }
    if (payloads.size() > always_at_once) reset_on_close(fd_, false);
    ::shutdown(fd_, SHUT_WR);
    half_closed_ = true;
    return std::nullopt;
}

std::optional<load_outcome> load_exchange::advance(const load_payloads& payloads,
                                                   std::span<char> buffer, bool ended,
                                                   bool verify) {
    std::optional<load_outcome> broken;
    if (!half_closed_) broken = send(payloads);
    if (broken == load_outcome::not_connected) return broken;
    // Also after a failed send: a refusal may have come before the reset.
    for (;;) {
        const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && would_block()) return broken;
        if (n < 0) return judge(payloads, verify, true);
        if (n == 0) return judge(payloads, verify, broken.has_value());
        const auto data = std::span<const char>(buffer).first(static_cast<std::size_t>(n));
        if (verify && !wrong_) wrong_ = !payloads.matches(payload_, received_, data);
        keep_beginning(data);
        received_ += data.size();
        if (data.size() == buffer.size()) continue; // there is probably more
        // A read that was not filled has taken everything, and with the FIN known to be there this
        // was all; without it the next event tells.
        if (ended) return judge(payloads, verify, false);
        return broken;
    }
}

void load_exchange::keep_beginning(std::span<const char> data) noexcept {
    if (received_ >= beginning_.size()) return;
    const std::size_t n = std::min(data.size(), beginning_.size() - received_);
    std::memcpy(beginning_.data() + received_, data.data(), n);
    kept_ = static_cast<std::uint8_t>(received_ + n);
}

load_outcome load_exchange::judge(const load_payloads& payloads, bool verify, bool reset) {
    // The echo of the payload is no refusal, whatever it looks like.
    if ((wrong_ || !verify) && read_refusal()) return load_outcome::refused;
    if (reset) return load_outcome::reset;
    if (!half_closed_) return load_outcome::cut_short; // it hung up on a client that was sending
    if (!verify) return load_outcome::ok;
    if (wrong_) return load_outcome::wrong_reply;
    return received_ < payloads.size() ? load_outcome::cut_short : load_outcome::ok;
}

bool load_exchange::read_refusal() {
    constexpr std::string_view prefix = "finpost: ";
    const std::string_view line(beginning_.data(), kept_);
    if (received_ != kept_ || !line.starts_with(prefix) || !line.ends_with('\n')) return false;
    const std::string_view words = line.substr(prefix.size());
    const auto why = parse_reason(words.substr(0, words.find(' ')));
    if (why) why_ = *why;
    return why.has_value();
}

void load_exchange::close() noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
}

} // namespace finpost
