#include "sim/frame_sender.hpp"

#include "sim/framing.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

namespace finpost::sim {

namespace {

constexpr nanos patience = 40 * s; // with an answer that cannot be told, or does not come

} // namespace

frame_sender::frame_sender(history& all, client_history& me, connection& line, std::size_t stop_at)
    : all_(all), me_(me), mine_(*me.plan), line_(line), stop_at_(stop_at),
      dice_(mine_.seed * 11 + 5) {}

frame_sender::step frame_sender::next() {
    using action = step::action;
    for (;;) {
        if (broken_ || me_.how != ending::none) return {action::over};
        if (awaits_ && waits_for_answer()) {
            if (broken_ || me_.how != ending::none) return {action::over};
            return {action::wait};
        }
        if (me_.sent >= stop_at_) return {action::over};
        if (pauses_) {
            pauses_ = false, looks_ = true;
            all_.did(conduct::pauses_between);
            return {action::sleep, mine_.between};
        }
        // It may have been told something meanwhile.
        while (looks_ && read_some() && me_.how == ending::none) {
        }
        if (std::exchange(looks_, false) && me_.how != ending::none) return {action::over};
        const std::size_t n = size_of_piece();
        const std::int64_t took = line_.send(me_.sends.data() + me_.sent, n);
        if (took == -EAGAIN) {
            if (!read_some()) return {action::wait};
        } else if (took <= 0) {
            broken_ = true; // told once: what is read later looks like an end
        } else {
            sent(static_cast<std::size_t>(took));
            if (mine_.pause > 0) return {action::sleep, dice_.between(0, mine_.pause)};
        }
    }
}

std::size_t frame_sender::size_of_piece() {
    const bool stops = mine_.in_turn || mine_.between > 0;
    const std::size_t end = stops ? std::min(stop_at_, me_.stops[stop_]) : stop_at_;
    return std::min<std::size_t>(1 + dice_.below(mine_.piece), end - me_.sent);
}

void frame_sender::sent(std::size_t n) {
    me_.sent += n;
    for (; stop_ < me_.stops.size() && me_.sent >= me_.stops[stop_]; ++stop_)
        pauses_ = mine_.between > 0;
    while (frame_ < me_.ends.size() && me_.sent >= me_.ends[frame_]) {
        ++frame_;
        all_.did(conduct::further_frames, frame_ > 1);
        awaits_ = mine_.in_turn && mine_.kind != client_kind::never_reads;
        read_before_ = me_.got.size();
        waits_until_ = all_.now() + patience;
    }
}

bool frame_sender::read_some() {
    if (mine_.kind == client_kind::never_reads) return false;
    char room[8192];
    const std::int64_t n = line_.receive(room, sizeof room);
    if (n == -EAGAIN) return false;
    if (n > 0)
        me_.got.append(room, static_cast<std::size_t>(n)), me_.last_read = all_.now();
    else
        me_.how = n == 0 ? ending::fin : ending::rst;
    return true;
}

bool frame_sender::has_answer() const {
    const rules_plan& rules = all_.plan->rules;
    if (!answer_spec_of(rules)) return me_.got.size() > read_before_;
    return read_answers_of(rules, me_.got).texts.size() >= frame_;
}

bool frame_sender::waits_for_answer() {
    while (read_some() && me_.how == ending::none) {
    }
    awaits_ = !has_answer() && all_.now() < waits_until_;
    all_.did(conduct::in_turn, !awaits_ && me_.how == ending::none);
    if (!awaits_) return false;
    tcp_end& sock = line_.socket();
    sock.k.at(waits_until_, [&sock] { sock.wake(); });
    return true;
}

} // namespace finpost::sim
