#include "finpost/request_id.hpp"

#include "quoted.hpp"
#include "random.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace finpost {

using namespace detail;

namespace {

// Two digits at a time: one by one they were 600 instructions of every exchange.
constexpr std::array<std::array<char, 2>, 256> hex_pairs = [] {
    constexpr char digits[] = "0123456789abcdef";
    std::array<std::array<char, 2>, 256> pairs{};
    for (unsigned byte = 0; byte < 256; ++byte)
        pairs[byte] = {digits[byte >> 4], digits[byte & 0xf]};
    return pairs;
}();

} // namespace

request_id request_id::generate() {
    using namespace std::chrono;
    const auto now = duration_cast<milliseconds>(system_clock::now().time_since_epoch());
    const std::uint64_t a = random_bits();
    const std::uint64_t b = random_bits();
    return {now, a, b};
}

request_id::request_id(std::chrono::milliseconds since_epoch, std::uint64_t random_a,
                       std::uint64_t random_b) {
    // RFC 9562 §5.7: 48 bits of time, version 7, 12 random bits; variant 0b10, 62 random bits.
    const auto time = static_cast<std::uint64_t>(since_epoch.count());
    const std::uint64_t high = (time << 16) | 0x7000u | (random_a & 0x0fffu);
    const std::uint64_t low = (random_b & 0x3fff'ffff'ffff'ffffu) | 0x8000'0000'0000'0000u;
    char* out = text_.data();
    for (unsigned i = 0; i < 16; ++i) {
        if (i == 4 || i == 6 || i == 8 || i == 10) *out++ = '-';
        const std::uint64_t half = i < 8 ? high : low;
        out = std::copy_n(hex_pairs[(half >> (56 - 8 * (i % 8))) & 0xff].data(), 2, out);
    }
}

std::array<char, 32> request_id::trace_id() const noexcept {
    // Its five groups, which stand where they stand: looking for dashes was 280 instructions.
    std::array<char, 32> out;
    const char* const text = text_.data();
    std::copy_n(text, 8, out.data());
    std::copy_n(text + 9, 4, out.data() + 8);
    std::copy_n(text + 14, 4, out.data() + 12);
    std::copy_n(text + 19, 4, out.data() + 16);
    std::copy_n(text + 24, 12, out.data() + 20);
    return out;
}

bool request_id::sampled(double share) const noexcept {
    if (share <= 0) return false;
    constexpr std::uint64_t all = std::uint64_t{1} << 56;
    constexpr std::size_t digits = 14;
    const std::array<char, 32> trace = trace_id();
    std::uint64_t random = 0;
    std::from_chars(trace.end() - digits, trace.end(), random, 16);
    return random >=
           all - static_cast<std::uint64_t>(std::min(share, 1.0) * static_cast<double>(all));
}

parsed<request_id> parse_request_id(std::string_view text) {
    constexpr std::array<std::size_t, 5> begins{0, 9, 14, 19, 24};
    constexpr std::array<std::size_t, 5> ends{8, 13, 18, 23, 36};
    std::array<std::uint64_t, 5> parts{};
    bool good = text.size() == ends.back();
    for (std::size_t i = 0; good && i < parts.size(); ++i) {
        const char* const end = text.data() + ends[i];
        const auto read = std::from_chars(text.data() + begins[i], end, parts[i], 16);
        good = read.ec == std::errc() && read.ptr == end;
    }
    // Version, variant, dashes and small letters are compared with what is written again.
    const std::chrono::milliseconds time(static_cast<std::int64_t>(parts[0] << 16 | parts[1]));
    const request_id made(time, parts[2], parts[3] << 48 | parts[4]);
    if (!good || made.text() != text) return parse_error{in_quotes(text) + " is not a request id"};
    return made;
}

} // namespace finpost
