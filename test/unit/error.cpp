#include "finpost/error.hpp"

#include "finpost/result.hpp"

#include <boost/system/errc.hpp>
#include <boost/test/unit_test.hpp>

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <system_error>

using namespace finpost;

BOOST_AUTO_TEST_SUITE(error)

// Scripts, dashboards and devices compare these words. Adding one is fine; this list only grows.
BOOST_AUTO_TEST_CASE(the_words_are_the_published_ones) {
    const std::set<std::string_view> published{"empty",
                                               "too_large",
                                               "bad_encoding",
                                               "receive_timeout",
                                               "too_slow",
                                               "busy",
                                               "denied",
                                               "tls_handshake",
                                               "tls_truncated",
                                               "proxy_protocol",
                                               "foreign",
                                               "upstream_unreachable",
                                               "upstream_timeout",
                                               "upstream_status",
                                               "upstream_invalid",
                                               "upstream_incomplete",
                                               "reply_too_large",
                                               "spill_failed",
                                               "queue_full",
                                               "queue_failed",
                                               "draining",
                                               "internal"};
    std::set<std::string_view> words;
    for (const reason each : all_reasons) words.insert(to_string(each));
    for (const std::string_view word : published) BOOST_TEST(words.count(word) == 1u, word);
}

BOOST_AUTO_TEST_CASE(each_reason_has_a_word_of_its_own_that_leads_back_to_it) {
    std::set<std::string_view> words;
    std::set<std::string> sentences;
    for (const reason each : all_reasons) {
        const std::string_view word = to_string(each);
        BOOST_TEST(!word.empty());
        BOOST_TEST((word.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == word.npos), word);
        BOOST_TEST(words.insert(word).second, word);
        BOOST_TEST(sentences.insert(error_code(each).message()).second, word);
        BOOST_TEST((parse_reason(word).value() == each), word);
    }
    BOOST_TEST(words.size() == all_reasons.size());
}

BOOST_AUTO_TEST_CASE(a_word_that_names_no_reason_is_an_error_that_suggests_one) {
    for (const std::string_view word : {"", "Busy", "busy ", "too_larg", "too_largee", "-"})
        BOOST_TEST(!parse_reason(word), word);
    BOOST_TEST(parse_reason("too_larg").error().message ==
               "\"too_larg\" is not a reason: did you mean too_large?");
}

BOOST_AUTO_TEST_CASE(a_reason_travels_as_an_error_code) {
    for (const reason each : all_reasons) {
        const error_code code = each;
        BOOST_TEST(code.failed());
        BOOST_TEST((code == each));
        BOOST_TEST((code.category() == reason_category()));
        BOOST_TEST((to_reason(code) == each));
        char buffer[8];
        BOOST_TEST(std::string(code.message(buffer, sizeof buffer)) == code.message());
    }
    BOOST_TEST(std::string(reason_category().name()) == "finpost");
    BOOST_TEST((error_code(reason::busy) != error_code(reason::denied)));
}

// Programs compare with these; this list only grows.
BOOST_AUTO_TEST_CASE(some_are_equal_to_the_system_error_that_means_the_same) {
    const std::map<reason, std::errc> published{
        {reason::receive_timeout, std::errc::timed_out},
        {reason::upstream_timeout, std::errc::timed_out},
        {reason::too_large, std::errc::message_size},
        {reason::reply_too_large, std::errc::message_size},
        {reason::bad_encoding, std::errc::illegal_byte_sequence},
        {reason::busy, std::errc::resource_unavailable_try_again},
        {reason::denied, std::errc::permission_denied},
        {reason::proxy_protocol, std::errc::protocol_error},
        {reason::upstream_invalid, std::errc::protocol_error},
        {reason::upstream_unreachable, std::errc::host_unreachable},
        {reason::spill_failed, std::errc::io_error},
        {reason::queue_full, std::errc::no_space_on_device},
        {reason::queue_failed, std::errc::io_error},
    };
    for (const reason each : all_reasons) {
        const error_code code = each;
        const auto found = published.find(each);
        for (const auto& [other, condition] : published) {
            const bool same = found != published.end() && found->second == condition;
            BOOST_TEST((code == condition) == same, to_string(each) << ", " << to_string(other));
            const auto boosts = static_cast<boost::system::errc::errc_t>(condition);
            BOOST_TEST((code == boosts) == same, to_string(each) << ", " << to_string(other));
        }
        if (found == published.end())
            BOOST_TEST((code.default_error_condition().category() == reason_category()));
    }
    BOOST_TEST((error_code(20'000, reason_category()) != std::errc::timed_out));
}

BOOST_AUTO_TEST_CASE(what_is_not_a_reason_reads_as_internal) {
    const error_code system(1, boost::system::system_category()); // the number of `reason::empty`
    BOOST_TEST((to_reason(system) == reason::internal));
    BOOST_TEST((to_reason(error_code{}) == reason::internal));
    for (const int number : {0, -1, static_cast<int>(all_reasons.size()), 1'000'000}) {
        BOOST_TEST((to_reason(error_code(number, reason_category())) == reason::internal));
        BOOST_TEST(to_string(static_cast<reason>(number)) == "internal");
    }
}

BOOST_AUTO_TEST_CASE(the_value_of_what_could_not_be_read_throws_its_message) {
    const parsed<int> bad = parse_error{"\"x\" is not a number"};
    try {
        static_cast<void>(bad.value());
        BOOST_ERROR("nothing was thrown");
    } catch (const std::logic_error& thrown) {
        BOOST_TEST(std::string(thrown.what()) == "\"x\" is not a number");
    }
    BOOST_TEST(parsed<int>(7).value() == 7);
}

BOOST_AUTO_TEST_SUITE_END()
