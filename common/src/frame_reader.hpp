#pragma once

#include "delimiter_scanner.hpp"
#include "frame_end.hpp"

#include "finpost/export.hpp"
#include "finpost/frame_spec.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace finpost::detail {

/// Says where payloads begin and end in the bytes of a connection, which come in pieces of any
/// size: plain code, no socket inside. Strict, linear, and without a buffer: what it cannot tell
/// yet are at most the first bytes of a delimiter. One object reads all frames of a connection.
///
/// It never takes a byte behind the frame in hand, so that frames that came early can wait in the
/// socket. There are two ways to read for it:
///
/// - Exactly: read at most `read_size_hint()` bytes. None of them belongs to a later frame.
/// - By a look: `recv` with MSG_PEEK what is there, `feed` it, and take `consumed` bytes from the
///   socket. Where `scans()`, this is what saves a read for each byte.
class FINPOST_EXPORT frame_reader {
public:
    enum class fault : std::uint8_t {
        none,
        bad_frame, ///< it is not what the spec says: `fault_text` and `fault_offset`
        too_large, ///< the payload passes `max_payload`; known as soon as its length is
    };

    /// What an empty frame is. `line`, `delimiter`, `length` and `length_ascii` have no other way
    /// to say "I am still here" than an empty frame, and devices use it (ISO 8583 hosts poll with a
    /// length of zero). With `payload` it is a payload of no bytes: for who awaits one reply.
    /// The others have a beginning of their own: an empty frame of theirs is always a payload, so
    /// that its sender is not left waiting for an answer.
    enum class empty_frame : std::uint8_t { heartbeat, payload };

    /// `max_payload` counts the payload's bytes, and nothing around them.
    explicit frame_reader(const frame_spec& spec, std::uint64_t max_payload,
                          empty_frame empty = empty_frame::heartbeat) noexcept;

    /// What `feed` found. The next payload bytes are those of `held`, then those of `payload`.
    struct step {
        std::size_t consumed = 0; ///< of the input; all of it unless `complete` or at a fault
        /// Bytes of earlier input that might have been the frame's end, and were not. Valid until
        /// the next call.
        std::span<const std::byte> held = {};
        std::span<const std::byte> payload = {}; ///< a part of the input
        bool complete = false;                   ///< the payload has ended; the next one may begin
        /// Passed over: empty frames, or NUL, CR and LF before a frame, each byte counted.
        std::uint64_t heartbeats = 0;
        frame_reader::fault fault = fault::none;
    };
    /// After a fault it takes nothing more, and the payload in hand goes nowhere.
    step feed(std::span<const std::byte> input) noexcept;

    /// Feeds it what must not begin a frame: whether there were nothing but heartbeats.
    bool feed_heartbeats(std::span<const std::byte> input) noexcept;

    /// What a FIN means now; never called for a reset, which ends a frame in no way. It changes
    /// nothing but `fault`.
    enum class fin : std::uint8_t {
        between_frames, ///< nothing is cut; also when not a byte came
        /// A frame is cut. When it is accepted all the same, `held()` belongs to the payload; what
        /// stands before the payload may be cut as well, then there is none.
        tail,
        complete, ///< the FIN is what ends this payload (`eof`, `idle`)
        failed,   ///< with `held()` it is too large
    };
    fin on_fin() noexcept;
    /// True: the payload has ended with this pause (`idle`), and the next one may begin.
    bool on_pause() noexcept;

    /// How many bytes surely belong to this frame, or stand before it: to read at most so many is
    /// to read nothing of the next one. Where the FIN or a pause ends it, one more than may come,
    /// which is enough to know. 0 after a fault.
    std::size_t read_size_hint() const noexcept;
    /// Whether the end is a mark that is looked for: the hint is only a few bytes then.
    bool scans() const noexcept;

    /// Whether a byte of a frame has come, heartbeats aside, and its end has not.
    bool in_frame() const noexcept { return offset_ > 0; }
    /// Of the frame in hand: it may still be an empty one that is a heartbeat, and no payload.
    bool may_be_heartbeat() const noexcept {
        return empty_is_heartbeat_ && size_ == 0 && state_ != state::count;
    }
    /// Of the frame in hand, handed over so far.
    std::uint64_t payload_size() const noexcept { return size_; }
    /// Of the frame in hand, once its length is known.
    std::optional<std::uint64_t> expected_size() const noexcept;
    /// Bytes taken that may be the frame's end.
    std::span<const std::byte> held() const noexcept;

    /// Why it failed, in words for people, and how many bytes of the frame stand before the place.
    std::string_view fault_text() const noexcept { return text_; }
    std::uint64_t fault_offset() const noexcept { return fault_offset_; }

private:
    enum class state : std::uint8_t { begin, header, scan, count, trailer, all, failed };

    bool pass_over(std::byte next) const noexcept;
    state after_start() const noexcept;
    void begin(step& out, std::span<const std::byte> input) noexcept;
    void take_header(step& out, std::span<const std::byte> input) noexcept;
    bool take_digit(unsigned char byte) noexcept;
    bool take_netstring_byte(unsigned char byte) noexcept;
    void header_complete(step& out) noexcept;
    void take_scanned(step& out, std::span<const std::byte> input) noexcept;
    void take_counted(step& out, std::span<const std::byte> input) noexcept;
    void take_trailer(step& out, std::span<const std::byte> input) noexcept;
    void take_all(step& out, std::span<const std::byte> input) noexcept;
    void payload_complete(step& out) noexcept;
    void frame_complete(step& out) noexcept;
    std::size_t trailer_size() const noexcept;
    std::uint64_t least_size() const noexcept;
    void fail(fault what, std::string_view text, std::uint64_t offset) noexcept;
    void next_frame() noexcept;

    const frame_spec::kind type_;
    const std::uint8_t width_;
    const bool little_endian_, inclusive_, empty_is_heartbeat_;
    const std::uint64_t fixed_size_;
    const std::uint64_t max_payload_;

    delimiter_scanner scanner_;
    frame_check check_;
    state state_ = state::begin;
    fault fault_ = fault::none;
    bool held_cr_ = false;     // of a line: perhaps half of its end
    std::uint8_t taken_ = 0;   // of the header, or of the trailer
    std::uint64_t number_ = 0; // the length, as far as it is read, then the payload's
    std::uint64_t offset_ = 0; // bytes of the frame so far
    std::uint64_t size_ = 0;   // of them, payload that was handed over
    std::uint64_t fault_offset_ = 0;
    std::string_view text_;
};

} // namespace finpost::detail
