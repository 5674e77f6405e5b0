#pragma once

#include "config/daemon_config.hpp"
#include "suggestion.hpp"

#include "finpost/result.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace finpost {

/// The least and the greatest value that an option takes, as text. Empty: there is no such end.
struct option_bound {
    std::string_view least, most;
};

/// The kinds of values that options have. `parse` reads what people write. `print` returns a text
/// that `parse` reads as the same value, or nothing where no text gives this value: it is in force
/// when the option is left out. A kind may also have a `bound`, and a `mask` that hides the secrets
/// of a text.
namespace kind {

struct count { // at least one
    static constexpr option_bound bound{"1", ""};
    static parsed<std::size_t> parse(std::string_view text);
    static std::string print(std::size_t value);
};

struct threads { // 0 = one for each core, which no text gives
    static constexpr option_bound bound{"1", "1024"};
    static parsed<std::size_t> parse(std::string_view text);
    static std::string print(std::size_t value);
};

struct count_or_off { // 0 = off
    static parsed<std::size_t> parse(std::string_view text);
    static std::string print(std::size_t value);
};

struct size { // of something that is never empty
    static constexpr option_bound bound{"1", "65536GiB"};
    static parsed<std::uint64_t> parse(std::string_view text);
    static std::string print(std::uint64_t value);
};

struct rate { // 0 = off
    static parsed<std::uint64_t> parse(std::string_view text);
    static std::string print(std::uint64_t value);
};

struct threshold { // nothing = off
    static parsed<std::optional<std::uint64_t>> parse(std::string_view text);
    static std::string print(const std::optional<std::uint64_t>& value);
};

struct spill_threshold { // 0 = off, and no text beside "off" gives it
    static constexpr option_bound bound{"1", "65536GiB"};
    static parsed<std::uint64_t> parse(std::string_view text);
    static std::string print(std::uint64_t value);
};

struct time { // above zero
    static constexpr option_bound bound{"1ms", "8760h"};
    static parsed<duration> parse(std::string_view text);
    static std::string print(duration value);
};

struct time_or_zero : time {
    static constexpr option_bound bound{"0s", "8760h"};
};

struct time_or_off : time { // nothing = off
    static parsed<std::optional<duration>> parse(std::string_view text);
    static std::string print(const std::optional<duration>& value);
};

struct look_interval : time_or_off {
    static constexpr option_bound bound{"1s", "8760h"};
    static parsed<std::optional<duration>> parse(std::string_view text);
};

struct reply_frame { // nothing = the payload's
    static parsed<std::optional<frame_spec>> parse(std::string_view text);
    static std::string print(const std::optional<frame_spec>& value);
};

struct share { // 0 = off
    static constexpr option_bound bound{"0", "1"};
    static parsed<double> parse(std::string_view text);
    static std::string print(double value);
};

struct on_off {
    static parsed<bool> parse(std::string_view text);
    static std::string print(bool value);
};

struct opposite { // of the field
    static parsed<bool> parse(std::string_view text);
    static std::string print(bool value);
};

struct plain {
    static parsed<std::string> parse(std::string_view text);
    static std::string print(const std::string& value);
};

struct file : plain {
    static parsed<std::string> parse(std::string_view text);
};

struct directory : plain {
    static parsed<std::string> parse(std::string_view text);
};

struct database : plain { // a URL as libpq reads it
    static std::string mask(std::string_view text);
};

struct request_path : plain {
    static constexpr auto mask = masked_url;
    static parsed<std::string> parse(std::string_view text);
};

struct health_path { // empty = off
    static constexpr auto mask = masked_url;
    static parsed<std::string> parse(std::string_view text);
    static std::string print(const std::string& value);
};

struct header {
    static std::string mask(std::string_view text);
    static parsed<http_header> parse(std::string_view text);
    static std::string print(const http_header& value);
};

struct url {
    static constexpr auto mask = masked_url;
    static parsed<http_url> parse(std::string_view text);
    static std::string print(const http_url& value);
};

struct listen_address { // one text may be two addresses
    static parsed<std::vector<socket_address>> parse(std::string_view text);
    static std::string print(const socket_address& value);
};

struct address_or_off {
    static parsed<std::optional<socket_address>> parse(std::string_view text);
    static std::string print(const std::optional<socket_address>& value);
};

struct network_block {
    static parsed<network> parse(std::string_view text);
    static std::string print(const network& value);
};

template <class Value>
struct word {
    std::string_view text;
    Value value;
};
// clang 14 makes none by itself (P1816).
template <class Value>
word(const char*, Value) -> word<Value>;

/// Values that have a parser and a `to_string` in the library.
template <const auto& Parse>
struct parsed_by {
    static auto parse(std::string_view text) { return Parse(text); }
    static std::string print(const auto& value) { return std::string(to_string(value)); }
};

/// One of a few words, each for a value.
template <const auto& Words>
struct word_of {
    using value_type = decltype(Words[0].value);

    static parsed<value_type> parse(std::string_view text) {
        std::array<std::string_view, Words.size()> all;
        for (std::size_t i = 0; i < all.size(); ++i) {
            if (Words[i].text == text) return Words[i].value;
            all[i] = Words[i].text;
        }
        return detail::unknown_word(text, all);
    }

    static std::string print(value_type value) {
        for (const auto& word : Words)
            if (word.value == value) return std::string(word.text);
        return {};
    }
};

} // namespace kind
} // namespace finpost
