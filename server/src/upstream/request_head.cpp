#include "upstream/request_head.hpp"

#include "finpost/handler.hpp"

#include <array>
#include <charconv>
#include <cstddef>

namespace finpost {

namespace {

void append_number(std::string& out, std::uint64_t value, int base, std::size_t width) {
    std::array<char, 20> digits;
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, base).ptr;
    const auto size = static_cast<std::size_t>(end - digits.data());
    if (size < width) out.append(width - size, '0');
    out.append(digits.data(), size);
}

} // namespace

std::string fixed_head(const http_url& url, std::string_view content_type) {
    std::string head = "POST ";
    head += url.target;
    head += " HTTP/1.1\r\nHost: ";
    head += url.authority;
    head += "\r\nUser-Agent: finpost/" FINPOST_VERSION "\r\nContent-Type: ";
    head += content_type;
    head += "\r\n";
    return head;
}

std::string request_head(std::string_view fixed, const request& asked, std::uint64_t parent) {
    const std::string_view id = asked.id().text();
    // Addresses are rebuilt from their binary form, so no byte of a peer's choosing gets in here.
    const std::string peer = to_string(asked.peer());
    std::string head;
    head.reserve(fixed.size() + 480);
    head += fixed;
    head += "Content-Length: ";
    append_number(head, asked.body().size(), 10, 1);
    head += "\r\nX-Request-Id: ";
    head += id;
    head += "\r\nIdempotency-Key: ";
    head += id;
    // The identifier's 128 bits are the trace; not sampled, since nothing here records a span.
    head += "\r\ntraceparent: 00-";
    constexpr std::size_t groups[][2] = {{0, 8}, {9, 4}, {14, 4}, {19, 4}, {24, 12}};
    for (const auto [begin, size] : groups) head += id.substr(begin, size); // without the dashes
    head += '-';
    append_number(head, parent, 16, 16);
    head += "-00\r\nForwarded: for=\"";
    head += peer;
    head += "\";by=\"";
    head += to_string(asked.local());
    head += "\";proto=tcp\r\nX-Forwarded-For: ";
    head += asked.peer().host();
    head += "\r\n\r\n";
    return head;
}

} // namespace finpost
