#include "policy/foreign.hpp"

#include "ascii.hpp"

#include <algorithm>

namespace finpost::detail {

namespace {

// PRI is how HTTP/2 begins (RFC 9113 §3.4), PROPFIND what WebDAV's scanners send.
constexpr std::array<std::string_view, 11> methods{"GET",     "HEAD",    "POST",    "PUT",
                                                   "DELETE",  "OPTIONS", "PATCH",   "TRACE",
                                                   "CONNECT", "PRI",     "PROPFIND"};
constexpr std::string_view version = "HTTP/0.0"; // a zero stands for any digit
constexpr std::uint16_t longest_line = 8 << 10;
constexpr std::uint16_t longest_head = 16 << 10;

} // namespace

void foreign_bytes::read(std::span<const std::byte> bytes) noexcept {
    for (const std::byte byte : bytes) {
        take(std::to_integer<unsigned char>(byte));
        if (at_ == place::end) return;
    }
}

void foreign_bytes::take(unsigned char byte) noexcept {
    ++seen_;
    switch (at_) {
    case place::begin:
        return take_first(byte);
    case place::method:
        return take_method(byte);
    case place::target:
        if (byte == ' ' && part_ > 0)
            at_ = place::version, part_ = 0;
        else if (byte <= ' ' || byte == 0x7f || seen_ > longest_line)
            settle(kind::payload);
        else
            part_ = 1;
        return;
    case place::version:
    case place::line_end:
        return take_version(byte);
    case place::fields:
        return take_field(byte);
    case place::client_hello:
        return take_client_hello(byte);
    case place::end:
        return;
    }
}

void foreign_bytes::take_first(unsigned char byte) noexcept {
    if (byte == handshake) {
        at_ = place::client_hello;
        part_ = 1;
    } else {
        at_ = place::method;
        take_method(byte);
    }
}

void foreign_bytes::take_method(unsigned char byte) noexcept {
    const bool ends = byte == ' ';
    if (!ends && length_ < method_.size())
        method_[length_++] = static_cast<char>(byte);
    else if (!ends)
        return settle(kind::payload);
    const bool known = std::any_of(methods.begin(), methods.end(), [&](std::string_view name) {
        return ends ? name == method() : name.starts_with(method());
    });
    if (!known)
        settle(kind::payload);
    else if (ends)
        at_ = place::target;
}

void foreign_bytes::take_version(unsigned char byte) noexcept {
    if (part_ < version.size()) {
        const auto due = static_cast<unsigned char>(version[part_++]);
        if (due == '0' ? !is_digit(byte) : byte != due) return settle(kind::payload);
        if (part_ == version.size()) at_ = place::line_end;
    } else if (byte == '\n') {
        const bool probes = method() == "GET" || method() == "HEAD";
        if (!probes) return settle(kind::http_request);
        kind_ = kind::http_probe;
        at_ = place::fields;
    } else if (byte != '\r' || part_++ > version.size()) {
        settle(kind::payload);
    }
}

// Up to the empty line.
void foreign_bytes::take_field(unsigned char byte) noexcept {
    if ((byte == '\n' && empty_line_) || seen_ > longest_head) at_ = place::end;
    if (byte != '\r') empty_line_ = byte == '\n';
}

// The record's head, and the message's with its version: RFC 8446 §5.1, §4, §4.1.2.
void foreign_bytes::take_client_hello(unsigned char byte) noexcept {
    const std::uint8_t n = part_++;
    bool fits = true;
    switch (n) {
    case 1:
    case 9:
        fits = byte == 3;
        break;
    case 2:
    case 10:
        fits = byte <= 4;
        break;
    case 3:
    case 4:
        record_ = record_ << 8 | byte;
        break;
    case 5:
        fits = byte == 1;
        break;
    default:
        message_ = message_ << 8 | byte;
    }
    // The record holds the message, or its beginning, and nothing else.
    if (n == 8) fits = record_ > 0 && record_ <= message_ + 4;
    if (!fits)
        settle(kind::payload);
    else if (n == 10)
        settle(kind::client_hello);
}

void foreign_bytes::end() noexcept {
    const bool probes = method() == "GET" || method() == "HEAD";
    if (at_ == place::line_end)
        settle(probes ? kind::http_probe : kind::http_request);
    else if (kind_ == kind::undecided)
        settle(kind::payload);
    at_ = place::end;
}

} // namespace finpost::detail
