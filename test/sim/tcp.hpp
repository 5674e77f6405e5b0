// TCP over loopback in the simulated kernel, as Linux has it towards its users.
#pragma once

#include "sim/kernel.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <netinet/in.h>

namespace finpost::sim {

/// A queue of bytes.
class byte_queue {
public:
    void add(const void* from, std::size_t n) { data_.append(static_cast<const char*>(from), n); }
    void take(std::size_t n);
    const char* data() const { return data_.data() + from_; }
    std::size_t size() const { return data_.size() - from_; }
    bool empty() const { return size() == 0; }
    void clear() { data_.clear(), from_ = 0; }

private:
    std::string data_;
    std::size_t from_ = 0;
};

class network;
struct listening;

/// One end of a TCP connection.
struct tcp_end : file {
    enum class stage { fresh, connecting, open, closed };
    enum class kind { data, fin, rst, ack };

    using file::file;
    // As recv(2), send(2) ...; negative: -errno.
    std::int64_t receive(void* to, std::size_t n, bool peek = false);
    std::int64_t send(const void* from, std::size_t n);
    int connect(const sockaddr_in& to);
    int shutdown(int how);
    void close() override; // FIN, or RST where Linux sends one
    void reset();
    unsigned ready() const override;
    int take_error() { return std::exchange(error, 0); }
    std::size_t unacknowledged() const; // as SIOCOUTQ counts
    void set_low_water(int least);

    int id = 0; // in the trace: even for who connects, odd for who accepts
    rng dice{0};
    stage state = stage::fresh;
    sockaddr_in local{}, remote{};
    tcp_end* peer = nullptr;
    listening* waits_at = nullptr; // where it waits to be accepted
    byte_queue in, out;
    std::size_t in_flight = 0;
    int error = 0;             // sk_err: told once
    bool send_shut = false;    // SEND_SHUTDOWN
    bool receive_shut = false; // RCV_SHUTDOWN
    bool done = false;         // SOCK_DONE: their FIN came
    bool fin_sent = false, fin_arrived = false;
    bool bound = false;    // by bind(2)
    bool untold = false;   // connect(2) has begun it, and not said yet how it ended
    nanos fin_known = 0;   // when the ACK of its FIN is here; 0: no FIN has arrived
    std::size_t never = 0; // bytes whose ACK will never come, after a RST
    bool no_space = false, blocked = false, orphan = false;
    bool linger0 = false;     // SO_LINGER of {1, 0}
    bool shares_port = false; // SO_REUSEPORT
    bool reuses = false;      // SO_REUSEADDR
    bool forgets =
        false; // of a system that drops what was received when a RST comes, as Linux does not
    std::size_t low_water = 1, send_buffer = 64 << 10, receive_buffer = 64 << 10;

private:
    struct segment {
        kind what;
        std::string data;
    };
    friend struct listening;
    friend class network;
    void syn(int attempt, int which);
    void disconnect(int why);
    void put(kind what, std::string data = {});
    void deliver();
    void was_reset();
    void answer_reset();
    void pump();
    std::size_t queued() const { return out.size() + in_flight; }
    bool roomy() const { return queued() * 3 <= send_buffer * 2; }
    bool readable() const {
        return !in.empty() && in.size() >= std::min(low_water, receive_buffer);
    }

    std::deque<segment> wire_;
    nanos last_arrival_ = 0;
    int connects_ = 0;
};

/// A listening socket.
struct listening : file {
    using file::file;
    unsigned ready() const override;
    void close() override { stop(); }
    void stop();

    sockaddr_in local{};
    bool shut = false, linger0 = false, shares_port = false, reuses = false;
    std::deque<tcp_end*> queue;
    std::size_t backlog = 4096;
    std::size_t receive_buffer = 0;       // SO_RCVBUF, when it was set
    std::function<void(tcp_end&)> script; // of a service inside
};

/// Ports, and who listens there.
class network {
public:
    static inline network* current = nullptr;
    explicit network(kernel& where) : k(where) { current = this; }
    ~network() { current = nullptr; }
    network(const network&) = delete;
    network& operator=(const network&) = delete;

    kernel& k;
    tcp_end& make_end(std::uint64_t number);
    int bind(int fd, const sockaddr_in& to);
    int listen(int fd, int backlog);
    int shutdown(int fd, int how);
    int accept(int fd, sockaddr_in* from);
    /// Of those that share a port, the one that `from` is spread to.
    listening* at_address(const sockaddr_in& where, const sockaddr_in& from) const;
    /// A service inside: `script` is called with each connection.
    listening& serve(std::uint16_t port, std::function<void(tcp_end&)> script);
    /// A client inside.
    tcp_end& dial(std::uint16_t from_port, std::uint16_t to_port);
    std::uint16_t free_port() { return next_port_++; }
    int next_id() { return next_id_ += 2; }
    void forget(const listening& door);
    void forget(const tcp_end& bound) { std::erase(bound_, &bound); }

    // For who watches; not the program's business.
    std::function<void(const tcp_end&)> on_accept;
    std::function<void(const tcp_end&, std::size_t)> on_arrival; ///< of so much; 0: the end

private:
    bool listened_at(std::uint16_t port, const tcp_end& but_for) const;
    bool taken(std::uint16_t port, const tcp_end& who) const; ///< it cannot be bound there

    std::map<std::uint16_t, std::vector<listening*>> doors_;
    std::vector<const tcp_end*> bound_; // and do not listen
    std::uint16_t next_port_ = 40'000;
    int next_id_ = 0;
};

sockaddr_in loopback(std::uint16_t port);

} // namespace finpost::sim
