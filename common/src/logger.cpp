#include "finpost/logger.hpp"

#include "suggestion.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace finpost {

using namespace detail;

namespace {

constexpr std::array<std::string_view, 6> level_words{"trace",   "debug", "info",
                                                      "warning", "error", "off"};

} // namespace

std::string_view to_string(log_level level) noexcept {
    const auto index = static_cast<std::size_t>(level);
    return index < level_words.size() ? level_words[index] : level_words.back();
}

parsed<log_level> parse_log_level(std::string_view word) {
    for (std::size_t i = 0; i < level_words.size(); ++i)
        if (level_words[i] == word) return static_cast<log_level>(i);
    return unknown_word(word, level_words);
}

// An empty function is the same as none, so that `enabled` stays the only test.
logger::logger(log_level threshold, sink write)
    : threshold_(threshold),
      write_(write ? std::make_shared<const sink>(std::move(write)) : nullptr) {}

void logger::operator()(log_level level, std::string_view event,
                        std::initializer_list<log_field> fields) const {
    (*this)(level, event, std::span<const log_field>(fields.begin(), fields.size()));
}

void logger::operator()(log_level level, std::string_view event,
                        std::span<const log_field> fields) const {
    if (enabled(level)) (*write_)(level, event, fields);
}

} // namespace finpost
