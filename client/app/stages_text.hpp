#pragma once

#include "finpost/client.hpp"

#include <string>

namespace finpost {

/// How long each stage of an exchange took and what it moved, one line a stage, and the total. The
/// times add up to it: where a reply began while the payload was still being sent, receiving counts
/// from the FIN. Bytes that were sent are bytes the kernel took: what has arrived, only a whole
/// reply tells. `frame` is the exchange's: of most the end is the frame's, and no FIN is needed.
std::string stages_text(const exchange_result& result, const frame_spec& frame = {});

} // namespace finpost
