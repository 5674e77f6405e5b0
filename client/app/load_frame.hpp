#pragma once

#include "frame_end.hpp"
#include "load_payload.hpp"

#include "finpost/frame_spec.hpp"

#include <array>
#include <cstddef>
#include <string>

#include <sys/uio.h>

namespace finpost {

/// What stands around each payload of a run. The payloads are of one size, and none holds a frame's
/// end (`read_load_plan` sees to both): so it is written once, and only a checksum is of each.
class load_frame {
public:
    using check = std::array<char, detail::frame_check::longest>;
    using pieces = std::array<iovec, 5>;

    /// `payloads` outlive it.
    load_frame(const frame_spec& spec, const load_payloads& payloads);

    const frame_spec& spec() const noexcept { return spec_; }
    /// Of a payload with all that stands around it.
    std::size_t size() const noexcept;

    /// What stands behind the end of this payload, where the frame has a checksum.
    check check_of(const load_payloads::variant& which) const noexcept;

    /// As `load_payloads::rest`, of the whole frame.
    std::size_t rest(const load_payloads::variant& which, const check& sum, std::size_t offset,
                     pieces& into) const noexcept;

private:
    const load_payloads& payloads_;
    const frame_spec spec_;
    const std::size_t check_size_;
    std::string header_, trailer_; // of the trailer: up to the checksum
};

} // namespace finpost
