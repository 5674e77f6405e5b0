// Frames in the simulator: what clients of a framed listener send, and what they read.
#pragma once

#include "sim/history.hpp"

#include "finpost/frame_spec.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::sim {

bool has_frames(const rules_plan& rules);
/// The frames of payloads, and of answers; none where answers stand one behind another.
frame_spec spec_of(const rules_plan& rules);
std::optional<frame_spec> answer_spec_of(const rules_plan& rules);
/// The form of answers that is in force: not every frame carries each.
reply_form form_of(const rules_plan& rules);
/// The longest text that a frame can carry.
std::uint64_t most_text(frame_form form);
/// How much longer than its payload an answer may be.
std::uint64_t answer_overhead(reply_form form);

/// Fills in what a client sends: frames with what its plan has before, between and in them.
void make_frames(client_history& one, const plan& what);
/// A piece of text, of letters and the like.
std::string some_text(rng& dice, std::size_t size);

/// What a client has sent, by its framing.
struct sent_frames {
    /// What each complete frame asks to be posted, and the tail that a FIN has ended, where it
    /// counts. Nothing: it cannot be posted.
    std::vector<std::optional<std::string>> payloads;
    std::uint64_t heartbeats = 0;
    /// What follows the last complete frame: a part of one more, which is refused; no frame.
    bool cut = false, refused_tail = false, bad = false;
};
sent_frames read_sent(const history& all, const client_history& one);

/// What a client has read where answers have frames.
struct read_answers {
    std::vector<std::string> texts;
    bool bad = false, rest = false; ///< no frames; a part of one more
};
read_answers read_answers_of(const rules_plan& rules, std::string_view got);

/// The word of a refusal, in any form; empty when it is none. `id` is its request's, where it is
/// told.
std::string refusal_in(reply_form form, std::string_view text, std::string* id = nullptr);

} // namespace finpost::sim
