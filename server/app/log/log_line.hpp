#pragma once

#include "finpost/logger.hpp"

#include <chrono>
#include <span>
#include <string>
#include <string_view>

namespace finpost {

/// Appends one log record as a line for people, with its line feed:
///
///     2026-11-24T08:00:00.123Z info exchange id=0190... peer=127.0.0.1:40000 outcome=replied
///
/// Values that hold a space or anything that would be ambiguous are in quotes; every byte outside
/// printable ASCII is escaped (`\n`, `\x1b`), so that no peer can forge a line or talk to a
/// terminal. Only the fields' names are copied as they are: they come from the source code.
void append_text_line(std::string& out, std::chrono::system_clock::time_point at, log_level level,
                      std::string_view event, std::span<const log_field> fields);

/// The same as one JSON object (RFC 8259) with the keys `time`, `level`, `event` and then the
/// fields. Bytes that are not UTF-8 become the text `\xff`: the line is always valid JSON.
void append_json_line(std::string& out, std::chrono::system_clock::time_point at, log_level level,
                      std::string_view event, std::span<const log_field> fields);

} // namespace finpost
