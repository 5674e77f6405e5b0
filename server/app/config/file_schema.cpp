#include "config/option_table.hpp"
#include "config/references.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <optional>

namespace json = boost::json;

namespace finpost {

namespace {

// The alternatives of "accept|refuse". Nothing where one of them stands for more than itself.
std::optional<json::array> words_of(std::string_view value) {
    if (value.find('|') == value.npos) return std::nullopt;
    json::array words;
    while (!value.empty()) {
        const std::string_view word = value.substr(0, value.find('|'));
        value.remove_prefix(std::min(value.size(), word.size() + 1));
        if (word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != word.npos)
            return std::nullopt;
        words.emplace_back(word);
    }
    return words;
}

json::object one_value(const option_row& row) {
    if (row.is_switch()) return {{"type", "boolean"}};
    if (row.value == "N" || row.value == "SIZE") return {{"type", {"string", "integer"}}};
    if (row.value == "RATIO|off") return {{"type", {"string", "number"}}};
    json::object text{{"type", "string"}};
    if (auto words = words_of(row.value)) text["enum"] = std::move(*words);
    return text;
}

json::object setting(const option_row& row) {
    json::object value = one_value(row);
    if (row.repeatable()) {
        json::array forms{json::object{{"type", "array"}, {"items", value}}, value};
        if (row.in_table == "headers")
            forms.push_back(json::object{{"type", "object"}, {"additionalProperties", value}});
        value = {{"anyOf", std::move(forms)}};
    }
    value["description"] = row.meaning;
    const auto defaults = row.default_texts();
    if (row.is_switch())
        value["default"] = !defaults.empty() && defaults.front() == "on";
    else if (!defaults.empty() && !row.repeatable())
        value["default"] = defaults.front();
    return value;
}

// A line for each property.
std::string object_of(const json::object& properties, const std::string& indent) {
    std::string out = "{\n" + indent + "  \"type\": \"object\",\n" + indent +
                      "  \"additionalProperties\": false,\n" + indent + "  \"properties\": {";
    const char* between = "\n";
    for (const auto& each : properties) {
        out += between + indent + "    " + json::serialize(json::string(each.key())) + ": " +
               json::serialize(each.value());
        between = ",\n";
    }
    return out + '\n' + indent + "  }\n" + indent + '}';
}

json::object settings_of(option_scope scope) {
    json::object out;
    if (scope == option_scope::listener)
        out["upstream"] = {{"type", "string"}, {"description", "the name of its upstream"}};
    for (const option_row& row : option_table())
        if (row.scope() == scope) out[row.table_key()] = setting(row);
    return out;
}

} // namespace

std::string file_schema() {
    json::object all;
    for (const option_row& row : option_table()) all[row.key()] = setting(row);
    std::string out = object_of(all, "");
    const std::string tables = ",\n    \"listeners\": {\"type\": \"array\", \"items\": " +
                               object_of(settings_of(option_scope::listener), "    ") +
                               "},\n    \"upstreams\": {\"type\": \"object\", "
                               "\"additionalProperties\": " +
                               object_of(settings_of(option_scope::upstream), "    ") + "}";
    out.insert(out.rfind("\n  }\n}"), tables);
    out.insert(2, "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                  "  \"title\": \"The configuration file of finpostd\",\n");
    return out + '\n';
}

} // namespace finpost
