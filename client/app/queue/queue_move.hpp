#pragma once

#include "queue/direct_queue.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace finpost {

/// What became of a move so far.
struct move_report {
    std::uint64_t moved = 0;
    std::uint64_t dead = 0;    ///< of them: were dead letters, and wait now
    std::uint64_t damaged = 0; ///< stay where they are: nobody could tell them from good ones there
};

/// Moves what is meant from one queue to the other: each payload is on stable storage there before
/// it is removed here, with its id and everything that it was stored with. An end in the middle
/// loses nothing and leaves at most what was under way in both, and moving again puts that right.
/// `tell` hears of each that stays. Fails when one of the queues does.
parsed<void> move_payloads(direct_queue& from, direct_queue& to, const queue_filter& filter,
                           move_report& report,
                           const std::function<void(const std::string&)>& tell);

} // namespace finpost
