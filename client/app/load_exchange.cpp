#include "load_exchange.hpp"

#include "load_socket.hpp"

#include <cerrno>

#include <sys/socket.h>
#include <unistd.h>

namespace finpost {

namespace {

constexpr std::size_t always_at_once = 4 << 10; // for any kernel's buffer

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

void load_exchange::use(const load_frame& frame, framed_replies& replies) noexcept {
    frame_ = &frame;
    replies_ = &replies;
}

void load_exchange::begin(const load_payloads& payloads, std::uint64_t n, clock::time_point since,
                          clock::time_point now) noexcept {
    running_ = true;
    since_ = since;
    started_ = now;
    payload_ = payloads.make(n);
    if (frame_ != nullptr) check_ = frame_->check_of(payload_);
    rewind();
}

void load_exchange::rewind() noexcept {
    all_sent_ = wrong_ = between_ = over_ = ended_between_ = false;
    sent_ = 0;
    if (frame_ != nullptr)
        replies_->expect();
    else
        reply_.clear();
}

void load_exchange::begin_again() noexcept {
    close();
    rewind();
}

std::optional<load_outcome> load_exchange::connect(int fd, const load_payloads& payloads) {
    fd_ = fd;
    served_ = 0;
    if (frame_ != nullptr) replies_->connected(frame_->spec());
    if (payloads.size() > always_at_once) reset_on_close(fd_, true);
    // A loopback connection is established by now: sending at once saves a turn of the event loop.
    return send(payloads);
}

std::optional<load_outcome> load_exchange::send(const load_payloads& payloads) {
    const std::size_t size = frame_ == nullptr ? payloads.size() : frame_->size();
    while (sent_ < size) {
        load_frame::pieces pieces;
        msghdr message{};
        message.msg_iov = pieces.data();
        message.msg_iovlen = frame_ == nullptr ? static_cast<std::size_t>(payloads.rest(
                                                     payload_, sent_, std::span(pieces).first<2>()))
                                               : frame_->rest(payload_, check_, sent_, pieces);
        const ssize_t n = ::sendmsg(fd_, &message, MSG_NOSIGNAL);
        if (n < 0) {
            if (errno == EINTR) continue;
            if (would_block()) return std::nullopt;
            const bool established = connected() || errno == EPIPE || errno == ECONNRESET;
            return established ? load_outcome::reset : load_outcome::not_connected;
        }
        sent_ += static_cast<std::size_t>(n);
    }
    all_sent_ = true;
    if (frame_ != nullptr) return std::nullopt;
    if (payloads.size() > always_at_once) reset_on_close(fd_, false);
    ::shutdown(fd_, SHUT_WR);
    return std::nullopt;
}

std::optional<load_outcome> load_exchange::advance(const load_payloads& payloads,
                                                   std::span<char> buffer, bool ended,
                                                   bool verify) {
    std::optional<load_outcome> broken;
    if (!all_sent_) broken = send(payloads);
    if (broken == load_outcome::not_connected) return broken;
    // Also after a failed send: a refusal may have come before the reset.
    for (;;) {
        const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && would_block()) return broken;
        if (n < 0) return judge(payloads, verify, true);
        if (n == 0) {
            // After a FIN of the peer it is this also when a reset has followed.
            ended_between_ = served_ > 0 && !replies_->begun();
            return judge(payloads, verify, broken.has_value() && !ended_between_);
        }
        const auto data = std::span<const char>(buffer).first(static_cast<std::size_t>(n));
        if (frame_ != nullptr) {
            const auto found = replies_->feed(payloads, payload_, data, verify);
            if (found == framed_replies::found::complete)
                return judge_frame(payloads, verify, ended);
            if (found == framed_replies::found::junk) return judge(payloads, verify, false);
        } else {
            if (verify && !wrong_) wrong_ = !payloads.matches(payload_, reply_.size(), data);
            reply_.keep(data);
        }
        if (data.size() == buffer.size()) continue; // there is probably more
        // A read that was not filled has taken everything, and with the FIN known to be there this
        // was all; without it the next event tells. A frame is cut then: the next read tells by
        // what.
        if (ended && frame_ != nullptr) continue;
        if (ended) return judge(payloads, verify, false);
        return broken;
    }
}

load_outcome load_exchange::judge(const load_payloads& payloads, bool verify, bool reset) {
    if (frame_ != nullptr) return judge_cut(reset);
    // The echo of the payload is no refusal, whatever it looks like.
    if ((wrong_ || !verify) && read_refusal()) return load_outcome::refused;
    if (reset) return load_outcome::reset;
    if (!all_sent_) return load_outcome::cut_short; // it hung up on a client that was sending
    if (!verify) return load_outcome::ok;
    if (wrong_) return load_outcome::wrong_reply;
    return reply_.size() < payloads.size() ? load_outcome::cut_short : load_outcome::ok;
}

load_outcome load_exchange::judge_frame(const load_payloads& payloads, bool verify, bool ended) {
    ++served_;
    between_ = all_sent_;
    const bool right = verify && replies_->right(payloads);
    over_ = ended || !all_sent_;
    if (!right && note_refusal(replies_->refusal())) return load_outcome::refused;
    if (!all_sent_) return load_outcome::cut_short; // who answers a part of a payload
    if (right || !verify) return load_outcome::ok;
    over_ = true; // the reply to another payload, perhaps: the next one would be wrong as well
    return load_outcome::wrong_reply;
}

load_outcome load_exchange::judge_cut(bool reset) {
    if (note_refusal(replies_->plain_refusal())) return load_outcome::refused;
    return reset ? load_outcome::reset : load_outcome::cut_short;
}

bool load_exchange::read_refusal() {
    constexpr std::string_view prefix = "finpost: ";
    const std::string_view line = reply_.whole();
    if (!line.starts_with(prefix) || !line.ends_with('\n')) return false;
    const std::string_view words = line.substr(prefix.size());
    const auto why = parse_reason(words.substr(0, words.find(' ')));
    if (why) why_ = *why;
    return why.has_value();
}

bool load_exchange::note_refusal(std::optional<reason> why) noexcept {
    if (why) why_ = *why;
    return why.has_value();
}

bool load_exchange::may_wait_to_send() const noexcept {
    return sending() || (frame_ != nullptr && frame_->size() > always_at_once);
}

void load_exchange::end(std::uint64_t most) noexcept {
    running_ = false;
    if (!between_ || over_ || served_ >= most) close();
}

void load_exchange::close() noexcept {
    if (fd_ < 0) return;
    if (between_ && frame_->size() > always_at_once) reset_on_close(fd_, false);
    ::close(fd_);
    fd_ = -1;
}

} // namespace finpost
