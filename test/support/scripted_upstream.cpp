#include "support/scripted_upstream.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace finpost::test {

namespace {

// Ends a script: the connection cannot carry on. Not a std::exception, so that nobody mistakes it.
struct conversation_over {};

void close_with_reset(int fd) {
    const linger at_once{1, 0};
    ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

} // namespace

void scripted_upstream::conversation::read_body() {
    if (request_.complete) return;
    if (request_.field("transfer-encoding") == "chunked") {
        while (!read_chunk().empty()) {
        }
        return;
    }
    std::size_t length = 0;
    const std::string text = request_.field("content-length");
    std::from_chars(text.data(), text.data() + text.size(), length);
    while (input_.size() < length) need_more();
    request_.body = input_.substr(0, length);
    input_.erase(0, length);
    request_.complete = true;
    publish();
}

std::string scripted_upstream::conversation::read_chunk() {
    std::size_t line = 0;
    while ((line = input_.find("\r\n")) == input_.npos) need_more();
    std::size_t size = 0;
    const auto [end, ec] = std::from_chars(input_.data(), input_.data() + line, size, 16);
    if (ec != std::errc{} || end != input_.data() + line) throw conversation_over{};
    while (input_.size() < line + 2 + size + 2) need_more();
    const std::string data = input_.substr(line + 2, size);
    if (input_.compare(line + 2 + size, 2, "\r\n") != 0) throw conversation_over{};
    input_.erase(0, line + 2 + size + 2);
    request_.body += data;
    request_.complete = size == 0;
    if (request_.complete) publish();
    return data;
}

// What was read of a body whose end does not come is kept as well.
void scripted_upstream::conversation::need_more() {
    if (read_more()) return;
    request_.cut = true;
    publish();
    throw conversation_over{};
}

void scripted_upstream::conversation::publish() {
    const std::lock_guard lock(owner_.mutex_);
    owner_.requests_[request_.number - 1] = request_;
    owner_.complete_ += request_.complete && !std::exchange(counted_, request_.complete);
    owner_.changed_.notify_all();
}

bool scripted_upstream::conversation::read_more() {
    std::array<char, 64 << 10> buffer;
    for (;;) {
        const ssize_t n = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (n > 0) input_.append(buffer.data(), static_cast<std::size_t>(n));
        if (n >= 0) return n > 0;
        request_.by_reset = errno == ECONNRESET;
        if (errno != EINTR) return false;
    }
}

void scripted_upstream::conversation::send(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n >= 0)
            bytes.remove_prefix(static_cast<std::size_t>(n));
        else if (errno != EINTR)
            cut_while_sending();
    }
}

// Whoever still sends its request cannot have ended it.
void scripted_upstream::conversation::cut_while_sending() {
    request_.by_reset = errno == ECONNRESET;
    request_.cut = !request_.complete;
    publish();
    throw conversation_over{};
}

void scripted_upstream::conversation::wait_for_gate() {
    std::unique_lock lock(owner_.mutex_);
    owner_.changed_.wait(lock, [this] { return owner_.gate_open_ || owner_.stopping_; });
    if (owner_.stopping_) throw conversation_over{};
}

void scripted_upstream::conversation::finish() {
    over_ = true;
    ::shutdown(fd_, SHUT_WR);
    while (read_more()) input_.clear();
}

void scripted_upstream::conversation::reset() {
    close_with_reset(fd_);
    throw conversation_over{};
}

void scripted_upstream::conversation::stay_silent() {
    while (read_more()) input_.clear();
    throw conversation_over{};
}

scripted_upstream::scripted_upstream() : default_(echo()) {
    address_ = parse_socket_address("127.0.0.1:0").value();
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (listener_ < 0 ||
        ::bind(listener_, address_.data(), static_cast<socklen_t>(address_.size())) != 0 ||
        ::listen(listener_, 4096) != 0 ||
        ::getsockname(listener_, reinterpret_cast<sockaddr*>(&bound), &size) != 0)
        throw std::system_error(errno, std::generic_category(), "scripted upstream");
    address_ = socket_address(reinterpret_cast<const sockaddr*>(&bound), size);
    acceptor_ = std::thread([this] { accept_all(); });
}

scripted_upstream::~scripted_upstream() { stop(); }

void scripted_upstream::by_default(script what) {
    const std::lock_guard lock(mutex_);
    default_ = std::move(what);
}

void scripted_upstream::on(std::size_t number, script what) {
    const std::lock_guard lock(mutex_);
    by_number_[number] = std::move(what);
}

void scripted_upstream::open_gate() {
    const std::lock_guard lock(mutex_);
    gate_open_ = true;
    changed_.notify_all();
}

http_url scripted_upstream::url(std::string_view target) const { return url_of(address_, target); }

std::vector<scripted_upstream::seen> scripted_upstream::requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
}

std::size_t scripted_upstream::count() const {
    const std::lock_guard lock(mutex_);
    return requests_.size();
}

std::size_t scripted_upstream::complete() const {
    const std::lock_guard lock(mutex_);
    return complete_;
}

std::size_t scripted_upstream::connections() const {
    const std::lock_guard lock(mutex_);
    return used_;
}

std::size_t scripted_upstream::looks() const {
    const std::lock_guard lock(mutex_);
    return looks_;
}

std::size_t scripted_upstream::open_connections() const {
    const std::lock_guard lock(mutex_);
    return open_.size();
}

bool scripted_upstream::wait(milliseconds limit, const std::function<bool()>& until) const {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, until);
}

bool scripted_upstream::wait_for_heads(std::size_t n, milliseconds limit) const {
    return wait(limit, [&] { return requests_.size() >= n; });
}

bool scripted_upstream::wait_for_requests(std::size_t n, milliseconds limit) const {
    return wait(limit, [&] { return complete_ >= n; });
}

bool scripted_upstream::wait_for_open_connections(std::size_t n, milliseconds limit) const {
    return wait(limit, [&] { return open_.size() == n; });
}

bool scripted_upstream::wait_for_looks(std::size_t n, milliseconds limit) const {
    return wait(limit, [&] { return looks_ >= n; });
}

bool scripted_upstream::close_idle(std::size_t n) {
    std::vector<std::size_t> closing;
    std::unique_lock lock(mutex_);
    // A client can have its answer before the connection's thread has come round to waiting again.
    const auto enough = [&] {
        const auto idle = [](const auto& one) { return one.second.idle; };
        return std::count_if(open_.begin(), open_.end(), idle) >= static_cast<std::ptrdiff_t>(n);
    };
    if (!changed_.wait_for(lock, milliseconds(20'000), enough)) return false;
    for (auto& [number, one] : open_) {
        if (!one.idle) continue;
        ::shutdown(one.fd, SHUT_RDWR);
        closing.push_back(number);
    }
    return changed_.wait_for(lock, milliseconds(20'000), [&] {
        return std::none_of(closing.begin(), closing.end(),
                            [this](std::size_t number) { return open_.contains(number); });
    });
}

void scripted_upstream::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        for (auto& [number, one] : open_) ::shutdown(one.fd, SHUT_RDWR);
        if (listener_ >= 0) ::shutdown(listener_, SHUT_RDWR); // wakes the accept
        changed_.notify_all();
    }
    if (acceptor_.joinable()) acceptor_.join();
    for (std::thread& one : threads_) one.join();
    threads_.clear();
    if (listener_ >= 0) ::close(std::exchange(listener_, -1));
}

void scripted_upstream::accept_all() {
    for (;;) {
        const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
        const std::lock_guard lock(mutex_);
        if (stopping_) {
            if (fd >= 0) ::close(fd);
            return;
        }
        if (fd < 0) continue;  // about the one connection that failed
        const int at_once = 1; // what a script sends is not held back for what it sent before
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &at_once, sizeof at_once);
        const std::size_t number = ++accepted_;
        connection& mine = open_.emplace(number, connection{number, fd}).first->second;
        threads_.emplace_back([this, &mine] { serve(mine); });
        changed_.notify_all();
    }
}

void scripted_upstream::serve(connection& mine) {
    std::string input;
    try {
        for (;;) {
            conversation talk(*this, mine.fd, input);
            if (!next_request(mine, talk)) break;
            const script what = script_for(talk.request().number);
            what(talk);
            if (talk.over_) break;
        }
    } catch (const conversation_over&) {
        // The connection's end is all there is to it.
    }
    const std::lock_guard lock(mutex_);
    ::close(mine.fd);
    if (!mine.used) ++looks_;
    open_.erase(mine.number);
    changed_.notify_all();
}

bool scripted_upstream::next_request(connection& mine, conversation& talk) {
    std::string& input = talk.input_;
    std::size_t end = 0;
    if (input.empty()) {
        const std::lock_guard lock(mutex_);
        mine.idle = mine.used;
        changed_.notify_all();
    }
    while ((end = input.find("\r\n\r\n")) == input.npos) {
        if (!talk.read_more()) return false;
        const std::lock_guard lock(mutex_);
        mine.idle = false;
        if (!std::exchange(mine.used, true)) mine.serial = ++used_;
    }
    std::string head = input.substr(0, end + 4);
    input.erase(0, end + 4);
    const std::lock_guard lock(mutex_);
    mine.idle = false;
    talk.request_.number = requests_.size() + 1;
    talk.request_.connection = mine.serial;
    talk.request_.head = std::move(head);
    requests_.push_back(talk.request_);
    changed_.notify_all();
    return true;
}

scripted_upstream::script scripted_upstream::script_for(std::size_t number) const {
    const std::lock_guard lock(mutex_);
    const auto found = by_number_.find(number);
    return found == by_number_.end() ? default_ : found->second;
}

} // namespace finpost::test
