// URLs, HOST:PORT, addresses and networks as people write them: what is read and written again says
// the same, and no message shows a secret.

#include "finpost/endpoint.hpp"

#include "fuzz.hpp"

#include "finpost/network.hpp"

#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>

using namespace finpost;
using namespace finpost::fuzz;

namespace {

void must_be_told(const parse_error& error) {
    must(is_printable(error.message) && !error.message.empty(),
         "what is wrong is told in one line of plain text");
}

bool is_host(std::string_view host) {
    in6_addr unused{};
    return host.find(':') != host.npos
               ? ::inet_pton(AF_INET6, std::string(host).c_str(), &unused) == 1
               : !host.empty() && host.size() <= 253 && wrong_address(host).empty() &&
                     std::all_of(host.begin(), host.end(), [](char c) {
                         return c > ' ' && c <= 'z' && !strchr("/@?#[]%\"<>\\^`", c);
                     });
}

void check_host_port(std::string_view text) {
    const auto read = parse_host_port(text);
    if (!read) return must_be_told(read.error());
    must(is_host(read->host), "a host that is taken is one");
    const std::string written = to_string(*read);
    const auto again = parse_host_port(written);
    must(again && *again == *read, "a host and port that are written are read again");
    must(to_string(*again) == written, "and written the same");
}

void check_address(std::string_view text) {
    const auto read = parse_socket_address(text);
    if (!read) return must_be_told(read.error());
    const std::string written = to_string(*read);
    const auto again = parse_socket_address(written);
    must(again && *again == *read && to_string(*again) == written,
         "an address that is written is read again");
    char name[INET6_ADDRSTRLEN];
    const void* const at =
        reinterpret_cast<const char*>(read->data()) +
        (read->is_v6() ? offsetof(sockaddr_in6, sin6_addr) : offsetof(sockaddr_in, sin_addr));
    must(::inet_ntop(read->is_v6() ? AF_INET6 : AF_INET, at, name, sizeof name) == read->host(),
         "an address is written as the system does");
    must(read->is_v6() == (read->host().find(':') != std::string::npos), "only IPv6 has colons");
    if (!read->is_v6())
        must(read->is_loopback() == read->host().starts_with("127."), "loopback is 127/8");
}

void check_url(std::string_view text) {
    const auto read = parse_http_url(text);
    if (!read) return must_be_told(read.error());
    must(read->scheme == "http" || read->scheme == "https", "http or https");
    must(is_host(read->host) && read->port != 0, "a host and a port");
    must(read->target.starts_with('/') && is_printable(read->target) &&
             read->target.find(' ') == std::string::npos &&
             read->target.find('#') == std::string::npos,
         "a target that can stand in a request line");
    // Nothing is added and nothing lost.
    must(text.find(read->host) != text.npos, "the host is the one that was written");
    must(text.ends_with(std::string_view(read->target).substr(1)),
         "the target is the one that was written");
    const std::string written = to_string(*read);
    const auto again = parse_http_url(written);
    must(again && *again == *read, "a URL that is written is read again");
    must(to_string(*again) == written, "and written the same");
    must(is_printable(masked_url(text)), "masked, it is plain text as well");
}

// Each place in a URL where a secret can stand.
void check_secret(std::string_view text, unsigned where) {
    constexpr std::string_view secret = "aB3dE5gH7jK9mN1pQ3sT5vW7";
    if (text.find(secret) != text.npos) return; // also where everybody may see it
    std::string around(text.substr(0, 40));
    for (char& c : around)
        if (!is_printable({&c, 1}) ||
            std::string_view(" /?#&=@:{}[]").find(c) != std::string_view::npos)
            c = '-';
    std::string url = (where & 8) != 0 ? "http://" : "https://";
    switch (where & 7) {
    case 0:
        url += "user:" + around + std::string(secret) + "@host/path";
        break;
    case 1:
        url += std::string(secret) + "@host";
        break;
    case 2:
        url += "host/" + around + std::string(secret);
        break;
    case 3:
        url += "host/path?" + around + "=" + std::string(secret);
        break;
    case 4:
        url += "host?" + around + "=x&" + around + std::string(secret);
        break;
    case 5:
        url += "host/" + around + "#" + std::string(secret);
        break;
    case 6:
        url += "user:" + around + "/" + std::string(secret) + "@host/";
        break;
    default:
        url += "host/" + std::string(secret) + "/" + around + "?" + std::string(secret);
        break;
    }
    must(masked_url(url).find(secret) == std::string::npos, "no secret is left in a masked URL");
    for (const std::string& one : {url, url + "\t", url.substr(url.find(':') + 3), "x" + url}) {
        const auto read = parse_http_url(one);
        if (!read)
            must(read.error().message.find(secret) == std::string::npos,
                 "no message tells a secret");
        const auto place = parse_host_port(one);
        if (!place && one.find("://") != std::string::npos)
            must(place.error().message.find(secret) == std::string::npos,
                 "nor where HOST:PORT is due");
    }
}

std::vector<bool> bits_of(const socket_address& address) {
    std::vector<bool> out;
    const auto* at =
        reinterpret_cast<const unsigned char*>(address.data()) +
        (address.is_v6() ? offsetof(sockaddr_in6, sin6_addr) : offsetof(sockaddr_in, sin_addr));
    for (std::size_t i = 0; i < (address.is_v6() ? 16u : 4u); ++i)
        for (int bit = 7; bit >= 0; --bit) out.push_back((at[i] >> bit & 1) != 0);
    return out;
}

socket_address drawn_address(input& from, bool v6, const socket_address& near) {
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    sockaddr_in four{};
    four.sin_family = AF_INET;
    if (near.is_v6() == v6)
        std::memcpy(v6 ? static_cast<void*>(&six) : &four, near.data(), near.size());
    // One bit is another, which only matters within the prefix.
    const unsigned bit = from.byte();
    auto* const at = v6 ? six.sin6_addr.s6_addr : reinterpret_cast<unsigned char*>(&four.sin_addr);
    if (bit < 128 && bit / 8 < (v6 ? 16u : 4u))
        at[bit / 8] = static_cast<unsigned char>(at[bit / 8] ^ 0x80u >> bit % 8);
    return v6 ? socket_address(reinterpret_cast<const sockaddr*>(&six), sizeof six)
              : socket_address(reinterpret_cast<const sockaddr*>(&four), sizeof four);
}

void check_network(std::string_view text, input& from) {
    const auto read = parse_network(text);
    if (!read) return must_be_told(read.error());
    const std::string written = to_string(*read);
    const auto again = parse_network(written);
    must(again && *again == *read && to_string(*again) == written,
         "a network that is written is read again");
    must(read->contains(read->first()), "its first address is in it");
    must(network(read->first(), read->length()) == *read, "it is made of its first address");
    for (const bool v6 : {false, true}) {
        const socket_address other = drawn_address(from, v6, read->first());
        const auto a = bits_of(read->first()), b = bits_of(other);
        const bool within = other.is_v6() == read->is_v6() &&
                            std::equal(a.begin(), a.begin() + read->length(), b.begin());
        must(read->contains(other) == within, "what is in it begins with its bits");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    input from(data, size);
    const unsigned what = from.byte();
    const std::uint8_t bits[] = {static_cast<std::uint8_t>(from.byte()),
                                 static_cast<std::uint8_t>(from.byte())};
    const std::string_view text = from.text();
    input drawn(bits, sizeof bits);
    check_host_port(text);
    check_address(text);
    check_url(text);
    check_network(text, drawn);
    check_secret(text, what);
    return 0;
}
