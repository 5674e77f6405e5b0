#pragma once

#include "frame_writer.hpp"
#include "reply_format/reply_frame.hpp"
#include "session/session_context.hpp"

#include "finpost/error.hpp"
#include "finpost/exchange_deadline.hpp"
#include "finpost/payload.hpp"
#include "finpost/result.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace finpost::detail {

class client_socket;
class single_writer_counter;

/// Writes one reply to its client, encoded, and framed as the configuration says: from memory, or
/// in pieces what is too large for it. Counts in `written` what the kernel took.
class reply_writer {
public:
    /// Encodes `bytes` in memory where it fits.
    reply_writer(const session_context& context, client_socket& socket, payload& bytes,
                 codec encode, single_writer_counter& written);

    /// Why it cannot be written, before a byte of it is: `reply_unframeable`, and `fault` has the
    /// words. `error::would_block`: its file may hold the frame's end, and is to be looked through.
    error_code frame() { return has_frames(context_.config) ? wrap() : error_code(); }
    std::string_view fault() const noexcept {
        return frame_ ? frame_->fault() : std::string_view();
    }

    bool has_to_look() const noexcept { return looks_; }
    /// Looks through the file, in pieces between which others have their turn. Fails as `frame`
    /// does, with `spill_failed`, and with `upstream_incomplete` when the exchange is stopped.
    boost::asio::awaitable<error_code> look(const exchange_deadline& deadline);

    /// Writes what the kernel takes now: success when that was the rest, `error::would_block` when
    /// there is more, `spill_failed` when a file cannot be read, or what the connection says.
    error_code write_some();
    /// Writes the rest within `reply_total` and `min_rate`. Fails as `write_in_steps` does.
    boost::asio::awaitable<error_code> write_rest(exchange_deadline& deadline);

private:
    error_code wrap();
    error_code begin_file();
    error_code look_at_piece();
    void join_parts();
    error_code write_framed();
    result<std::size_t> write_part(std::uint64_t from);
    result<std::size_t> write_text(std::uint64_t from);

    const session_context& context_;
    client_socket& socket_;
    payload& bytes_;
    const codec encode_;
    single_writer_counter& written_;
    bool piecewise_;
    bool framed_ = false;
    bool looks_ = false;
    std::optional<frame_writer> frame_; // unless the text has its parts already
    std::uint64_t text_size_ = 0;       // of the text in the frame
    std::uint64_t carried_ = 0;         // of what was looked at, without what the trailer has
    std::string_view trailer_;
};

} // namespace finpost::detail
