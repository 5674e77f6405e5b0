#pragma once

#include "finpost/endpoint.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace finpost::detail {

/// Reads a PROXY header, version 1 or 2 (haproxy.org, proxy-protocol.txt), in pieces of any size:
/// plain code, no socket inside. Strict: whatever is not exactly such a header is bad at the first
/// byte that cannot belong to one, and nothing is guessed.
class proxy_parser {
public:
    enum class state { more, complete, bad };
    /// Whom a complete header speaks of.
    enum class subject {
        client,  ///< `source` and `destination`
        unknown, ///< somebody whose address it does not tell (UNKNOWN, UNSPEC, and families other
                 ///< than TCP)
        proxy,   ///< the proxy itself, which looks whether somebody is there (LOCAL)
    };

    /// The longest header that is read: a proxy's certificates fit in.
    static constexpr std::size_t largest = 16 << 10;

    /// Takes of `bytes` what belongs to the header and returns how many that were: all of them
    /// while there is `more` to come. What stands behind a complete header is the client's.
    std::size_t feed(std::span<const std::byte> bytes);

    state reading() const noexcept { return state_; }
    /// Meaningful when complete.
    subject whose() const noexcept { return subject_; }
    const socket_address& source() const noexcept { return source_; }
    const socket_address& destination() const noexcept { return destination_; }
    /// What is wrong when it is bad, in words for people.
    std::string_view fault() const noexcept { return fault_; }

private:
    void take(unsigned char byte);
    void take_text(unsigned char byte);
    void take_binary();
    void read_line(std::string_view line);
    void read_fixed_part();
    void read_block();
    bool good_values(std::size_t from);
    bool good_checksum(std::size_t value) const;
    socket_address binary_address(std::size_t address, std::size_t port, bool v6) const;
    std::size_t number_at(std::size_t at) const noexcept;
    void fail(std::string_view what) noexcept;

    state state_ = state::more;
    subject subject_ = subject::unknown;
    socket_address source_, destination_;
    std::string_view fault_;
    std::string text_;       // the header so far
    std::size_t length_ = 0; // of a binary one, all of it; 0 until it is known
};

} // namespace finpost::detail
