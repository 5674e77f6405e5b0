#pragma once

#include "framing.hpp"
#include "sockets.hpp"

#include <cerrno>
#include <string>

// What the floor keeps of its connections.
namespace baseline {

/// An end of an exchange: which kind it is decides what an event on it means.
struct end_point {
    enum class kind { listener, client, upstream } what;
    int fd = -1;
};

/// Reads what is there: until nothing is left or, with `whole_reads`, a read was not filled (the
/// next byte is then a new event). False when the connection is broken; `eof` when it has ended.
inline bool fill(buffer& into, int fd, bool whole_reads, bool& eof) {
    for (bool filled = true;;) {
        const ssize_t n = into.receive(fd, 1024, filled);
        if (n < 0) return errno == EAGAIN;
        eof = n == 0;
        if (eof || (whole_reads && !filled)) return true;
    }
}

struct exchange;

struct upstream : end_point {
    upstream() : end_point{kind::upstream} {}
    exchange* serves = nullptr;
};

struct exchange : end_point {
    enum class stage { receive, forward, reply } now = stage::receive;
    exchange() : end_point{kind::client} {}
    bool registered = false;
    bool unread = false; // there was an event while nothing was to be read
    bool ended = false;  // the client's FIN was read
    upstream* asked = nullptr;
    buffer payload;      // with its frame, and what came behind it
    framing::frame body; // where in it the payload stands
    buffer response;
    baseline::head head;
    std::string request_head;
    std::size_t sent = 0;
};

} // namespace baseline
