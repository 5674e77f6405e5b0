#pragma once

#include "finpost/config.hpp"
#include "finpost/frame_spec.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace finpost::detail {

/// Whether payloads or replies are framed.
inline bool has_frames(const gateway_config& config) noexcept {
    return config.frame.type != frame_spec::kind::eof || config.reply_frame;
}

/// What a reply is wrapped in; nothing: its bytes are all there is.
std::optional<frame_spec> reply_frame_of(const gateway_config& config);

/// `text` in the frame of a reply; nothing where that cannot carry it.
std::optional<std::string> framed(const gateway_config& config, std::string_view text);

} // namespace finpost::detail
