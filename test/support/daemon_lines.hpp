#pragma once

#include "support/raw_client.hpp"

#include <string>
#include <string_view>

// What `finpostd` writes and what its admin port answers.

namespace finpost::test {

inline bool has(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

/// A text field of the first JSON log line with that event; lines are written whole.
inline std::string logged(const std::string& log, const std::string& event,
                          const std::string& name) {
    const std::size_t line = log.find("\"event\":\"" + event + '"');
    if (line == log.npos) return {};
    const std::string key = '"' + name + "\":\"";
    const std::size_t at = log.find(key, line);
    if (at == log.npos || at > log.find('\n', line)) return {};
    return log.substr(at + key.size(), log.find('"', at + key.size()) - at - key.size());
}

inline socket_address address(const std::string& text) {
    return parse_socket_address(text).value();
}

/// One request to the admin port at `admin`; the whole response.
inline std::string http_get(const socket_address& admin, const std::string& target,
                            const std::string& method = "GET") {
    raw_client client(admin);
    client.send(method + ' ' + target +
                " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    return client.read_to_end().bytes;
}

} // namespace finpost::test
