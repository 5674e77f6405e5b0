#include "finpost/logger.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace finpost;

namespace {

// Writes a record as one line of `to`.
finpost::logger::sink write_to(std::string& to) {
    return [&to](log_level level, std::string_view event, std::span<const log_field> fields) {
        to += std::string(to_string(level)) + ' ' + std::string(event);
        for (const log_field& field : fields) {
            to += ' ' + std::string(field.name) + '=';
            if (const auto* text = std::get_if<std::string_view>(&field.value)) to += *text;
            if (const auto* number = std::get_if<std::int64_t>(&field.value))
                to += std::to_string(*number);
            if (const auto* fraction = std::get_if<double>(&field.value))
                to += std::to_string(*fraction);
            if (const auto* flag = std::get_if<bool>(&field.value)) to += *flag ? "yes" : "no";
        }
        to += '\n';
    };
}

constexpr log_level writable[] = {log_level::trace, log_level::debug, log_level::info,
                                  log_level::warning, log_level::error};

} // namespace

BOOST_AUTO_TEST_SUITE(logger)

BOOST_AUTO_TEST_CASE(writes_at_its_threshold_and_above) {
    for (const log_level threshold : writable) {
        for (const log_level level : writable) {
            std::string lines;
            const finpost::logger log(threshold, write_to(lines));
            log(level, "event");
            BOOST_TEST(log.enabled(level) == (level >= threshold));
            BOOST_TEST(lines.empty() == (level < threshold));
        }
    }
}

BOOST_AUTO_TEST_CASE(switched_off_it_writes_nothing) {
    std::string lines;
    const finpost::logger log(log_level::off, write_to(lines));
    for (const log_level level : writable) log(level, "event");
    BOOST_TEST(lines == "");
}

BOOST_AUTO_TEST_CASE(without_a_function_it_is_silent_at_every_level) {
    const finpost::logger by_default;
    const finpost::logger with_none(log_level::trace, nullptr);
    for (const log_level level : writable) {
        BOOST_TEST(!by_default.enabled(level));
        BOOST_TEST(!with_none.enabled(level));
        by_default(level, "event");
        with_none(level, "event", {{"answer", std::int64_t{42}}});
    }
}

BOOST_AUTO_TEST_CASE(fields_arrive_with_their_names_types_and_order) {
    std::string lines;
    const finpost::logger log(log_level::info, write_to(lines));
    const std::string peer = "127.0.0.1:5000";
    log(log_level::info, "exchange",
        {{"peer", peer},
         {"outcome", "replied"},
         {"bytes", std::int64_t{5}},
         {"ms", 1.5},
         {"gone", true}});
    BOOST_TEST(lines ==
               "info exchange peer=127.0.0.1:5000 outcome=replied bytes=5 ms=1.500000 gone=yes\n");
}

BOOST_AUTO_TEST_CASE(copies_share_the_function) {
    std::string lines;
    finpost::logger copy;
    {
        const finpost::logger log(log_level::warning, write_to(lines));
        copy = log;
    }
    copy(log_level::info, "below");
    copy(log_level::error, "above");
    BOOST_TEST(lines == "error above\n");
}

BOOST_AUTO_TEST_CASE(each_level_has_a_word_that_leads_back_to_it) {
    for (const log_level level : {log_level::trace, log_level::debug, log_level::info,
                                  log_level::warning, log_level::error, log_level::off}) {
        BOOST_TEST((parse_log_level(to_string(level)).value() == level));
    }
    for (const std::string_view word : {"", "Info", "warn", "debug "})
        BOOST_TEST(!parse_log_level(word), word);
    BOOST_TEST(parse_log_level("Info").error().message ==
               "\"Info\": expected trace, debug, info, warning, error or off: did you mean info?");
}

BOOST_AUTO_TEST_SUITE_END()
