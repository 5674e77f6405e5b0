#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace finpost::detail {

/// Tells by a payload's first bytes whether it is an HTTP request or a TLS ClientHello, which
/// health checks and scanners send to any port: plain code, fed in pieces of any size. Of nearly
/// every payload one byte is enough.
class foreign_bytes {
public:
    enum class kind {
        undecided,
        payload,      ///< whatever it is, it is neither
        http_probe,   ///< a GET or a HEAD, as health checks send
        http_request, ///< another HTTP request
        client_hello, ///< of TLS
    };

    /// The payload's next bytes. Does nothing once they cannot change anything.
    void feed(std::span<const std::byte> bytes) noexcept {
        if (at_ == place::end || bytes.empty()) return;
        if (at_ == place::begin && !may_begin(std::to_integer<unsigned char>(bytes.front())))
            return settle(kind::payload);
        read(bytes);
    }
    /// The payload has ended: what may still have become something else is a payload, but for a
    /// request that lacks nothing but its line end.
    void finish() noexcept {
        if (at_ != place::end) end();
    }

    kind is() const noexcept { return kind_; }
    /// Whether it is one of the three.
    bool is_foreign() const noexcept { return kind_ > kind::payload; }
    /// Of an HTTP probe: its head is there, or longer than anybody's need be.
    bool is_whole() const noexcept { return at_ == place::end; }
    /// Whether its answer has no body (RFC 9110 §9.3.2).
    bool is_head() const noexcept { return kind_ == kind::http_probe && method_[0] == 'H'; }

private:
    // Where in a request, or in a ClientHello, the next byte stands.
    enum class place : std::uint8_t {
        begin,
        method,
        target,
        version,
        line_end,
        fields,
        client_hello,
        end
    };

    void read(std::span<const std::byte> bytes) noexcept;
    void take(unsigned char byte) noexcept;
    void take_first(unsigned char byte) noexcept;
    void take_method(unsigned char byte) noexcept;
    void take_version(unsigned char byte) noexcept;
    void take_field(unsigned char byte) noexcept;
    void take_client_hello(unsigned char byte) noexcept;
    void end() noexcept;
    void settle(kind is) noexcept {
        kind_ = is;
        at_ = place::end;
    }
    static bool may_begin(unsigned char byte) noexcept {
        return (byte >= 'A' && byte <= 'Z') || byte == handshake;
    }
    static constexpr unsigned char handshake = 0x16; // a TLS record's type
    std::string_view method() const noexcept { return {method_.data(), length_}; }

    kind kind_ = kind::undecided;
    place at_ = place::begin;
    std::uint8_t length_ = 0; // of the method so far
    std::uint8_t part_ = 0;   // bytes so far of the version, of the ClientHello
    bool empty_line_ = true;  // of the fields, so far
    std::array<char, 8> method_{};
    std::uint16_t seen_ = 0;
    std::uint32_t record_ = 0, message_ = 0; // lengths in a ClientHello
};

} // namespace finpost::detail
