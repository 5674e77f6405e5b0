#pragma once

#include "finpost/result.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace finpost::detail {

/// What a template may name of an exchange; `none` is nothing.
enum class request_value {
    none,
    peer_ip,
    peer_port,
    local_port,
    request_id,
    payload_bytes,
    tls_peer_name
};

/// Text, and the value that follows it.
struct template_piece {
    std::string text;
    request_value value = request_value::none;
    friend bool operator==(const template_piece&, const template_piece&) = default;
};

using template_pieces = std::vector<template_piece>;

/// The templates of an upstream's configuration, taken apart.
struct request_templates {
    template_pieces path;                 // none when the URL says it
    std::vector<template_pieces> headers; // values, in the order of `upstream_config::headers`
};

/// Takes "/devices/{peer.ip}" apart; `{{` and `}}` are braces. Only the last piece may be without a
/// value. An unknown name, and a brace without its partner, are errors that quote it.
parsed<template_pieces> parse_template(std::string_view text);

/// Appends `value` as part of a path or a query (RFC 3986 §3.3): whatever else is percent-encoded,
/// and a slash ends no segment. A value of "." or ".." (RFC 3986 §5.2.4) is none, and nothing is
/// appended.
void append_path_segment(std::string& out, std::string_view value);

/// Appends `value` as part of a field's value (RFC 9110 §5.5): what is not visible ASCII or a space
/// becomes a question mark.
void append_field_value(std::string& out, std::string_view value);

} // namespace finpost::detail
