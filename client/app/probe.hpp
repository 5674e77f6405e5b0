#pragma once

#include "send_options.hpp"

namespace finpost {

/// What one probe saw, and what follows from it.
struct probe_verdict {
    int code;
    std::string text;
};

/// `sent_payload`: a payload went before the half-close, so that an answer may be expected.
probe_verdict judge_probe(const host_port& target, bool sent_payload, error_code failed,
                          const exchange_result& result);

/// One connection that half-closes, and what came of it on standard output; the exit code.
int probe(const probe_options& options);

} // namespace finpost
