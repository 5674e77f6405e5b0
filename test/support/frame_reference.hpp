#pragma once

#include "frame_reader.hpp"

#include "finpost/frame_spec.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::test {

/// One of each kind, with the values and the forms of delimiters that differ.
extern const std::vector<std::string> each_spec;
/// Those in which a reply has a frame as well, each able to carry 200 bytes of text.
extern const std::vector<std::string> framed_both_ways;
frame_spec spec(std::string_view text);

/// What a stream of bytes, and the FIN behind it, are by a framing.
struct frames_read {
    std::vector<std::string> payloads; ///< the complete ones
    std::uint64_t heartbeats = 0;
    detail::frame_reader::fault fault = detail::frame_reader::fault::none;
    std::uint64_t fault_offset = 0;
    detail::frame_reader::fin end = detail::frame_reader::fin::between_frames;
    std::string rest; ///< of the payload that the FIN cut, or ends

    friend bool operator==(const frames_read&, const frames_read&) = default;
};

/// By the words of the interface, with the whole stream at hand: it shares nothing with the
/// product.
frames_read read_naively(const frame_spec& spec, std::string_view stream, std::uint64_t max_payload,
                         bool empty_is_heartbeat = true);

/// By the product's reader. `next` says how large the next piece is, of `left` bytes and with the
/// hint of the reader; what a call does not consume is given again. `broken` is told what a call
/// does that it must not.
frames_read
read_in_pieces(const frame_spec& spec, std::string_view stream, std::uint64_t max_payload,
               bool empty_is_heartbeat,
               const std::function<std::size_t(std::size_t left, std::size_t hint)>& next,
               const std::function<void(std::string_view)>& broken);

/// A body with what belongs around it, whether the frame can carry it or not.
std::string frame_naively(const frame_spec& spec, std::string_view body);

/// For people who read a failed test.
std::string describe(const frames_read& read);

} // namespace finpost::test
