#include "session/reply_writer.hpp"

#include "async/fairness.hpp"
#include "net/client_socket.hpp"
#include "net/spill_io.hpp"
#include "policy/buffer_budget.hpp"
#include "policy/spill_policy.hpp"
#include "session/payload_codec.hpp"
#include "session/reply.hpp"
#include "session/reply_in_pieces.hpp"
#include "single_writer_counter.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

// Up to this size a reply is copied into its frame: one write costs more than that.
constexpr std::size_t largest_join = 64 << 10;

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

} // namespace

reply_writer::reply_writer(const session_context& context, client_socket& socket, payload& bytes,
                           codec encode, single_writer_counter& written)
    : context_(context), socket_(socket), bytes_(bytes), encode_(encode), written_(written),
      piecewise_(bytes.spilled()) {
    if (piecewise_ || is_plain(encode)) return;
    payload text(&context.budget);
    const std::size_t size = encoded_size(encode, bytes.size());
    piecewise_ = context.spills.takes(size) || !text.reserve(size);
    if (piecewise_) return; // it is encoded as it is written
    text.commit(encode_whole(encode, bytes.bytes(), text.writable()));
    bytes = std::move(text);
}

error_code reply_writer::wrap() {
    framed_ = context_.config.frame.type != frame_spec::kind::eof;
    const auto spec = reply_frame_of(context_.config);
    if (!spec) return {};
    frame_.emplace(*spec);
    if (piecewise_) return begin_file();
    const auto size = frame_->wrap(bytes_.bytes());
    if (!size) return reason::reply_unframeable;
    text_size_ = *size;
    trailer_ = frame_->trailer();
    join_parts();
    return {};
}

error_code reply_writer::begin_file() {
    const std::uint64_t size = encoded_size(encode_, bytes_.size());
    if (!frame_->begin(size)) return reason::reply_unframeable;
    looks_ = frame_->looks_at_body();
    if (looks_) return asio::error::would_block;
    if (!frame_->skip(size) || !frame_->end()) return reason::reply_unframeable;
    text_size_ = size;
    trailer_ = frame_->trailer();
    return {};
}

// What is in a file is looked at once before a byte of it is out.
asio::awaitable<error_code> reply_writer::look(const exchange_deadline& deadline) {
    const std::uint64_t size = encoded_size(encode_, bytes_.size());
    while (text_size_ < size) {
        const error_code failed = look_at_piece();
        if (failed) co_return failed;
        co_await fair_yield();
        // The work was done: `draining` would ask for it again.
        if (deadline.stopped()) co_return reason::upstream_incomplete;
    }
    if (!frame_->end()) co_return reason::reply_unframeable;
    // Otherwise it is a line whose own end is in the file.
    if (carried_ == size) trailer_ = frame_->trailer();
    co_return error_code{};
}

error_code reply_writer::look_at_piece() {
    const auto piece = encode_piece(encode_, bytes_, text_size_, passing_buffer());
    if (piece.has_error()) return context_.spills.failed(piece.error());
    const auto some = frame_->add(*piece);
    if (!some) return reason::reply_unframeable;
    carried_ += *some;
    text_size_ += piece->size();
    return {};
}

void reply_writer::join_parts() {
    const std::string_view header = frame_->header();
    const std::size_t size = header.size() + text_size_ + trailer_.size();
    payload whole(&context_.budget);
    if (size > largest_join || !whole.reserve(size)) return;
    whole.append(bytes_of(header));
    whole.append(bytes_.bytes().first(text_size_));
    whole.append(bytes_of(trailer_));
    bytes_ = std::move(whole);
    frame_.reset();
}

error_code reply_writer::write_some() {
    if (!frame_ && !piecewise_) return write_at_once(socket_, bytes_.bytes(), written_, !framed_);
    error_code failed =
        frame_ ? write_framed() : write_piecewise(socket_, bytes_, encode_, written_);
    if (!failed && !framed_) failed = socket_.finish();
    return is_file_error(failed) ? context_.spills.failed(failed) : failed;
}

error_code reply_writer::write_framed() {
    const std::uint64_t size = frame_->header().size() + text_size_ + trailer_.size();
    const std::uint64_t before = written_.value();
    while (written_.value() < size) {
        if (written_.value() - before >= quantum) return asio::error::would_block;
        const auto sent = write_part(written_.value());
        if (sent.has_error()) return sent.error();
        written_.add(*sent);
    }
    return {};
}

result<std::size_t> reply_writer::write_part(std::uint64_t from) {
    const std::string_view header = frame_->header();
    if (from < header.size()) return socket_.write_some(bytes_of(header.substr(from)));
    from -= header.size();
    if (from < text_size_) return write_text(from);
    return socket_.write_some(bytes_of(trailer_.substr(from - text_size_)));
}

result<std::size_t> reply_writer::write_text(std::uint64_t from) {
    if (!piecewise_) {
        const std::size_t n = std::min<std::uint64_t>(text_size_ - from, quantum);
        return socket_.write_some(bytes_.bytes().subspan(from, n));
    }
    if (is_plain(encode_)) return socket_.send_file_piece(bytes_, from);
    const auto text = encode_piece(encode_, bytes_, from, passing_buffer());
    if (text.has_error()) return text.error();
    return socket_.write_some(*text);
}

asio::awaitable<error_code> reply_writer::write_rest(exchange_deadline& deadline) {
    const write_step more = [this] { return write_some(); };
    const write_limits limits(context_.config.reply_total, context_.config.min_rate);
    error_code failed = co_await write_in_steps(socket_, more, limits, deadline, written_);
    co_return failed;
}

} // namespace finpost::detail
