#pragma once

#include "queue/queue_door.hpp"

#include <cstdint>
#include <vector>

namespace finpost {

/// What became of a change so far, also when it fails on the way.
struct change_report {
    std::uint64_t changed = 0;
    std::vector<request_id> missing;   ///< are not in the queue
    std::vector<request_id> unchanged; ///< wait already
};

/// One after the other, so that it is known of each. Fails where it is not, and names it.
parsed<void> replay_some(queue_door& queue, const std::vector<request_id>& ids,
                         change_report& report);
parsed<void> drop_some(queue_door& queue, const std::vector<request_id>& ids,
                       change_report& report);

/// Every dead letter and every payload that was set aside for which `filter` holds, each once: one
/// that comes back at once, because the service still refuses it, is not replayed again.
parsed<void> replay_all(queue_door& queue, const queue_filter& filter, change_report& report);

/// How many there are by now, for a progress bar; 0 when it is not known.
std::uint64_t to_replay(queue_door& queue, const queue_filter& filter);
std::uint64_t all_in(queue_door& queue, const queue_filter& filter);

} // namespace finpost
