#pragma once

#include "frame_reader.hpp"
#include "load_payload.hpp"

#include "finpost/error.hpp"
#include "finpost/frame_spec.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

namespace finpost {

/// The first bytes of what came: a refusal line is shorter than this.
class reply_beginning {
public:
    void clear() noexcept { size_ = 0; }
    void keep(std::span<const char> data) noexcept {
        if (size_ < bytes_.size())
            std::memcpy(bytes_.data() + size_, data.data(),
                        std::min(data.size(), bytes_.size() - size_));
        size_ += data.size();
    }
    /// All that came; nothing where that is more than is kept.
    std::string_view whole() const noexcept {
        return {bytes_.data(), size_ > bytes_.size() ? 0 : size_};
    }
    std::size_t size() const noexcept { return size_; }

private:
    std::array<char, 96> bytes_{};
    std::size_t size_ = 0; // of all that came
};

/// The replies on a connection, one frame each, and one at a time.
class framed_replies {
public:
    /// On a new connection. `spec` outlives it.
    void connected(const frame_spec& spec) noexcept;
    /// The next one is the answer to the next payload.
    void expect() noexcept;

    enum class found {
        more,     ///< of it is to come
        complete, ///< it was whole, and nothing came behind it
        junk,     ///< no frame, or more than one
    };
    /// With `verify` it is compared with the payload.
    found feed(const load_payloads& payloads, const load_payloads::variant& which,
               std::span<const char> data, bool verify) noexcept;

    /// A byte of it has come, or something in its place.
    bool begun() const noexcept { return came_.size() > 0; }
    /// After `complete`, compared: it is the payload.
    bool right(const load_payloads& payloads) const noexcept {
        return !wrong_ && payload_.size() == payloads.size();
    }
    /// After `complete`: the frame is a refusal. Its line's end is the frame's own where that is a
    /// line.
    std::optional<reason> refusal() const;
    /// Without a frame: the plain line of who does not know ours.
    std::optional<reason> plain_refusal() const;

private:
    const frame_spec* spec_ = nullptr;
    std::optional<detail::frame_reader> reader_;
    bool wrong_ = false;
    reply_beginning came_, payload_; // with what stands around the payload, and without
};

} // namespace finpost
