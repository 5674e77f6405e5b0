#include "session/payload_codec.hpp"

#include "net/spill_io.hpp"

#include <algorithm>

namespace finpost::detail {

namespace {

char* chars(std::span<std::byte> text) noexcept { return reinterpret_cast<char*>(text.data()); }

// Drops the first `n` bytes of `data`.
std::span<const std::byte> take_front(std::span<const std::byte>& data, std::size_t n) noexcept {
    const auto front = data.first(n);
    data = data.subspan(n);
    return front;
}

std::optional<payload_fault> decode_base64(payload& whole, const base64::rules& rules) {
    const auto decoded = base64::decode(whole.bytes(), whole.data(), rules);
    if (!decoded.error) whole.truncate(decoded.size);
    return decoded.error;
}

// Four characters stand for three bytes, so the place where a piece begins needs no memory.
result<std::span<const std::byte>> base64_piece(const payload& whole, std::uint64_t from,
                                                std::span<std::byte> buffer) {
    // Of seven parts, three are for the bytes and four for their characters.
    const std::size_t most = buffer.size() / 7 * 3;
    const auto got = read_piece(whole, from / 4 * 3, buffer.first(most));
    if (got.has_error()) return got.error();
    const std::span<std::byte> text = buffer.subspan(most);
    const std::size_t n = base64::encode(buffer.first(*got), chars(text));
    const std::span<const std::byte> piece = text.first(n);
    return piece.subspan(static_cast<std::size_t>(from % 4));
}

} // namespace

std::optional<payload_fault> decode_whole(payload& whole, const gateway_config& config) {
    static_cast<void>(trim_end(whole, config.trim)); // memory cannot fail
    if (whole.empty()) return {};
    switch (config.decode) {
    case codec::none:
        break;
    case codec::base64:
        return decode_base64(whole, config.base64);
    }
    return {};
}

payload_decoder::payload_decoder(const gateway_config& config) noexcept
    : codec_(config.decode), trim_(config.trim), base64_(config) {}

result<std::size_t> payload_decoder::decode(std::span<std::byte> text) {
    switch (codec_) {
    case codec::none:
        break;
    case codec::base64:
        return base64_.decode(text);
    }
    return text.size();
}

error_code payload_decoder::finish() {
    switch (codec_) {
    case codec::none:
        break;
    case codec::base64:
        return base64_.finish();
    }
    return {};
}

trimming payload_decoder::left_to_trim() const noexcept {
    switch (codec_) {
    case codec::none:
        return trim_;
    case codec::base64:
        break;
    }
    return trimming::none;
}

std::size_t encoded_size(codec encode, std::size_t n) noexcept {
    switch (encode) {
    case codec::none:
        break;
    case codec::base64:
        return base64::encoded_size(n);
    }
    return n;
}

std::size_t encode_whole(codec encode, std::span<const std::byte> whole,
                         std::span<std::byte> text) {
    switch (encode) {
    case codec::none:
        break;
    case codec::base64:
        return base64::encode(whole, chars(text));
    }
    std::copy(whole.begin(), whole.end(), text.begin());
    return whole.size();
}

result<std::span<const std::byte>> encode_piece(codec encode, const payload& whole,
                                                std::uint64_t from, std::span<std::byte> buffer) {
    switch (encode) {
    case codec::none:
        break;
    case codec::base64:
        return base64_piece(whole, from, buffer);
    }
    const auto got = read_piece(whole, from, buffer);
    if (got.has_error()) return got.error();
    return std::span<const std::byte>(buffer.first(*got));
}

std::size_t payload_encoder::encode(std::span<const std::byte>& data, std::span<std::byte> text) {
    std::size_t n = std::min(data.size(), text.size());
    switch (codec_) {
    case codec::none:
        break;
    case codec::base64:
        // Up to two bytes have been carried over, and they make a group with the next.
        n = std::min(data.size(), base64::decoded_size(text.size()) - 3);
        return base64_.encode(take_front(data, n), chars(text));
    }
    const auto front = take_front(data, n);
    std::copy(front.begin(), front.end(), text.begin());
    return n;
}

std::size_t payload_encoder::finish(std::span<std::byte, max_end> text) {
    switch (codec_) {
    case codec::none:
        break;
    case codec::base64:
        return base64_.finish(chars(text));
    }
    return 0;
}

} // namespace finpost::detail
