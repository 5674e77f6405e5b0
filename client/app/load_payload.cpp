#include "load_payload.hpp"

#include <algorithm>
#include <cstring>
#include <random>

namespace finpost {

namespace {

constexpr std::string_view alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::size_t counted = 10;          // characters of a head that hold the number: 60 bits
constexpr std::size_t most_noise = 1u << 20; // larger payloads repeat it: it stays in the cache
constexpr std::size_t windows =
    4093; // a prime, so that neighbours in time differ in their bodies too

} // namespace

load_payloads::load_payloads(std::size_t size)
    : size_(size), noise_(std::min(size, most_noise) + windows) {
    // The same noise in every run: figures of two runs can be compared.
    std::mt19937_64 random(20'240'229);
    for (char& each : noise_) each = alphabet[random() & 63];
}

load_payloads::variant load_payloads::make(std::uint64_t n) const noexcept {
    variant made{};
    for (std::size_t i = 0; i < made.head.size(); ++i) {
        made.head[i] =
            i < counted ? alphabet[(n >> (6 * i)) & 63] : noise_[(n * 31 + i) % noise_.size()];
    }
    made.body_at = static_cast<std::size_t>(n * 61 % windows);
    return made;
}

std::size_t load_payloads::head_size() const noexcept {
    return std::min(size_, std::tuple_size_v<decltype(variant::head)>);
}

int load_payloads::rest(const variant& which, std::size_t offset,
                        std::span<iovec, 2> pieces) const noexcept {
    const std::size_t head = head_size();
    std::size_t used = 0;
    // A gathered write takes pointers to non-const, and only reads through them.
    if (offset < head) {
        pieces[used++] = {const_cast<char*>(which.head.data() + offset), head - offset};
        offset = head;
    }
    if (offset < size_) {
        const std::size_t at = (which.body_at + offset) % noise_.size();
        pieces[used++] = {const_cast<char*>(noise_.data() + at),
                          std::min(size_ - offset, noise_.size() - at)};
    }
    return static_cast<int>(used);
}

bool load_payloads::may_hold(std::string_view bytes) noexcept {
    return bytes.find_first_not_of(alphabet) == bytes.npos;
}

bool load_payloads::matches(const variant& which, std::size_t offset,
                            std::span<const char> data) const noexcept {
    if (offset + data.size() > size_) return false;
    while (!data.empty()) {
        std::array<iovec, 2> pieces;
        rest(which, offset, pieces);
        const std::size_t n = std::min(pieces[0].iov_len, data.size());
        if (std::memcmp(pieces[0].iov_base, data.data(), n) != 0) return false;
        data = data.subspan(n);
        offset += n;
    }
    return true;
}

} // namespace finpost
