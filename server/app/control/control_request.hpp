#pragma once

#include "admin/http_query.hpp"

#include "finpost/queued_payload.hpp"

#include <optional>
#include <vector>

namespace finpost {

/// What a request to the control socket of a queue asks for.
///
/// | request | answer |
/// |---|---|
/// | `GET /queue` | what is in it |
/// | `GET /payloads?state=&listener=&upstream=&after=&most=` | `{"payloads":[...],"next":N}`: those
/// with a greater sequence than `after` (0), `most` (500) to 1,000 of them; `next` is null at the
/// end |
/// | `GET /payloads/ID` | what the queue knows about one |
/// | `GET /payloads/ID/body` | its bytes |
/// | `POST /replay`, `POST /drop` with `{"ids":[...]}` | `{"replayed":N}`, `{"dropped":N}` |
struct control_request {
    enum class action { refuse, stats, list, show, body, replay, drop };
    action what = action::refuse;
    queue_filter filter = {};
    queue_page page = {};
    std::optional<request_id> id = {};
    http_answer refusal = {}; ///< where nothing of the kind is there
};

/// A page of a list is at most so long, so that it is a small text.
inline constexpr std::size_t longest_control_page = 1000;

control_request read_control_request(const http_query& query);

/// A line of text.
http_answer control_refusal(unsigned status, std::string what);

} // namespace finpost
