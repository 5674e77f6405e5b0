#include "sim/tcp.hpp"

#include "sim/epoll.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace finpost::sim {

void byte_queue::take(std::size_t n) {
    from_ += n;
    if (from_ == data_.size())
        clear();
    else if (from_ > 4096 && from_ * 2 > data_.size())
        data_.erase(0, std::exchange(from_, 0));
}

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in a{};
    a.sin_family = AF_INET;
    a.sin_port = htons(port);
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return a;
}

// ---- one end

namespace {

nanos delay(tcp_end& of) {
    kernel& k = of.k;
    if (k.happens(hardship::late, k.hard.late, of.dice)) return of.dice.between(0, 300 * ms);
    return of.dice.between(k.hard.fastest, k.hard.slowest);
}

} // namespace

int tcp_end::connect(const sockaddr_in& to) {
    if (state == stage::connecting) return -EALREADY;
    if (state != stage::fresh && !untold) return -EISCONN;
    if (state == stage::open) {
        untold = false;
        return 0;
    }
    if (state == stage::closed) { // says what became of it, and can be used again
        const int why = error != 0 ? error : ECONNABORTED;
        disconnect(0);
        return -why;
    }
    untold = true;
    if (local.sin_port == 0) local = loopback(network::current->free_port());
    if (id == 0) id = network::current->next_id();
    remote = to;
    state = stage::connecting;
    k.note("SYN", id, ntohs(to.sin_port));
    const int which = ++connects_;
    if (fd >= 0 && k.happens(hardship::unanswered, k.hard.unanswered, dice)) {
        k.at(k.now + 127 * s, [this, which] {
            if (state != stage::connecting || which != connects_) return;
            was_reset();
            error = ETIMEDOUT;
        });
        return -EINPROGRESS;
    }
    syn(0, which);
    return -EINPROGRESS;
}

// As tcp_disconnect(): a fresh one again.
void tcp_end::disconnect(int why) {
    state = stage::fresh;
    error = why;
    send_shut = receive_shut = done = fin_sent = fin_arrived = untold = false;
    in.clear(), out.clear(), wire_.clear();
    in_flight = never = 0;
    fin_known = 0;
    if (!bound) local = {};
    wake();
}

void tcp_end::syn(int attempt, int which) {
    if (attempt < 3 &&
        k.happens(hardship::lost_syn, k.hard.lost_syn, dice)) { // RFC 6298: 1 s, doubled
        k.at(k.now + (s << attempt), [this, attempt, which] {
            if (state == stage::connecting && which == connects_) syn(attempt + 1, which);
        });
        return;
    }
    k.at(k.now + delay(*this), [this, attempt, which] { // it arrives
        if (state != stage::connecting || which != connects_) return;
        listening* const door = network::current->at_address(remote, local);
        if (door == nullptr) {
            k.at(k.now + delay(*this), [this, which] {
                if (which == connects_) was_reset();
            });
            return;
        }
        if (!door->script && door->queue.size() > door->backlog) { // dropped, and sent again
            k.at(k.now + (s << std::min(attempt, 5)), [this, attempt, which] {
                if (state == stage::connecting && which == connects_) syn(attempt + 1, which);
            });
            return;
        }
        tcp_end& theirs = network::current->make_end(static_cast<std::uint64_t>(id) + 1);
        theirs.id = id + 1;
        theirs.local = remote;
        theirs.remote = local;
        theirs.peer = this;
        theirs.state = stage::open;
        theirs.waits_at = door;
        theirs.linger0 = door->linger0; // as tcp_create_openreq_child copies the socket
        if (door->receive_buffer > 0) theirs.receive_buffer = door->receive_buffer;
        peer = &theirs;
        k.at(k.now + delay(*this), [this, which] { // the SYN-ACK is back
            if (state != stage::connecting || which != connects_) return;
            state = stage::open;
            put(kind::ack);
            wake();
        });
    });
}

void tcp_end::put(kind what, std::string data) {
    last_arrival_ = std::max(last_arrival_, k.now + delay(*this));
    if (what == kind::data) in_flight += data.size();
    wire_.push_back({what, std::move(data)});
    k.at(last_arrival_, [this] { deliver(); });
}

void tcp_end::deliver() {
    if (wire_.empty()) return;
    const segment got = std::move(wire_.front());
    wire_.pop_front();
    tcp_end& to = *peer;
    if (const auto& seen = network::current->on_arrival; seen && got.what != kind::ack)
        seen(to, got.data.size());
    static constexpr const char* names[] = {"data>", "FIN>", "RST>", "ACK>"};
    k.note(names[static_cast<int>(got.what)], to.id, static_cast<std::int64_t>(got.data.size()));
    switch (got.what) {
    case kind::ack: {
        listening* const door = std::exchange(to.waits_at, nullptr);
        if (door->shut) return to.answer_reset();
        if (door->script) return door->script(to);
        door->queue.push_back(&to);
        to.waits_at = door;
        return door->wake();
    }
    case kind::data:
        in_flight -= got.data.size();
        if (to.orphan || to.state == stage::closed) return to.answer_reset();
        to.fin_known = to.fin_known == 0 ? 0 : k.now;      // it carries the ACK
        if (to.send_shut && to.receive_shut && !to.done) { // TCPABORTONDATA
            to.was_reset();
            return to.put(kind::rst);
        }
        to.in.add(got.data.data(), got.data.size());
        if (to.readable() || to.waiting) to.wake();
        if (no_space && roomy()) {
            no_space = false;
            wake();
        }
        return pump();
    case kind::fin:
        fin_arrived = true;
        fin_known = k.now + 40 * ms; // Linux puts off the ACK of a FIN
        if (to.state == stage::closed) return;
        to.done = to.receive_shut = true;
        if (to.fin_arrived)
            to.state = state = stage::closed; // both are over, nothing is left to be sent
        return to.wake();
    case kind::rst:
        return to.was_reset();
    }
}

// As tcp_reset() has it: what was received can still be read, and comes before the error; a FIN
// that came before it hides it from who reads.
void tcp_end::was_reset() {
    if (state == stage::closed || state == stage::fresh) return;
    never = unacknowledged();
    error = state == stage::connecting ? ECONNREFUSED : done && !send_shut ? EPIPE : ECONNRESET;
    state = stage::closed;
    send_shut = receive_shut = true;
    out.clear();
    if (forgets) {
        in.clear();
        done = false;
        error = ECONNRESET;
    }
    wake();
}

void tcp_end::answer_reset() {
    if (state == stage::open) out.clear();
    state = stage::closed;
    put(kind::rst);
}

void tcp_end::pump() {
    if (state != stage::open) return;
    while (!out.empty()) {
        const std::size_t held = peer->in.size() + in_flight;
        if (held >= peer->receive_buffer) {
            blocked = true;
            return;
        }
        std::size_t n = std::min(out.size(), peer->receive_buffer - held);
        n = std::min<std::size_t>(n, 16 << 10);
        if (k.happens(hardship::small, k.hard.small, dice))
            n = 1 + dice.below(std::min<std::size_t>(n, 40));
        std::string data(out.data(), n);
        out.take(n);
        put(kind::data, std::move(data));
    }
    if (send_shut && !fin_sent) {
        fin_sent = true;
        put(kind::fin);
    }
}

std::int64_t tcp_end::receive(void* to, std::size_t n, bool peek) {
    if (!in.empty()) {
        n = std::min(n, in.size());
        std::memcpy(to, in.data(), n);
        if (peek) return static_cast<std::int64_t>(n);
        in.take(n);
        if (peer->blocked) {
            peer->blocked = false;
            k.at(k.now + delay(*this), [other = peer] { other->pump(); });
        }
        return static_cast<std::int64_t>(n);
    }
    if (done) return 0;
    if (error != 0) return -take_error();
    if (receive_shut) return 0;
    return state == stage::fresh ? -ENOTCONN : -EAGAIN;
}

std::int64_t tcp_end::send(const void* from, std::size_t n) {
    if (error != 0) return -take_error();
    if (send_shut || state == stage::closed || state == stage::fresh) return -EPIPE;
    if (state == stage::connecting) return -EAGAIN;
    if (n == 0) return 0;
    const std::size_t used = queued();
    std::size_t room = used >= send_buffer ? 0 : std::min(n, send_buffer - used);
    if (room > 1 && k.happens(hardship::short_write, k.hard.short_write, dice))
        room = 1 + dice.below(room);
    if (k.happens(hardship::no_space, k.hard.no_space, dice)) {
        room = 0;
        k.at(k.now + dice.between(1 * us, 5 * ms), [this] { wake(); });
    }
    if (room < n) no_space = true;
    if (room == 0) return -EAGAIN;
    out.add(from, room);
    pump();
    return static_cast<std::int64_t>(room);
}

int tcp_end::shutdown(int how) {
    if (state == stage::connecting) {
        disconnect(ECONNRESET);
        return 0;
    }
    if (state != stage::open) { // an error, and done all the same
        receive_shut = receive_shut || how != SHUT_WR;
        send_shut = send_shut || how != SHUT_RD;
        wake();
        return -ENOTCONN;
    }
    if (how != SHUT_WR) receive_shut = true;
    if (how != SHUT_RD && !send_shut) {
        send_shut = true;
        pump();
    }
    wake();
    return 0;
}

void tcp_end::reset() {
    linger0 = true;
    close();
}

void tcp_end::close() {
    if (orphan) return;
    orphan = true;
    if (bound) network::current->forget(*this);
    const stage was = state;
    if (was == stage::connecting) state = stage::closed;
    if (was != stage::open) return;
    const bool both_ends = send_shut && done && out.empty(); // tcp_need_reset()
    if (!in.empty() || (linger0 && !both_ends)) {
        out.clear();
        state = stage::closed;
        return put(kind::rst);
    }
    send_shut = true;
    pump();
}

unsigned tcp_end::ready() const {
    if (state == stage::connecting) return 0;
    unsigned now = 0;
    if (readable() || receive_shut) now |= EPOLLIN | EPOLLRDNORM;
    if (receive_shut) now |= EPOLLRDHUP;
    if (send_shut || roomy()) now |= EPOLLOUT | EPOLLWRNORM;
    if ((receive_shut && send_shut) || state == stage::closed || state == stage::fresh)
        now |= EPOLLHUP;
    if (error != 0) now |= EPOLLERR;
    return now;
}

std::size_t tcp_end::unacknowledged() const {
    if (state == stage::fresh || state == stage::connecting) return 0;
    if (state == stage::closed) return never;
    const bool fin = send_shut && (fin_known == 0 || k.now < fin_known); // counts as a byte
    return queued() + (fin ? 1 : 0);
}

void tcp_end::set_low_water(int least) {
    low_water = least <= 0 ? 1 : static_cast<std::size_t>(least);
    if (readable()) wake();
}

// ---- a listening socket

unsigned listening::ready() const {
    return shut ? EPOLLHUP | EPOLLOUT : queue.empty() ? 0u : EPOLLIN | EPOLLRDNORM;
}

void listening::stop() {
    if (shut) return;
    shut = true;
    network::current->forget(*this);
    for (tcp_end* one : queue) {
        one->orphan = true;
        one->answer_reset();
    }
    queue.clear();
    wake();
}

// ---- all of them

tcp_end& network::make_end(std::uint64_t number) {
    tcp_end& out = *k.make<tcp_end>();
    out.dice = rng(k.seed * 0x9e3779b97f4a7c15u + number);
    out.send_buffer = k.hard.send_buffer;
    out.receive_buffer = k.hard.receive_buffer;
    return out;
}

int network::bind(int fd, const sockaddr_in& to) {
    if (k.as<listening>(fd) != nullptr) return -EINVAL;
    auto* const one = k.as<tcp_end>(fd);
    if (one == nullptr) return k.get(fd) != nullptr ? -ENOTSOCK : -EBADF;
    if (one->bound || one->state != tcp_end::stage::fresh) return -EINVAL;
    if (to.sin_port != 0 && taken(ntohs(to.sin_port), *one)) return -EADDRINUSE;
    one->local = to;
    if (to.sin_port == 0) one->local.sin_port = htons(free_port());
    one->bound = true;
    bound_.push_back(one);
    return 0;
}

int network::listen(int fd, int backlog) {
    if (auto* const door = k.as<listening>(fd)) {
        door->backlog = static_cast<std::size_t>(backlog);
        return 0;
    }
    auto* const was = k.as<tcp_end>(fd);
    if (was == nullptr) return k.get(fd) != nullptr ? -ENOTSOCK : -EBADF;
    if (was->state != tcp_end::stage::fresh) return -EINVAL;
    if (was->local.sin_port == 0) was->local = loopback(free_port());
    const std::uint16_t port = ntohs(was->local.sin_port);
    if (listened_at(port, *was)) return -EADDRINUSE;
    listening* const door = k.make<listening>();
    door->local = was->local;
    door->linger0 = was->linger0;
    door->shares_port = was->shares_port;
    door->reuses = was->reuses;
    door->backlog = static_cast<std::size_t>(backlog);
    forget(*was);
    k.replace(fd, door);
    doors_[port].push_back(door);
    return 0;
}

int network::shutdown(int fd, int how) {
    auto* const door = k.as<listening>(fd);
    if (door == nullptr) {
        auto* const one = k.as<tcp_end>(fd);
        if (one == nullptr) return k.get(fd) != nullptr ? -ENOTSOCK : -EBADF;
        return one->shutdown(how);
    }
    if (how == SHUT_WR) return 0;
    tcp_end& again = make_end(k.tick); // it no longer listens, and is bound as before
    again.local = door->local;
    again.linger0 = door->linger0;
    again.shares_port = door->shares_port;
    again.reuses = door->reuses;
    again.bound = true;
    bound_.push_back(&again);
    k.replace(fd, &again);
    door->stop();
    again.wake();
    return 0;
}

int network::accept(int fd, sockaddr_in* from) {
    if (k.get(fd) == nullptr) return -EBADF;
    if (k.open_fds() >= k.most_fds) {
        k.count(hardship::descriptors);
        return -EMFILE;
    }
    auto* const door = k.as<listening>(fd);
    if (door == nullptr) return k.as<tcp_end>(fd) != nullptr ? -EINVAL : -ENOTSOCK;
    if (door->queue.empty()) return -EAGAIN;
    if (k.happens(hardship::accept_fails, k.hard.accept_fails, k.dice)) {
        static constexpr int why[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, ECONNABORTED, EPROTO};
        const int which = why[k.dice.below(std::size(why))];
        if (which == ECONNABORTED || which == EPROTO) { // that one is lost
            tcp_end* const one = door->queue.front();
            door->queue.pop_front();
            one->orphan = true;
            one->answer_reset();
        }
        return -which;
    }
    tcp_end* const one = door->queue.front();
    door->queue.pop_front();
    one->waits_at = nullptr;
    if (from != nullptr) *from = one->remote;
    const int accepted = k.open(one);
    if (accepted >= 0 && on_accept) on_accept(*one);
    return accepted;
}

bool network::listened_at(std::uint16_t port, const tcp_end& but_for) const {
    const auto found = doors_.find(port);
    if (found == doors_.end()) return false;
    return !but_for.shares_port || !found->second.front()->shares_port;
}

bool network::taken(std::uint16_t port, const tcp_end& who) const {
    if (listened_at(port, who)) return true;
    return std::any_of(bound_.begin(), bound_.end(), [&](const tcp_end* other) {
        return ntohs(other->local.sin_port) == port && !(who.reuses && other->reuses) &&
               !(who.shares_port && other->shares_port);
    });
}

listening* network::at_address(const sockaddr_in& where, const sockaddr_in& from) const {
    const auto found = doors_.find(ntohs(where.sin_port));
    if (found == doors_.end()) return nullptr;
    return found->second[ntohs(from.sin_port) % found->second.size()];
}

listening& network::serve(std::uint16_t port, std::function<void(tcp_end&)> script) {
    listening& out = *k.make<listening>();
    out.local = loopback(port);
    out.script = std::move(script);
    doors_[port] = {&out};
    return out;
}

tcp_end& network::dial(std::uint16_t from_port, std::uint16_t to_port) {
    tcp_end& one = make_end(from_port);
    one.local = loopback(from_port);
    one.connect(loopback(to_port));
    return one;
}

void network::forget(const listening& door) {
    const auto found = doors_.find(ntohs(door.local.sin_port));
    if (found == doors_.end()) return;
    std::erase(found->second, &door);
    if (found->second.empty()) doors_.erase(found);
}

} // namespace finpost::sim
