#include "upstream/request_template.hpp"

#include "quoted.hpp"

#include <array>
#include <utility>

namespace finpost::detail {

namespace {

constexpr std::array<std::pair<std::string_view, request_value>, 6> names{{
    {"peer.ip", request_value::peer_ip},
    {"peer.port", request_value::peer_port},
    {"local.port", request_value::local_port},
    {"request.id", request_value::request_id},
    {"payload.bytes", request_value::payload_bytes},
    {"tls.peer_name", request_value::tls_peer_name},
}};

request_value value_named(std::string_view name) {
    for (const auto& [word, value] : names)
        if (word == name) return value;
    return request_value::none;
}

parse_error unknown_value(std::string_view name) {
    std::string message = in_quotes(name) + " in braces is not a name: expected ";
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i > 0) message += i + 1 == names.size() ? " or " : ", ";
        message += names[i].first;
    }
    return {message};
}

} // namespace

parsed<template_pieces> parse_template(std::string_view text) {
    template_pieces pieces(1);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c != '{' && c != '}') {
            pieces.back().text += c;
        } else if (i + 1 < text.size() && text[i + 1] == c) {
            pieces.back().text += c;
            ++i;
        } else if (c == '}') {
            return fault_at(i, "} without its { (a plain one is written }})");
        } else {
            const std::size_t end = text.find_first_of("{}", i + 1);
            if (end == text.npos || text[end] == '{')
                return fault_at(i, "{ without its } (a plain one is written {{)");
            const std::string_view name = text.substr(i + 1, end - i - 1);
            pieces.back().value = value_named(name);
            if (pieces.back().value == request_value::none) return unknown_value(name);
            pieces.emplace_back();
            i = end;
        }
    }
    if (pieces.size() > 1 && pieces.back().text.empty()) pieces.pop_back();
    return pieces;
}

void append_path_segment(std::string& out, std::string_view value) {
    constexpr std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                       "0123456789-._~:@";
    constexpr std::string_view digits = "0123456789ABCDEF";
    // A client whose certificate says so must not climb out of the path that the operator wrote.
    // Encoding the dots would not help: %2E is the same to many services (RFC 3986 §6.2.2.2).
    if (value == "." || value == "..") return;
    for (const char c : value) {
        if (plain.find(c) != plain.npos) {
            out += c;
        } else {
            const auto byte = static_cast<unsigned char>(c);
            ((out += '%') += digits[byte >> 4]) += digits[byte & 15];
        }
    }
}

void append_field_value(std::string& out, std::string_view value) {
    for (const char c : value) out += c >= ' ' && c <= '~' ? c : '?';
}

} // namespace finpost::detail
