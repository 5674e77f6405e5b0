#pragma once

#include "sockets.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <arpa/inet.h>

namespace baseline {

/// Where a payload ends: with the FIN, with a line's LF, or by its length in front of it
/// (`length:u32be`). A reply is framed in the same way.
class framing {
public:
    /// Ends the program when the word is none.
    static framing parse(std::string_view word) {
        framing out;
        if (word == "line")
            out.how_ = kind::line;
        else if (word == "length:u32be")
            out.how_ = kind::length;
        else if (word != "eof") {
            std::fputs("--frame takes eof, line and length:u32be\n", stderr);
            std::exit(2);
        }
        return out;
    }

    bool by_fin() const { return how_ == kind::eof; }

    /// A payload, where a frame is whole: `size` bytes at `begin`, and the next frame at `next`.
    struct frame {
        std::size_t begin = 0, size = 0, next = 0; // next 0: not complete yet
    };
    /// The first frame of `text`, of which `seen` bytes have been looked through before.
    frame find(std::string_view text, std::size_t seen) const {
        frame out;
        if (how_ == kind::line) {
            const std::size_t end = text.find('\n', seen);
            if (end != text.npos) out = {0, end, end + 1};
        } else if (text.size() >= sizeof(std::uint32_t)) {
            std::uint32_t length = 0;
            std::memcpy(&length, text.data(), sizeof length);
            const std::size_t size = ntohl(length), next = sizeof length + size;
            if (text.size() >= next) out = {sizeof length, size, next};
        }
        return out;
    }

    /// Makes a frame of the response's body, in place: of what stands in front of it nobody needs
    /// the end any more. Where the frame begins; it ends with the buffer.
    std::size_t wrap(buffer& response, std::size_t body) const {
        if (how_ == kind::line) response.append('\n');
        if (how_ != kind::length) return body;
        const std::uint32_t length = htonl(static_cast<std::uint32_t>(response.size() - body));
        std::memcpy(response.data() + body - sizeof length, &length, sizeof length);
        return body - sizeof length;
    }

private:
    enum class kind { eof, line, length } how_ = kind::eof;
};

} // namespace baseline
