#include "load_frame.hpp"

#include "support/frame_reference.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace finpost;
using namespace finpost::test;

namespace {

template <std::size_t Count>
std::string text(const std::array<iovec, Count>& pieces, std::size_t used) {
    std::string out;
    for (std::size_t i = 0; i < used; ++i)
        out.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    return out;
}

std::string body(const load_payloads& payloads, const load_payloads::variant& which) {
    std::string out;
    while (out.size() < payloads.size()) {
        std::array<iovec, 2> pieces;
        out += text(pieces, static_cast<std::size_t>(payloads.rest(which, out.size(), pieces)));
    }
    return out;
}

// As it is sent, where each write takes at most `most` bytes.
std::string sent(const load_frame& frame, const load_payloads::variant& which, std::size_t most) {
    const auto check = frame.check_of(which);
    std::string out;
    while (out.size() < frame.size()) {
        load_frame::pieces pieces;
        const std::string rest = text(pieces, frame.rest(which, check, out.size(), pieces));
        BOOST_REQUIRE(!rest.empty());
        out += rest.substr(0, most);
    }
    return out;
}

const std::vector<std::string> specs{"line",         "delimiter:0D0A", "delimiter:410A41",
                                     "stx-etx",      "stx-etx,lrc",    "stx-etx,sum",
                                     "mllp",         "netstring",      "length:u16le,inclusive",
                                     "length:u32be", "length:ascii:7"};

} // namespace

BOOST_AUTO_TEST_SUITE(load_frame)

BOOST_AUTO_TEST_CASE(each_payload_is_framed_as_it_should_be) {
    for (const std::string& each : specs)
        for (const std::size_t size : {1u, 16u, 17u, 5000u}) {
            const load_payloads payloads(size);
            const finpost::load_frame frame(spec(each), payloads);
            for (const std::uint64_t n : {0u, 1u, 4711u}) {
                const auto which = payloads.make(n);
                const std::string expected = frame_naively(spec(each), body(payloads, which));
                BOOST_TEST(frame.size() == expected.size(), each);
                BOOST_TEST((sent(frame, which, SIZE_MAX) == expected), each);
            }
        }
}

BOOST_AUTO_TEST_CASE(whatever_was_sent_the_rest_is_the_rest) {
    for (const std::string& each : specs) {
        const load_payloads payloads(40);
        const finpost::load_frame frame(spec(each), payloads);
        const auto which = payloads.make(4711);
        const std::string whole = frame_naively(spec(each), body(payloads, which));
        for (const std::size_t most : {1u, 3u, 17u})
            BOOST_TEST((sent(frame, which, most) == whole), each << " by " << most);
    }
}

BOOST_AUTO_TEST_CASE(what_is_longer_than_the_noise_goes_over_it_again) {
    const load_payloads payloads(3u << 20);
    for (const char* each : {"mllp", "stx-etx,sum"}) {
        const finpost::load_frame frame(spec(each), payloads);
        const auto which = payloads.make(1);
        BOOST_TEST(
            (sent(frame, which, SIZE_MAX) == frame_naively(spec(each), body(payloads, which))));
    }
}

BOOST_AUTO_TEST_SUITE_END()
