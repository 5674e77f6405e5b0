#include "control/queue_json.hpp"

#include "quoted.hpp"
#include "suggestion.hpp"
#include "utf8.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace json = boost::json;

namespace finpost {

using namespace detail;

namespace {

constexpr std::size_t most_ids = 1000;

// Names in certificates and words of a service may be anything.
std::string json_text(std::string_view text) {
    std::string out;
    while (!text.empty()) {
        const std::size_t n = utf8_length(text);
        if (n == 0)
            out += "\xef\xbf\xbd";
        else
            out += text.substr(0, n);
        text.remove_prefix(std::max<std::size_t>(n, 1));
    }
    return out;
}

} // namespace

std::string iso_time(queue_entry::time_point time) {
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date(day);
    const std::chrono::hh_mm_ss<std::chrono::milliseconds> clock(time - day);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()),
                  static_cast<int>(clock.subseconds().count()));
    return text.data();
}

json::object to_json(const queue_entry& entry) {
    const bool is_due = entry.due && entry.state == queue_state::waiting;
    json::object out{{"id", entry.id.text()},
                     {"state", to_string(entry.state)},
                     {"listener", json_text(entry.listener)},
                     {"upstream", json_text(entry.upstream)},
                     {"peer", to_string(entry.peer)},
                     {"accepted_at", iso_time(entry.accepted_at)},
                     {"size", entry.size},
                     {"attempts", entry.attempts},
                     {"due", nullptr},
                     {"last_status", entry.last_status},
                     {"last_error", json_text(entry.last_error)},
                     {"idempotency_key", json_text(entry.idempotency_key)},
                     {"sequence", entry.sequence},
                     {"tls_name", json_text(entry.tls_name)},
                     {"local", to_string(entry.local)},
                     {"waiting_since", iso_time(entry.waiting_since)},
                     {"crc32c", entry.crc32c},
                     {"lease_until", nullptr},
                     {"lease_owner", json_text(entry.lease_owner)}};
    if (is_due) out["due"] = iso_time(*entry.due);
    if (entry.lease_until != queue_entry::time_point())
        out["lease_until"] = iso_time(entry.lease_until);
    return out;
}

json::object listed(const json::object& entry) {
    json::object out;
    for (const char* const name : {"id", "state", "listener", "upstream", "peer", "accepted_at",
                                   "size", "attempts", "due", "last_status", "last_error"})
        out[name] = entry.at(name);
    return out;
}

json::object to_json(const queue_stats& stats) {
    json::object states;
    for (const queue_state state : all_queue_states)
        states[to_string(state)] =
            json::object{{"payloads", stats.of(state).payloads}, {"bytes", stats.of(state).bytes}};
    json::object out{{"states", std::move(states)},
                     {"delivering", stats.delivering},
                     {"bytes", stats.bytes},
                     {"max_bytes", stats.max_bytes},
                     {"oldest_seconds", nullptr}};
    if (stats.oldest) out["oldest_seconds"] = static_cast<double>(stats.oldest->count()) / 1e3;
    return out;
}

parsed<queue_state> parse_queue_state(std::string_view word) {
    std::array<std::string_view, all_queue_states.size()> words{};
    std::transform(all_queue_states.begin(), all_queue_states.end(), words.begin(),
                   [](queue_state state) { return to_string(state); });
    const auto found = std::find(words.begin(), words.end(), word);
    if (found == words.end()) return unknown_word(word, words);
    return all_queue_states[static_cast<std::size_t>(found - words.begin())];
}

json::object ids_to_json(const std::vector<request_id>& ids) {
    json::array texts;
    for (const request_id& id : ids) texts.emplace_back(id.text());
    return {{"ids", std::move(texts)}};
}

parsed<json::object> parse_object(std::string_view text) {
    json::parse_options options;
    options.max_depth = 8;
    json::error_code failed;
    json::value read = json::parse(text, failed, {}, options);
    if (failed || !read.is_object()) return parse_error{"is no JSON object"};
    return std::move(read.as_object());
}

parsed<std::vector<request_id>> parse_ids(std::string_view text) {
    const auto read = parse_object(text);
    if (!read) return parse_error{"the body " + read.error().message};
    const json::value* const found = read->if_contains("ids");
    if (found == nullptr || !found->is_array() || found->as_array().empty() ||
        found->as_array().size() > most_ids)
        return parse_error{"\"ids\" must be an array of 1 to 1000 ids"};
    std::vector<request_id> ids;
    for (const json::value& each : found->as_array()) {
        const auto id = each.is_string() ? parse_request_id(each.as_string())
                                         : parsed<request_id>(parse_error{"no text"});
        if (!id) return parse_error{"an id of \"ids\": " + id.error().message};
        ids.push_back(*id);
    }
    return ids;
}

} // namespace finpost
