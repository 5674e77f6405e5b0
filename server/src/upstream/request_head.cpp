#include "upstream/request_head.hpp"

#include "random.hpp"
#include "request_access.hpp"
#include "upstream/delivery_notes.hpp"
#include "upstream/field_text.hpp"

#include "finpost/handler.hpp"
#include "finpost/upstream_config.hpp"
#include "finpost/version.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

namespace finpost::detail {

namespace {

std::string value_of(request_value which, const request& request) {
    switch (which) {
    case request_value::none:
        break;
    case request_value::peer_ip:
        return request.peer().host();
    case request_value::peer_port:
        return std::to_string(request.peer().port());
    case request_value::local_port:
        return std::to_string(request.local().port());
    case request_value::request_id:
        return std::string(request.id().text());
    case request_value::tls_peer_name:
        return request.tls_peer_name();
    case request_value::payload_bytes:
        return request.streamed() ? "unknown" : std::to_string(request.body().size());
    }
    return {};
}

bool asks_for_codings(const http_header& header) { return equals(header.name, "accept-encoding"); }

} // namespace

head_opening::head_opening(const http_url& url, const upstream_config& config,
                           const request_templates& templates)
    : pieces_(1) {
    add(config.method);
    add(" ");
    if (config.path.empty())
        add(url.target);
    else
        add_template(templates.path, true);
    add(" HTTP/1.1\r\nHost: ");
    add(url.authority);
    add("\r\nUser-Agent: finpost/" FINPOST_VERSION "\r\nContent-Type: ");
    add(config.content_type);
    add("\r\n");
    // Nothing is decoded here, and a device that can is rare (RFC 9110 §12.5.3).
    if (std::none_of(config.headers.begin(), config.headers.end(), asks_for_codings))
        add("Accept-Encoding: identity\r\n");
    for (std::size_t i = 0; i < config.headers.size(); ++i) {
        add(config.headers[i].name);
        add(": ");
        add_template(templates.headers[i], false);
        add("\r\n");
    }
    constexpr std::size_t value_size = 40; // an identifier or an IPv6 address
    for (const piece& part : pieces_) size_ += part.text.size() + value_size;
}

void head_opening::add_template(const template_pieces& pieces, bool in_path) {
    for (const template_piece& part : pieces) {
        for (const char c : part.text) // a path has no braces (RFC 3986 §3.3)
            add(in_path && c == '{'   ? "%7B"
                : in_path && c == '}' ? "%7D"
                                      : std::string_view(&c, 1));
        if (part.value == request_value::none) continue;
        pieces_.back().value = part.value;
        pieces_.back().in_path = in_path;
        pieces_.emplace_back();
    }
}

void head_opening::append_to(std::string& head, const request& request) const {
    for (const piece& part : pieces_) {
        head += part.text;
        if (part.value == request_value::none) continue;
        const std::string value = value_of(part.value, request);
        if (part.in_path)
            append_path_segment(head, value);
        else
            append_field_value(head, value);
    }
}

std::uint64_t random_parent() { return random_bits() | 1; }

std::string accept_encoding(const upstream_config& config) {
    std::string all;
    for (const http_header& header : config.headers) {
        if (!asks_for_codings(header)) continue;
        if (header.value.find('{') != header.value.npos) return "*"; // only each exchange knows
        all += (all.empty() ? "" : ",") + header.value;
    }
    return all.empty() ? "identity" : all;
}

std::string health_head(const http_url& url, std::string_view path) {
    std::string head = "GET ";
    head += path;
    head += " HTTP/1.1\r\nHost: ";
    head += url.authority;
    head += "\r\nUser-Agent: finpost/" FINPOST_VERSION "\r\nConnection: close\r\n\r\n";
    return head;
}

std::string request_head(const head_opening& opening, const request& request,
                         std::uint64_t parent) {
    // The lines that finpost adds: 423 bytes with the longest addresses, and 28 more where the key
    // is a digest.
    std::array<char, 512> own;
    char* end = own.data();
    const auto add = [&end](std::string_view text) {
        end = std::copy(text.begin(), text.end(), end);
    };
    if (request.streamed()) {
        add("Transfer-Encoding: chunked");
    } else {
        add("Content-Length: ");
        end = std::to_chars(end, own.data() + own.size(), request.body().size()).ptr;
    }
    const std::string_view id = request.id().text();
    add("\r\nX-Request-Id: ");
    add(id);
    add("\r\nIdempotency-Key: ");
    const delivery_notes* const notes = request_access::notes(request);
    add(notes == nullptr || notes->idempotency_key.empty() ? id : notes->idempotency_key);
    // The identifier's 128 bits are the trace.
    add("\r\ntraceparent: 00-");
    const std::array<char, 32> trace = request.id().trace_id();
    add({trace.data(), trace.size()});
    add("-");
    for (int shift = 60; shift >= 0; shift -= 4)
        *end++ = "0123456789abcdef"[(parent >> shift) & 0xf];
    add(request.sampled() ? "-01" : "-00"); // W3C Trace Context §3.2.2.5
    // Addresses are rebuilt from their binary form, so no byte of a peer's choosing gets in here.
    add("\r\nForwarded: for=\"");
    add(to_string(request.peer()));
    add("\";by=\"");
    add(to_string(request.local()));
    add("\";proto=tcp\r\nX-Forwarded-For: ");
    add(request.peer().host());
    add("\r\n\r\n");

    std::string head;
    head.reserve(opening.size() + static_cast<std::size_t>(end - own.data()));
    opening.append_to(head, request);
    head.append(own.data(), end);
    return head;
}

} // namespace finpost::detail
