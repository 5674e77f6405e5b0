#include "descriptor_limit.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;

BOOST_AUTO_TEST_SUITE(descriptor_limit)

BOOST_AUTO_TEST_CASE(enough_descriptors_change_nothing) {
    const connection_limits wanted{10'000, 4'096};
    BOOST_TEST((within_descriptors(1'048'576, wanted, false) == wanted));
    BOOST_TEST((within_descriptors(10'000 + 4'096 + 64, wanted, false) == wanted));
}

BOOST_AUTO_TEST_CASE(the_upstream_needs_no_more_connections_than_there_are_clients) {
    BOOST_TEST((within_descriptors(1'000'000, {10, 4'096}, false) == connection_limits{10, 10}));
}

BOOST_AUTO_TEST_CASE(a_shortage_takes_clients_first) {
    BOOST_TEST((within_descriptors(10'064, {10'000, 4'096}, false) ==
                connection_limits{5'904, 4'096}));
    BOOST_TEST((within_descriptors(1'064, {10'000, 4'096}, false) == connection_limits{500, 500}));
    BOOST_TEST((within_descriptors(964, {10'000, 4'096}, true) == connection_limits{300, 300}));
    BOOST_TEST((within_descriptors(10, {10'000, 4'096}, true) == connection_limits{1, 1}));
}

BOOST_AUTO_TEST_CASE(what_is_given_always_fits) {
    for (std::size_t descriptors = 70; descriptors < 20'000; descriptors += 7) {
        for (const bool demo : {false, true}) {
            const auto given = within_descriptors(descriptors, {10'000, 4'096}, demo);
            const std::size_t used = given.clients + given.upstream * (demo ? 2 : 1);
            BOOST_TEST_REQUIRE(used <= descriptors - 64);
            BOOST_TEST_REQUIRE(given.clients >= 1u);
        }
    }
}

BOOST_AUTO_TEST_SUITE_END()
