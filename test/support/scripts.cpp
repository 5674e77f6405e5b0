// The scripts at hand, and the small things beside the scripted upstream.
#include "support/scripted_upstream.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <system_error>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

namespace finpost::test {

namespace {

using conversation = scripted_upstream::conversation;
using script = scripted_upstream::script;

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
        return std::tolower(x) == std::tolower(y);
    });
}

// The values of all fields called `name`, in their order.
std::vector<std::string> values_of(std::string_view head, std::string_view name) {
    std::vector<std::string> out;
    std::size_t at = head.find("\r\n") + 2; // behind the request line
    for (std::size_t end = 0;; at = end + 2) {
        end = head.find("\r\n", at);
        if (end == head.npos || end == at) break; // the empty line
        const std::string_view line = head.substr(at, end - at);
        const std::size_t colon = line.find(':');
        if (colon == line.npos || !same_name(line.substr(0, colon), name)) continue;
        const std::size_t value = line.find_first_not_of(" \t", colon + 1);
        out.emplace_back(value == line.npos ? std::string_view() : line.substr(value));
    }
    return out;
}

int bound_socket(socket_address& address) {
    address = parse_socket_address("127.0.0.1:0").value();
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    if (fd < 0 || ::bind(fd, address.data(), static_cast<socklen_t>(address.size())) != 0 ||
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size) != 0)
        throw std::system_error(errno, std::generic_category(), "a port for a test");
    address = socket_address(reinterpret_cast<const sockaddr*>(&bound), size);
    return fd;
}

std::string hexadecimal(std::size_t n) {
    std::array<char, 16> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), n, 16).ptr;
    return {digits.data(), end};
}

} // namespace

std::string scripted_upstream::seen::request_line() const {
    return head.substr(0, head.find("\r\n"));
}

std::string scripted_upstream::seen::field(std::string_view name) const {
    const auto values = values_of(head, name);
    return values.empty() ? std::string() : values.front();
}

std::size_t scripted_upstream::seen::count(std::string_view name) const {
    return values_of(head, name).size();
}

std::string response(int status, std::string_view body, std::string_view more_fields) {
    std::string out = "HTTP/1.1 " + std::to_string(status) +
                      " As Scripted\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
    out += more_fields;
    out += "\r\n";
    out += body;
    return out;
}

script scripted_upstream::echo(int status) {
    return [status](conversation& talk) {
        talk.read_body();
        talk.send(response(status, talk.request().body));
    };
}

script scripted_upstream::chunked_echo(std::size_t piece) {
    return [piece](conversation& talk) {
        talk.read_body();
        talk.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        const std::string_view body = talk.request().body;
        for (std::size_t at = 0; at < body.size(); at += piece) {
            const std::string_view part = body.substr(at, piece);
            talk.send(hexadecimal(part.size()) + ";extension=ignored\r\n");
            talk.send(part);
            talk.send("\r\n");
        }
        talk.send("0\r\nTrailer: ignored\r\n\r\n");
    };
}

script scripted_upstream::close_delimited_echo() {
    return [](conversation& talk) {
        talk.read_body();
        talk.send("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
        talk.send(talk.request().body);
        talk.finish();
    };
}

script scripted_upstream::raw(std::string bytes) {
    return [bytes = std::move(bytes)](conversation& talk) {
        talk.read_body();
        talk.send(bytes);
    };
}

script scripted_upstream::raw_then_fin(std::string bytes) {
    return [bytes = std::move(bytes)](conversation& talk) {
        talk.read_body();
        talk.send(bytes);
        talk.finish();
    };
}

script scripted_upstream::raw_then_reset(std::string bytes) {
    return [bytes = std::move(bytes)](conversation& talk) {
        talk.read_body();
        talk.send(bytes);
        talk.reset();
    };
}

script scripted_upstream::never() {
    return [](conversation& talk) {
        talk.read_body();
        talk.stay_silent();
    };
}

script scripted_upstream::held(script next) {
    return [next = std::move(next)](conversation& talk) {
        talk.read_body();
        talk.wait_for_gate();
        next(talk);
    };
}

refusing_port::refusing_port() : fd_(bound_socket(address_)) {}
void refusing_port::listen() {
    if (::listen(fd_, 64) != 0) throw std::system_error(errno, std::generic_category(), "listen");
}
refusing_port::~refusing_port() { ::close(fd_); }

silent_port::silent_port(bool from_now) : fd_(bound_socket(address_)) {
    ::listen(fd_, 8);
    if (from_now) fill();
}

int silent_port::accept() {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) throw std::system_error(errno, std::generic_category(), "accept");
    return fd;
}

void silent_port::fill() {
    ::listen(fd_, 0);
    // The kernel drops every SYN once the backlog is full; more than it takes must be offered to
    // fill it.
    for (int i = 0; i < 4; ++i) {
        fillers_.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        static_cast<void>(
            ::connect(fillers_.back(), address_.data(), static_cast<socklen_t>(address_.size())));
    }
}

silent_port::~silent_port() {
    for (const int fd : fillers_) ::close(fd);
    ::close(fd_);
}

http_url url_of(const socket_address& address, std::string_view target) {
    return parse_http_url("http://" + to_string(address) + std::string(target)).value();
}

} // namespace finpost::test
