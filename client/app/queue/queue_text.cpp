#include "queue/queue_text.hpp"

#include "control/queue_json.hpp"
#include "quoted.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <cstdio>
#include <string_view>

namespace json = boost::json;

namespace finpost {

namespace {

// Numbers, times and words; "-" for what is not there.
std::string cell(const json::value& of) {
    if (of.is_null()) return "-";
    if (const double* seconds = of.if_double()) {
        std::array<char, 32> plain{};
        std::snprintf(plain.data(), plain.size(), "%.3f", *seconds);
        return plain.data();
    }
    const std::string text =
        of.is_string() ? std::string(std::string_view(of.as_string())) : json::serialize(of);
    return text.empty() ? "-" : detail::printable(text);
}

std::string line_of(std::string_view name, const std::string& value) {
    constexpr std::size_t column = 17;
    std::string out(name);
    out.append(column - std::min(column - 1, name.size()), ' ');
    return (out += value) += '\n';
}

} // namespace

std::string payloads_text(std::uint64_t n) {
    return std::to_string(n) + (n == 1 ? " payload" : " payloads");
}

queue_table::cells queue_table::cells_of(const json::object& row) {
    const json::object shown = listed(row);
    cells out;
    std::transform(shown.begin(), shown.end(), out.begin(),
                   [](const auto& field) { return cell(field.value()); });
    if (shown.at("last_status") == 0) out[9] = "-"; // there was no answer
    return out;
}

void queue_table::widen(const cells& by) {
    for (std::size_t i = 0; i < columns; ++i) widths_[i] = std::max(widths_[i], by[i].size());
}

std::string queue_table::line(const cells& of) const {
    std::string out;
    for (std::size_t i = 0; i < columns; ++i) {
        out += of[i];
        if (i + 1 < columns) out.append(widths_[i] - of[i].size() + 2, ' ');
    }
    return out += '\n';
}

std::string queue_table::page(const std::vector<json::object>& rows) {
    static const cells head{"ID",   "STATE",    "LISTENER", "UPSTREAM", "PEER",      "ACCEPTED",
                            "SIZE", "ATTEMPTS", "DUE",      "STATUS",   "LAST ERROR"};
    std::vector<cells> lines;
    if (!begun_) lines.push_back(head);
    begun_ = true;
    for (const json::object& each : rows) lines.push_back(cells_of(each));
    std::string out;
    for (const cells& each : lines) widen(each);
    for (const cells& each : lines) out += line(each);
    return out;
}

std::string stats_text(const json::object& stats) {
    std::string out;
    for (const auto& [state, of] : stats.at("states").as_object())
        out += line_of(state, cell(of.at("payloads")) + " (" + cell(of.at("bytes")) + " bytes)");
    out += line_of("delivering", cell(stats.at("delivering")));
    out += line_of("bytes", cell(stats.at("bytes")));
    out += line_of("max_bytes", cell(stats.at("max_bytes")));
    out += line_of("oldest_seconds", cell(stats.at("oldest_seconds")));
    return out;
}

std::string entry_text(const json::object& entry) {
    std::string out;
    for (const auto& field : entry) out += line_of(field.key(), cell(field.value()));
    return out;
}

} // namespace finpost
