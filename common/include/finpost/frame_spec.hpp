#pragma once

#include "finpost/export.hpp"
#include "finpost/result.hpp"
#include "finpost/units.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace finpost {

/// Where a payload ends on a connection: the SPEC of `--frame`. Made by `parse_frame_spec`, which
/// takes nothing that cannot be used; whoever makes one by hand keeps to the same bounds.
struct frame_spec {
    enum class kind : std::uint8_t {
        eof,          ///< the FIN (over TLS the close_notify) ends it: one payload a connection
        line,         ///< LF ends it; one CR before the LF belongs to the line end
        delimiter,    ///< `delimiter` ends it
        stx_etx,      ///< between STX (02) and ETX (03), then `check`
        mllp,         ///< between 0B and 1C 0D (HL7, Minimal Lower Layer Protocol)
        length,       ///< behind a binary length of `width` bytes
        length_ascii, ///< behind a length of `width` decimal digits
        netstring,    ///< decimal length, colon, payload, comma
        fixed,        ///< `size` bytes
        idle,         ///< a pause of `pause` ends it: lossy, for what has no other end
    };
    /// What follows the ETX.
    enum class checksum : std::uint8_t {
        none,
        lrc, ///< one byte: XOR of all bytes after STX up to and with ETX
        sum, ///< the sum of the same bytes modulo 256 as two hexadecimal digits, then CR LF
    };

    static constexpr std::size_t longest_delimiter = 32;
    /// Of `length:ascii`: what has as many digits fits into 64 bits.
    static constexpr std::uint8_t most_digits = 18;

    kind type = kind::eof;
    checksum check = checksum::none; ///< `stx_etx`
    std::uint8_t width = 0;          ///< `length`: 1, 2 or 4; `length_ascii`: 1 to 18
    bool little_endian = false;      ///< `length`
    bool inclusive = false;          ///< `length`: it counts its own bytes too
    std::string delimiter;           ///< `delimiter`: 1 to 32 bytes
    std::uint64_t size = 0;          ///< `fixed`: above zero
    duration pause{};                ///< `idle`: above zero

    friend bool operator==(const frame_spec&, const frame_spec&) = default;
};

/// Reads `eof`, `line`, `delimiter:HEX`, `stx-etx[,lrc|,sum]`, `mllp`,
/// `length:u8|u16be|u16le|u32be|u32le[,inclusive]`, `length:ascii:N`, `netstring`, `fixed:N` (a
/// size: "fixed:512", "fixed:4KiB") or `idle:D` (a duration: "idle:200ms"). Case matters, but for
/// hexadecimal digits; spaces are not taken.
FINPOST_EXPORT parsed<frame_spec> parse_frame_spec(std::string_view text);

/// The text that `parse_frame_spec` reads back as the same value.
FINPOST_EXPORT std::string to_string(const frame_spec& spec);

} // namespace finpost
