#pragma once

#include "finpost/queued_payload.hpp"
#include "finpost/result.hpp"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace finpost {

/// What a queue knows about a payload, as JSON: each field of `queue_entry` by its name, times in
/// ISO 8601 (UTC, milliseconds), `due` null where it does not wait or is behind another one. What
/// is not UTF-8 in a text becomes U+FFFD.
boost::json::object to_json(const queue_entry& entry);

/// What `finpost queue list --json` shows of it: id, state, listener, upstream, peer, accepted_at,
/// size, attempts, due, last_status, last_error. Throws std::out_of_range when one is missing.
boost::json::object listed(const boost::json::object& entry);

/// As the admin port shows it. `max_bytes` is null where nobody knows it.
boost::json::object to_json(const queue_stats& stats);

/// "2026-11-30T11:36:45.123Z".
std::string iso_time(queue_entry::time_point time);

/// "waiting", "dead" or "set_aside".
parsed<queue_state> parse_queue_state(std::string_view word);

/// `{"ids":["...", ...]}`, 1 to 1,000 of them.
boost::json::object ids_to_json(const std::vector<request_id>& ids);
parsed<std::vector<request_id>> parse_ids(std::string_view text);

/// A JSON text that came from somebody else: not deep, and not a word of it repeated in messages.
parsed<boost::json::object> parse_object(std::string_view text);

} // namespace finpost
