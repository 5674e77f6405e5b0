#include "finpost/request_id.hpp"

#include <boost/test/unit_test.hpp>

#include <set>
#include <string>

using namespace finpost;

BOOST_AUTO_TEST_SUITE(request_id)

BOOST_AUTO_TEST_CASE(has_the_layout_of_the_rfcs_example) {
    // RFC 9562 appendix A.6.
    const finpost::request_id id(std::chrono::milliseconds(0x017f22e279b0), 0xfcc3,
                                 0xd8c4dc0c0c07398f);
    BOOST_TEST(id.text() == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
}

BOOST_AUTO_TEST_CASE(differ_and_sort_by_time) {
    std::set<std::string> seen;
    for (int i = 0; i < 1000; ++i) seen.emplace(finpost::request_id::generate().text());
    BOOST_TEST(seen.size() == 1000u);
    const finpost::request_id early(std::chrono::milliseconds(1), ~0ull, ~0ull);
    const finpost::request_id late(std::chrono::milliseconds(2), 0, 0);
    BOOST_TEST(early.text() < late.text());
}

BOOST_AUTO_TEST_CASE(always_carries_version_and_variant) {
    for (int i = 0; i < 100; ++i) {
        const auto id = finpost::request_id::generate();
        BOOST_TEST(id.text()[14] == '7');
        BOOST_TEST((std::string_view("89ab").find(id.text()[19]) != std::string_view::npos));
    }
}

BOOST_AUTO_TEST_CASE(is_a_trace_id_without_its_dashes) {
    const finpost::request_id id(std::chrono::milliseconds(0x017f22e279b0), 0xfcc3,
                                 0xd8c4dc0c0c07398f);
    const auto trace = id.trace_id();
    BOOST_TEST(std::string_view(trace.data(), trace.size()) == "017f22e279b07cc398c4dc0c0c07398f");
}

BOOST_AUTO_TEST_CASE(the_rightmost_56_bits_decide_what_is_sampled) {
    const auto with = [](std::uint64_t random) {
        return finpost::request_id(std::chrono::milliseconds(1), 0, random);
    };
    const std::uint64_t half = std::uint64_t{1} << 55;
    BOOST_TEST(with(half).sampled(0.5));
    BOOST_TEST(!with(half - 1).sampled(0.5));
    BOOST_TEST(with(half - 1).sampled(0.500001));
    // The bits above them do not matter: a version, a variant and six random ones.
    BOOST_TEST(!with(half - 1 + (std::uint64_t{0x3f} << 56)).sampled(0.5));
    for (const std::uint64_t any : {std::uint64_t{0}, half, ~std::uint64_t{0}}) {
        BOOST_TEST(with(any).sampled(1));
        BOOST_TEST(!with(any).sampled(0));
    }
}

BOOST_AUTO_TEST_CASE(a_share_of_many_is_sampled) {
    int sampled = 0;
    for (int i = 0; i < 10'000; ++i) sampled += finpost::request_id::generate().sampled(0.25);
    BOOST_TEST(sampled > 2'000); // five hundred from the mean are more than eleven deviations
    BOOST_TEST(sampled < 3'000);
}

BOOST_AUTO_TEST_CASE(what_was_written_is_read_and_nothing_else) {
    for (int i = 0; i < 100; ++i) {
        const auto id = finpost::request_id::generate();
        BOOST_TEST((parse_request_id(id.text()).value() == id));
    }
    const std::string good = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
    BOOST_TEST(parse_request_id(good).has_value());
    for (const std::string& bad :
         {std::string(), good.substr(1), good + "0", "017F22E2" + good.substr(8),
          std::string("017f22e2-79b0-4cc3-98c4-dc0c0c07398f"), // version 4
          std::string("017f22e2-79b0-7cc3-18c4-dc0c0c07398f"), // another variant
          std::string("017f22e2079b0-7cc3-98c4-dc0c0c07398f"),
          std::string("017f22e2-79b0-7cc3-98c4-dc0c0c07398x"),
          std::string("017f22e2-79b0-7cc3-98c4--c0c0c07398f")})
        BOOST_TEST(!parse_request_id(bad).has_value(), bad);
    BOOST_TEST(parse_request_id("x").error().message == "\"x\" is not a request id");
}

BOOST_AUTO_TEST_SUITE_END()
