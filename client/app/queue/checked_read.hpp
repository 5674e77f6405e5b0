#pragma once

#include "queue/queue_door.hpp"

namespace finpost {

enum class checked_bytes {
    good,
    damaged, ///< not what was stored: all that can be read of it was given
    gone,    ///< it has left the queue meanwhile
};

/// As `queue_door::read`, and whether the bytes are those that were stored: `row` says it.
parsed<checked_bytes> read_checked(queue_door& queue, const boost::json::object& row,
                                   const queue_door::take_bytes& take);

/// The id of a row. Nothing else in it is a name of a file.
parsed<request_id> id_of(const boost::json::object& row);

/// A number of a row; 0 when it has none.
std::uint64_t number_of(const boost::json::object& row, std::string_view name);

} // namespace finpost
