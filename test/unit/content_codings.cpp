#include "upstream/content_codings.hpp"

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(content_codings)

BOOST_AUTO_TEST_CASE(cover_what_was_named_and_has_a_weight) {
    const finpost::detail::content_codings some("gzip;q=0.5 , Deflate,br; q=0.000,zstd;q=0");
    for (const char* applied :
         {"", "gzip", "GZIP", "x-gzip", "deflate, gzip", " , gzip", "identity"})
        BOOST_TEST(some.cover(applied), applied);
    for (const char* applied : {"br", "zstd", "gzip, br", "compress", "gzip;q=1", "*"})
        BOOST_TEST(!some.cover(applied), applied);
}

BOOST_AUTO_TEST_CASE(of_nothing_cover_no_coding) {
    for (const char* accepted : {"", "identity", ","}) {
        const finpost::detail::content_codings none{std::string_view(accepted)};
        BOOST_TEST(none.cover(""));
        BOOST_TEST(none.cover("identity"));
        BOOST_TEST(!none.cover("gzip"));
    }
    BOOST_TEST(!finpost::detail::content_codings().cover("gzip"));
}

BOOST_AUTO_TEST_CASE(of_an_asterisk_cover_everything) {
    BOOST_TEST(finpost::detail::content_codings("identity;q=0.1, *").cover("zstd"));
    BOOST_TEST(!finpost::detail::content_codings("*;q=0").cover("zstd"));
}

BOOST_AUTO_TEST_SUITE_END()
