#pragma once

#include "frame_reader.hpp"

#include "finpost/client.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace finpost::detail {

/// Whether the peer ends its reply with the FIN, as one without a frame, or as a frame. `fixed` and
/// `idle` say where a payload ends, and cannot say it of a reply of any size.
bool reply_ends_with_fin(const frame_spec& frame) noexcept;

/// One framed reply as it comes: its payload, and whether it is whole. Plain code. Success is a
/// whole frame and nothing behind it; a FIN is none.
///
/// A gateway that does not know the frame, or could not read ours, may refuse with the plain line:
/// that is a refusal, and not a reply with a fault.
class incoming_reply {
public:
    /// `max_reply` counts the payload; 0 = no limit.
    incoming_reply(const frame_spec& frame, std::uint64_t max_reply) noexcept;

    /// The payload's next bytes are those of `held`, then those of `payload`.
    struct step {
        std::span<const std::byte> held, payload;
        bool complete = false;
        std::optional<refusal> refused; ///< by a plain line
        error_code error;
    };
    step feed(std::span<const std::byte> data);
    /// A FIN, or an error in its place, before the reply was complete.
    step cut(error_code why);

    /// The refusal that the whole payload of a frame is. The line's end is the frame's own where
    /// that is a line.
    std::optional<refusal> refusal_in(std::string_view payload) const;
    /// What is wrong, in words for people.
    const std::string& detail() const noexcept { return detail_; }

private:
    void keep(std::span<const std::byte> data);
    bool may_be_line() const noexcept;
    void note_fault(frame_reader::fault what);
    bool is_more(std::span<const std::byte> behind) const noexcept;

    const frame_spec frame_;
    frame_reader reader_;
    std::string begin_; // what came, as far as it may be a plain line
    error_code fault_;
    std::string detail_;
};

} // namespace finpost::detail
