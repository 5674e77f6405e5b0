#include "policy/proxy_protocol.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <optional>

#include <arpa/inet.h>
#include <netinet/in.h>

namespace finpost::detail {

namespace {

constexpr std::string_view signature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::string_view text_begin = "PROXY ";
constexpr std::size_t fixed_size = 16;       // signature, version and command, family, length
constexpr std::size_t longest_v1_line = 107; // CRLF included

constexpr unsigned char type_crc32c = 0x03;

std::size_t address_size(unsigned char family) noexcept {
    switch (family >> 4) {
    case 1:
        return 2 * 4 + 4;
    case 2:
        return 2 * 16 + 4;
    case 3:
        return std::size_t{2} * 108;
    default:
        return 0;
    }
}

socket_address address_from(const void* host, std::uint16_t port, bool v6) {
    if (v6) {
        sockaddr_in6 out{};
        out.sin6_family = AF_INET6;
        out.sin6_port = htons(port);
        std::memcpy(&out.sin6_addr, host, sizeof out.sin6_addr);
        return {reinterpret_cast<const sockaddr*>(&out), sizeof out};
    }
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(port);
    std::memcpy(&out.sin_addr, host, sizeof out.sin_addr);
    return {reinterpret_cast<const sockaddr*>(&out), sizeof out};
}

std::optional<std::uint16_t> read_port(std::string_view word) {
    std::uint16_t port = 0;
    const auto [end, ec] = std::from_chars(word.data(), word.data() + word.size(), port);
    const bool padded = word.size() > 1 && word.front() == '0';
    if (ec != std::errc{} || end != word.data() + word.size() || padded) return std::nullopt;
    return port;
}

std::optional<socket_address> read_address(std::string_view host, std::string_view port, bool v6) {
    std::array<unsigned char, 16> binary{};
    const auto number = read_port(port);
    const std::string text(host);
    if (!number || ::inet_pton(v6 ? AF_INET6 : AF_INET, text.c_str(), binary.data()) != 1)
        return std::nullopt;
    return address_from(binary.data(), *number, v6);
}

// Up to the next space, which goes with it.
std::string_view next_word(std::string_view& rest) {
    const std::size_t space = rest.find(' ');
    const std::string_view word = rest.substr(0, space);
    rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    return word;
}

// Castagnoli's polynomial, reflected (RFC 3720 §12.1).
std::uint32_t add_to_crc32c(std::uint32_t sum, unsigned char byte) noexcept {
    sum ^= byte;
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0x82f63b78u : 0u);
    return sum;
}

} // namespace

std::size_t proxy_parser::feed(std::span<const std::byte> bytes) {
    std::size_t taken = 0;
    while (taken < bytes.size() && state_ == state::more)
        take(static_cast<unsigned char>(bytes[taken++]));
    return taken;
}

void proxy_parser::take(unsigned char byte) {
    text_ += static_cast<char>(byte);
    const bool text = text_.front() == text_begin.front();
    const std::string_view begin = text ? text_begin : signature;
    if (text_.size() <= begin.size()) {
        if (!begin.starts_with(text_)) fail("it does not begin with one");
    } else if (text) {
        take_text(byte);
    } else {
        take_binary();
    }
}

// Section 2.1. Nothing but visible characters and spaces until CRLF.
void proxy_parser::take_text(unsigned char byte) {
    const bool after_cr = text_[text_.size() - 2] == '\r';
    if (after_cr && byte == '\n')
        read_line(std::string_view(text_).substr(0, text_.size() - 2));
    else if (after_cr || (byte != '\r' && (byte < ' ' || byte > '~')))
        fail("a control character in the line");
    else if (text_.size() >= longest_v1_line)
        fail("the line is longer than 107 bytes");
}

void proxy_parser::read_line(std::string_view line) {
    line.remove_prefix(text_begin.size());
    const std::string_view family = next_word(line);
    if (family == "UNKNOWN") {
        state_ = state::complete;
        return;
    }
    if (family != "TCP4" && family != "TCP6")
        return fail("the family is not TCP4, TCP6 or UNKNOWN");
    const bool v6 = family == "TCP6";
    const std::string_view from = next_word(line), to = next_word(line),
                           from_port = next_word(line);
    const auto source = read_address(from, from_port, v6);
    const auto destination = read_address(to, line, v6); // the rest: no fifth word
    if (!source || !destination) return fail("an address or a port is malformed");
    source_ = *source;
    destination_ = *destination;
    subject_ = subject::client;
    state_ = state::complete;
}

// Section 2.2.
void proxy_parser::take_binary() {
    if (text_.size() == fixed_size) read_fixed_part();
    if (state_ == state::more && length_ != 0 && text_.size() == length_) read_block();
}

void proxy_parser::read_fixed_part() {
    const auto command = static_cast<unsigned char>(text_[12]);
    const auto family = static_cast<unsigned char>(text_[13]);
    length_ = fixed_size + number_at(14);
    if (command != 0x20 && command != 0x21)
        return fail("the version is not 2, or the command is unknown");
    if (family >> 4 > 3 || (family & 0xf) > 2) return fail("the family or the protocol is unknown");
    if (length_ > largest) return fail("it is longer than 16 KiB");
}

void proxy_parser::read_block() {
    const bool local = text_[12] == 0x20;
    const auto family = static_cast<unsigned char>(text_[13]);
    const std::size_t addresses = address_size(family);
    // What LOCAL and UNSPEC carry is to be passed over.
    const bool has_addresses = !local && addresses != 0;
    if (has_addresses && text_.size() < fixed_size + addresses)
        return fail("it is too short for its addresses");
    if (has_addresses && !good_values(fixed_size + addresses)) return;
    if (local) subject_ = subject::proxy;
    const bool tcp4 = family == 0x11, tcp6 = family == 0x21;
    if (has_addresses && (tcp4 || tcp6)) {
        const std::size_t host = tcp6 ? 16 : 4;
        source_ = binary_address(fixed_size, fixed_size + 2 * host, tcp6);
        destination_ = binary_address(fixed_size + host, fixed_size + 2 * host + 2, tcp6);
        subject_ = subject::client;
    }
    state_ = state::complete;
}

// Type, length and value, up to the very end of the header: none reaches into the payload.
bool proxy_parser::good_values(std::size_t at) {
    while (at < text_.size()) {
        const std::size_t left = text_.size() - at;
        const std::size_t size = left < 3 ? left : 3 + number_at(at + 1);
        if (left < 3 || size > left) return fail("a value reaches beyond the header"), false;
        const bool sum = static_cast<unsigned char>(text_[at]) == type_crc32c;
        if (sum && (size != 3 + 4 || !good_checksum(at + 3)))
            return fail("the checksum is not that of the header"), false;
        at += size;
    }
    return true;
}

// Over the whole header, with zeros in its own place.
bool proxy_parser::good_checksum(std::size_t value) const {
    std::uint32_t sum = ~std::uint32_t{0};
    for (std::size_t i = 0; i < text_.size(); ++i) {
        const bool own = i >= value && i < value + 4;
        sum = add_to_crc32c(sum, own ? 0 : static_cast<unsigned char>(text_[i]));
    }
    return ~sum == (number_at(value) << 16 | number_at(value + 2));
}

socket_address proxy_parser::binary_address(std::size_t address, std::size_t port, bool v6) const {
    return address_from(text_.data() + address, static_cast<std::uint16_t>(number_at(port)), v6);
}

std::size_t proxy_parser::number_at(std::size_t at) const noexcept {
    const auto byte = [this](std::size_t i) {
        return std::size_t{static_cast<unsigned char>(text_[i])};
    };
    return byte(at) << 8 | byte(at + 1);
}

void proxy_parser::fail(std::string_view what) noexcept {
    state_ = state::bad;
    fault_ = what;
}

} // namespace finpost::detail
