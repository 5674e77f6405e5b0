#pragma once

#include "frame_writer.hpp"

#include "finpost/frame_spec.hpp"

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace finpost::detail {

/// A payload on its way out, block by block, with what its frame has around it. Plain code: the
/// exchange reads from the source into `prepare()`, says with `commit` how much that was, and sends
/// `data()` once it is `ready()`.
///
/// Without a frame each read is a block. With one a block is filled first: before the frame's end
/// nobody answers, and what it cannot carry is found while nothing is sent. Where the length stands
/// in front, the block is the whole payload.
class outgoing_payload {
public:
    /// With `allow_empty` nothing is framed as well; without, it stays nothing.
    outgoing_payload(const frame_spec& frame, bool allow_empty);

    /// Where the source's next bytes go, 4 KiB of space at least.
    std::span<std::byte> prepare();
    /// As many came; 0 is the end. False when the frame cannot carry the payload: `fault` says why.
    bool commit(std::size_t n);

    bool ready() const noexcept;
    std::span<const std::byte> data() const noexcept;
    /// `data()` is out.
    void consume() noexcept;
    /// With `data()` it is out whole.
    bool ended() const noexcept { return ended_; }
    /// It has ended, and not a byte of it came.
    bool empty() const noexcept { return ended_ && !came_; }
    std::string_view fault() const noexcept { return writer_.fault(); }

private:
    std::size_t space() const noexcept;
    bool finish();
    void put_header() noexcept;

    frame_writer writer_;
    const bool framed_, allow_empty_;
    std::vector<std::byte> block_;
    std::size_t begin_, end_; // in it: to be sent
    bool came_ = false;       // a byte of the payload
    bool begun_ = false;      // the frame
    bool ended_ = false;
};

} // namespace finpost::detail
