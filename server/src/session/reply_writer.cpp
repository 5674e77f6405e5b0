#include "session/reply_writer.hpp"

#include "net/spill_io.hpp"
#include "policy/buffer_budget.hpp"
#include "policy/spill_policy.hpp"
#include "session/payload_codec.hpp"
#include "session/reply.hpp"
#include "session/reply_in_pieces.hpp"

#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

reply_writer::reply_writer(const session_context& context, client_socket& socket, payload& bytes,
                           single_writer_counter& written)
    : context_(context), socket_(socket), bytes_(bytes), written_(written),
      piecewise_(bytes.spilled()) {
    if (piecewise_ || is_plain(context.config.encode)) return;
    payload text(&context.budget);
    const std::size_t size = encoded_size(context.config.encode, bytes.size());
    piecewise_ = context.spills.takes(size) || !text.reserve(size);
    if (piecewise_) return; // it is encoded as it is written
    text.commit(encode_whole(context.config.encode, bytes.bytes(), text.writable()));
    bytes = std::move(text);
}

error_code reply_writer::write_some() {
    if (!piecewise_) return write_at_once(socket_, bytes_.bytes(), written_);
    const error_code failed = write_piecewise(socket_, bytes_, context_.config.encode, written_);
    return is_file_error(failed) ? context_.spills.failed(failed) : failed;
}

asio::awaitable<error_code> reply_writer::write_rest(exchange_deadline& deadline) {
    const write_step more = [this] { return write_some(); };
    const write_limits limits(context_.config.reply_total, context_.config.min_rate);
    error_code failed = co_await write_in_steps(socket_, more, limits, deadline, written_);
    co_return failed;
}

} // namespace finpost::detail
