#include "reply_format/reply_frame.hpp"

#include "frame_writer.hpp"

#include <span>

namespace finpost::detail {

std::optional<frame_spec> reply_frame_of(const gateway_config& config) {
    const frame_spec& spec = config.reply_frame ? *config.reply_frame : config.frame;
    using kind = frame_spec::kind;
    if (spec.type == kind::eof) return std::nullopt;
    const bool no_frame_of_replies = spec.type == kind::fixed || spec.type == kind::idle;
    if (!config.reply_frame && no_frame_of_replies) return std::nullopt;
    return spec;
}

std::optional<std::string> framed(const gateway_config& config, std::string_view text) {
    const auto spec = reply_frame_of(config);
    if (!spec) return std::string(text);
    frame_writer frame(*spec);
    auto size = frame.wrap(std::as_bytes(std::span(text)));
    if (!size && text.ends_with('\n')) { // which may be what its frame cannot carry
        text.remove_suffix(1);
        size = frame.wrap(std::as_bytes(std::span(text)));
    }
    if (!size) return std::nullopt;
    std::string out(frame.header());
    out += text.substr(0, *size);
    out += frame.trailer();
    return out;
}

} // namespace finpost::detail
