// What must hold where a connection carries frames: one function each, as in invariants.cpp.
#pragma once

#include "sim/invariants.hpp"

namespace finpost::sim {

sentences each_frame_is_posted_once_and_in_order(const history& all);
sentences answers_are_whole_and_in_order(const history& all);
sentences lines_say_what_came_of_each_frame(const history& all);
sentences a_reason_tells_the_truth_of_its_frame(const history& all);
sentences frames_are_sent_again_once(const history& all);
sentences a_fair_frame_is_replied(const history& all);
sentences who_may_go_on_is_answered(const history& all);
sentences a_drain_begins_no_frame(const history& all);
sentences a_pause_is_as_long_as_it_may_be(const history& all);
sentences half_a_frame_is_no_pause(const history& all);
sentences a_drain_ends_pauses(const history& all);
sentences heartbeats_are_no_exchanges(const history& all);

} // namespace finpost::sim
