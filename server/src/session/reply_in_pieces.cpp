#include "session/reply_in_pieces.hpp"

#include "async/fairness.hpp"
#include "net/client_socket.hpp"
#include "net/spill_io.hpp"
#include "single_writer_counter.hpp"

#include "finpost/base64.hpp"
#include "finpost/payload.hpp"

#include <boost/asio/error.hpp>

#include <span>

namespace finpost {

namespace {

constexpr std::size_t bytes_at_once = 96 << 10; // whole groups of three

// The text from its character `from` on. Base64 has four characters for three bytes, so where a
// piece begins needs no memory: after `would_block` TLS gets the same piece again.
result<std::size_t> write_text(client_socket& socket, const payload& bytes, std::uint64_t from) {
    static_assert(bytes_at_once % 3 == 0);
    const std::span<std::byte> buffer = passing_buffer();
    const auto got = read_piece(bytes, from / 4 * 3, buffer.first(bytes_at_once));
    if (got.has_error()) return got;
    const std::span<std::byte> text = buffer.subspan(bytes_at_once);
    const std::size_t n = base64::encode(buffer.first(*got), reinterpret_cast<char*>(text.data()));
    return socket.write_some(text.first(n).subspan(static_cast<std::size_t>(from % 4)));
}

} // namespace

error_code write_piecewise(client_socket& socket, const payload& bytes, codec encode,
                           single_writer_counter& written) {
    const bool plain = encode == codec::none;
    const std::size_t size = plain ? bytes.size() : base64::encoded_size(bytes.size());
    const std::size_t before = written.value();
    while (written.value() < size) {
        if (written.value() - before >= quantum) return boost::asio::error::would_block;
        const auto sent = plain ? socket.send_file_piece(bytes, written.value())
                                : write_text(socket, bytes, written.value());
        if (sent.has_error()) return sent.error();
        written.add(*sent);
    }
    return socket.finish();
}

} // namespace finpost
