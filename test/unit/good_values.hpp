// Good values for every row of the table of options.
#pragma once

#include "config/option_table.hpp"

#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

/// By what stands for a value in the row: "SIZE|off" has those of "SIZE", and the word "off". Empty
/// when something stands there that is not known here: add values for it.
inline std::vector<std::string> good_values(const finpost::option_row& row) {
    using strings = std::vector<std::string>;
    static const std::map<std::string_view, strings> special{
        {"--max-buffered", {"3GiB", "99999999"}}, // at least a payload
        {"--delivery", {"relay", "queue"}},       {"--retry-first", {"1ms", "2s"}},
        {"--retry-most", {"2s", "90s"}}, // at least the first
        {"--threads", {"1", "007", "1024"}},      {"--reload-every", {"1s", "90s", "off"}},
    };
    static const std::map<std::string, strings> known{
        {"CIDR", {"10.0.0.0/8", "::1"}},
        {"D", {"1ms", "90s", "2m", "60000ms"}},
        {"DIR", {"/tmp", "/tmp/."}},
        {"FILE", {"/var/log/\"x\"\t.log"}},
        {"FORM", {"body", "status", "json", "ack-nak", "hl7"}},
        {"HOST:PORT", {"127.0.0.1:0", "[::1]:0", "0.0.0.0:0"}},
        {"LEVEL", {"trace", "off"}},
        {"METHOD", {"PUT", "PATCH"}},
        {"N", {"1", "4000", "00012"}},
        {"NAME", {"orders.internal"}},
        {"NAME:VALUE", {"X-A: \"quoted\\\"", "X-A: {peer.ip} {{x}}"}},
        {"PATH", {"/a\"b\\c", "/{peer.ip}?x={request.id}"}},
        {"RATIO", {"0.05", "1", "0.1234567890123456"}},
        {"SIZE", {"1KiB", "12345", "64MiB"}},
        {"SPEC", {"line", "delimiter:0D0A", "stx-etx,lrc", "length:u16be,inclusive", "fixed:512"}},
        {"TEXT", {"{request.id} x\\n", "\\x06{{\"}}"}},
        {"TYPE", {"text/plain; charset=\"utf-8\""}},
        {"URL", {"http://127.0.0.1:3000", "https://[::1]/a?b=c,d"}},
    };
    if (row.is_switch()) return {"true", "off"};
    if (const auto found = special.find(row.flag); found != special.end()) return found->second;
    strings values;
    std::istringstream choices{std::string(row.value)};
    for (std::string word; std::getline(choices, word, '|');) {
        const auto found = known.find(word);
        if (found != known.end()) {
            values.insert(values.end(), found->second.begin(), found->second.end());
        } else if (word.find_first_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") == word.npos) {
            values.push_back(word); // as it stands
        } else {
            return {};
        }
    }
    return values;
}
