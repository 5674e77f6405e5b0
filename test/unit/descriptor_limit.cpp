#include "descriptor_limit.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace finpost;

BOOST_AUTO_TEST_SUITE(descriptor_limit)

BOOST_AUTO_TEST_CASE(enough_descriptors_change_nothing) {
    const connection_limits wanted{10'000, 4'096};
    BOOST_TEST((within_descriptors(1'048'576, wanted, {}) == wanted));
    BOOST_TEST((within_descriptors(10'000 + 4'096 + 64, wanted, {}) == wanted));
}

BOOST_AUTO_TEST_CASE(the_upstream_needs_no_more_connections_than_there_are_clients) {
    BOOST_TEST((within_descriptors(1'000'000, {10, 4'096}, {}) == connection_limits{10, 10}));
}

BOOST_AUTO_TEST_CASE(a_shortage_takes_clients_first) {
    BOOST_TEST(
        (within_descriptors(10'064, {10'000, 4'096}, {}) == connection_limits{5'904, 4'096}));
    BOOST_TEST((within_descriptors(1'064, {10'000, 4'096}, {}) == connection_limits{500, 500}));
    BOOST_TEST((within_descriptors(964, {10'000, 4'096}, {2, 0}) == connection_limits{300, 300}));
    BOOST_TEST((within_descriptors(10, {10'000, 4'096}, {2, 0}) == connection_limits{1, 1}));
}

BOOST_AUTO_TEST_CASE(an_exchange_that_goes_to_a_file_needs_a_descriptor_for_it) {
    BOOST_TEST(
        (within_descriptors(400, {10'000, 4'096}, {1, 1'024}) == connection_limits{112, 112}));
    BOOST_TEST((within_descriptors(400, {112, 4'096}, {1, 1'024}) == connection_limits{112, 112}));
    BOOST_TEST((within_descriptors(400, {113, 4'096}, {1, 1'024}) == connection_limits{112, 112}));
    BOOST_TEST((within_descriptors(10'000 + 4'096 + 1'024 + 64, {10'000, 4'096}, {1, 1'024}) ==
                connection_limits{10'000, 4'096})); // not all have one at once
    BOOST_TEST((within_descriptors(10'000 + 4'096 + 1'024 + 63, {10'000, 4'096}, {1, 1'024}) ==
                connection_limits{9'999, 4'096}));
}

BOOST_AUTO_TEST_CASE(what_is_given_always_fits_and_one_more_would_not) {
    for (std::size_t descriptors = 70; descriptors < 20'000; descriptors += 7) {
        for (const descriptors_beside beside :
             {descriptors_beside{1, 0}, {2, 0}, {1, 1'024}, {2, 1'024}}) {
            const auto given = within_descriptors(descriptors, {10'000, 4'096}, beside);
            const auto used = [&](std::size_t clients) {
                return clients + std::min<std::size_t>(clients, 4'096) * beside.upstream +
                       std::min(clients, beside.files);
            };
            BOOST_TEST_REQUIRE((given.clients == 1 || used(given.clients) <= descriptors - 64));
            BOOST_TEST_REQUIRE(
                (given.clients == 10'000 || used(given.clients + 1) > descriptors - 64));
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
