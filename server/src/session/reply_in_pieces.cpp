#include "session/reply_in_pieces.hpp"

#include "async/fairness.hpp"
#include "net/client_socket.hpp"
#include "net/spill_io.hpp"
#include "session/payload_codec.hpp"
#include "single_writer_counter.hpp"

#include "finpost/payload.hpp"

#include <boost/asio/error.hpp>

namespace finpost::detail {

namespace {

result<std::size_t> write_text(client_socket& socket, const payload& bytes, codec encode,
                               std::uint64_t from) {
    const auto text = encode_piece(encode, bytes, from, passing_buffer());
    if (text.has_error()) return text.error();
    return socket.write_some(*text);
}

} // namespace

error_code write_piecewise(client_socket& socket, const payload& bytes, codec encode,
                           single_writer_counter& written) {
    const bool plain = is_plain(encode);
    const std::size_t size = encoded_size(encode, bytes.size());
    const std::size_t before = written.value();
    while (written.value() < size) {
        if (written.value() - before >= quantum) return boost::asio::error::would_block;
        const auto sent = plain ? socket.send_file_piece(bytes, written.value())
                                : write_text(socket, bytes, encode, written.value());
        if (sent.has_error()) return sent.error();
        written.add(*sent);
    }
    return {};
}

} // namespace finpost::detail
