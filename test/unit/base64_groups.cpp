#include "base64_groups.hpp"

#include "finpost/base64.hpp"

#include <boost/test/unit_test.hpp>

#include <random>
#include <string>
#include <vector>

namespace b64 = finpost::base64;
using finpost::base64::detail::decode_groups;
using finpost::base64::detail::decode_groups_plainly;
using finpost::base64::detail::encode_groups;
using finpost::base64::detail::encode_groups_plainly;

namespace {

using bytes = std::vector<std::byte>;

bytes random_bytes(std::mt19937& generator, std::size_t size) {
    bytes out(size);
    for (std::byte& each : out) each = static_cast<std::byte>(generator() & 0xff);
    return out;
}

// How much of `in` was done, and what it became. The output is of exactly the promised size and on
// the heap, so that a sanitizer sees a byte too many.
template <class Function>
std::pair<std::size_t, bytes> decoded(Function* decode, const bytes& in) {
    bytes out(b64::decoded_size(in.size()));
    const std::size_t done = decode(in, out.data());
    out.resize(b64::decoded_size(done)); // beyond that anything may stand
    return {done, out};
}

template <class Function>
std::pair<std::size_t, std::vector<char>> encoded(Function* encode, const bytes& in) {
    std::vector<char> out(in.size() / 3 * 4);
    const std::size_t done = encode(in, out.data());
    return {done, out};
}

bytes text_of(const bytes& plain) {
    const auto text = encoded(encode_groups_plainly, plain).second;
    const auto as_bytes = std::as_bytes(std::span(text));
    return {as_bytes.begin(), as_bytes.end()};
}

} // namespace

BOOST_AUTO_TEST_SUITE(base64_groups)

BOOST_AUTO_TEST_CASE(many_groups_at_once_are_what_they_are_one_by_one) {
    std::mt19937 generator(2);
    for (std::size_t size = 0; size < 300; ++size) {
        const bytes plain = random_bytes(generator, size);
        BOOST_TEST((encoded(encode_groups, plain) == encoded(encode_groups_plainly, plain)));
        const bytes text = text_of(plain);
        const auto back = decoded(decode_groups, text);
        BOOST_TEST(back.first == text.size());
        BOOST_TEST((back == decoded(decode_groups_plainly, text)));
    }
}

// All of the alphabet at every place, each of 256 bytes at every place of two registers and the
// rest.
BOOST_AUTO_TEST_CASE(each_byte_at_each_place_is_taken_or_stopped_at_alike) {
    std::mt19937 generator(3);
    bytes text = text_of(random_bytes(generator, 75));
    for (std::byte& each : text) {
        const std::byte before = each;
        for (int value = 0; value < 256; ++value) {
            each = static_cast<std::byte>(value);
            if (decoded(decode_groups, text) != decoded(decode_groups_plainly, text))
                BOOST_ERROR("byte " << value << " at " << &each - text.data());
        }
        each = before;
    }
}

// In place, and with some bytes of earlier pieces less than that.
BOOST_AUTO_TEST_CASE(the_output_may_be_the_input_or_begin_before_it) {
    std::mt19937 generator(4);
    for (std::size_t before = 0; before < 40; ++before) {
        const bytes plain = random_bytes(generator, 300), text = text_of(plain);
        bytes room(before);
        room.insert(room.end(), text.begin(), text.end());
        BOOST_TEST(decode_groups(std::span(room).subspan(before), room.data()) == text.size());
        room.resize(plain.size());
        BOOST_TEST((room == plain));
    }
}

BOOST_AUTO_TEST_SUITE_END()
