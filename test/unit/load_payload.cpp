#include "load_payload.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>

using namespace finpost;

namespace {

std::string whole(const load_payloads& payloads, const load_payloads::variant& which,
                  std::size_t from = 0) {
    std::array<iovec, 2> pieces;
    std::string out;
    const int count = payloads.rest(which, from, pieces);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i)
        out.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
    return out;
}

} // namespace

BOOST_AUTO_TEST_SUITE(load_payload)

BOOST_AUTO_TEST_CASE(no_two_payloads_are_alike_in_their_first_bytes) {
    const load_payloads payloads(1024);
    std::set<std::string> beginnings;
    for (std::uint64_t n = 0; n < 100'000; ++n)
        beginnings.insert(whole(payloads, payloads.make(n)).substr(0, 16));
    BOOST_TEST(beginnings.size() == 100'000u);
}

BOOST_AUTO_TEST_CASE(whatever_was_sent_the_rest_is_the_rest) {
    for (const std::size_t size : {1u, 15u, 16u, 17u, 5000u}) {
        const load_payloads payloads(size);
        const auto one = payloads.make(4711);
        const std::string all = whole(payloads, one);
        BOOST_TEST(all.size() == size);
        for (std::size_t from = 0; from <= std::min<std::size_t>(size, 40); ++from)
            BOOST_TEST((whole(payloads, one, from) == all.substr(from)));
    }
}

BOOST_AUTO_TEST_CASE(the_payload_itself_matches_in_any_pieces) {
    const load_payloads payloads(200);
    const auto one = payloads.make(99);
    const std::string all = whole(payloads, one);
    for (std::size_t from = 0; from < all.size(); ++from)
        for (std::size_t to = from; to <= all.size(); ++to)
            BOOST_TEST(payloads.matches(one, from, std::span(all).subspan(from, to - from)));
}

// Beyond 1 MiB the noise is repeated, and comes in several pieces.
BOOST_AUTO_TEST_CASE(a_large_payload_costs_no_memory_and_matches_across_the_repetition) {
    const std::size_t size = (std::size_t{5} << 30) + 7;
    const load_payloads payloads(size);
    const auto one = payloads.make(99);
    const auto sent = [&](std::size_t from, std::size_t n) {
        std::string out;
        while (out.size() < n) out += whole(payloads, one, from + out.size());
        return out.substr(0, n);
    };
    for (const std::size_t from : {(std::size_t{1} << 20) - 10'000, size - 20'000}) {
        const std::string part = sent(from, 20'000);
        BOOST_TEST(payloads.matches(one, from, part));
        BOOST_TEST(!payloads.matches(one, from - 1, part));
    }
    std::size_t at = 0, pieces_sent = 0;
    for (std::array<iovec, 2> pieces; at < size; ++pieces_sent)
        for (int i = 0, count = payloads.rest(one, at, pieces); i < count; ++i)
            at += pieces[static_cast<std::size_t>(i)].iov_len;
    BOOST_TEST(at == size);
    BOOST_TEST(pieces_sent > 5'000u);
}

BOOST_AUTO_TEST_CASE(a_single_wrong_byte_does_not_match) {
    const load_payloads payloads(64);
    const auto one = payloads.make(5);
    for (std::size_t at = 0; at < 64; ++at) {
        std::string all = whole(payloads, one);
        all[at] = all[at] == 'A' ? 'B' : 'A';
        BOOST_TEST(!payloads.matches(one, 0, all));
    }
}

BOOST_AUTO_TEST_CASE(more_than_the_payload_does_not_match) {
    const load_payloads payloads(64);
    const auto one = payloads.make(5);
    BOOST_TEST(!payloads.matches(one, 0, whole(payloads, one) + 'A'));
    BOOST_TEST(!payloads.matches(one, 64, std::string("A")));
}

BOOST_AUTO_TEST_CASE(the_reply_to_another_client_does_not_match) {
    const load_payloads payloads(1024);
    BOOST_TEST(!payloads.matches(payloads.make(1), 0, whole(payloads, payloads.make(2))));
    const std::string other = whole(payloads, payloads.make(2)).substr(16);
    BOOST_TEST(!payloads.matches(payloads.make(1), 16, other));
}

BOOST_AUTO_TEST_SUITE_END()
