#include "finpost/network.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstring>
#include <random>
#include <string>

#include <netinet/in.h>
#include <sys/socket.h>

using namespace finpost;

namespace {

using bytes = std::array<unsigned char, 16>;

socket_address v4(const bytes& from) {
    sockaddr_in out{};
    out.sin_family = AF_INET;
    out.sin_port = htons(4711);
    std::memcpy(&out.sin_addr, from.data(), 4);
    return {reinterpret_cast<const sockaddr*>(&out), sizeof out};
}

socket_address v6(const bytes& from) {
    sockaddr_in6 out{};
    out.sin6_family = AF_INET6;
    std::memcpy(&out.sin6_addr, from.data(), 16);
    return {reinterpret_cast<const sockaddr*>(&out), sizeof out};
}

bytes flipped(bytes from, unsigned bit) {
    from[bit / 8] = static_cast<unsigned char>(from[bit / 8] ^ (0x80u >> bit % 8));
    return from;
}

socket_address address(const std::string& text) { return parse_socket_address(text).value(); }

std::string problem(std::string_view text) {
    const auto read = parse_network(text);
    return read ? "read as " + to_string(*read) : read.error().message;
}

// Every prefix length: an address is in its own network, and flipping a bit takes it out exactly
// when the bit belongs to the prefix.
template <class Make>
void check_every_length(Make make, unsigned width) {
    std::mt19937 random(width);
    for (unsigned length = 0; length <= width; ++length) {
        bytes some{};
        for (unsigned char& one : some) one = static_cast<unsigned char>(random());
        some[0] |= 0x20; // nothing mapped
        const network block(make(some), length);
        BOOST_TEST_CONTEXT(to_string(block)) {
            BOOST_TEST(block.length() == length);
            BOOST_TEST(block.contains(make(some)));
            BOOST_TEST(block.contains(block.first()));
            for (unsigned bit = 0; bit < width; ++bit)
                BOOST_TEST(block.contains(make(flipped(some, bit))) == (bit >= length));
            // What is written reads back as the same; with the next bit set it is no network.
            const auto read = parse_network(to_string(block));
            BOOST_REQUIRE(read.has_value());
            BOOST_TEST((*read == block));
            for (unsigned bit = length; bit < width; ++bit) {
                bytes beside{};
                const auto first = block.first();
                std::memcpy(beside.data(),
                            reinterpret_cast<const unsigned char*>(first.data()) +
                                (width == 32 ? offsetof(sockaddr_in, sin_addr)
                                             : offsetof(sockaddr_in6, sin6_addr)),
                            width / 8);
                const std::string text =
                    make(flipped(beside, bit)).host() + '/' + std::to_string(length);
                BOOST_TEST(problem(text).ends_with("has bits set behind its prefix: expected " +
                                                   to_string(block)),
                           text);
            }
        }
    }
}

} // namespace

BOOST_AUTO_TEST_SUITE(network)

BOOST_AUTO_TEST_CASE(every_ipv4_prefix_length) { check_every_length(v4, 32); }

BOOST_AUTO_TEST_CASE(every_ipv6_prefix_length) { check_every_length(v6, 128); }

BOOST_AUTO_TEST_CASE(an_address_alone_is_a_network_of_one) {
    BOOST_TEST(to_string(parse_network("192.0.2.1").value()) == "192.0.2.1/32");
    BOOST_TEST(to_string(parse_network("2001:DB8::1").value()) == "2001:db8::1/128");
    BOOST_TEST(!parse_network("192.0.2.1")->contains(address("192.0.2.2:0")));
}

BOOST_AUTO_TEST_CASE(the_port_of_an_address_does_not_matter) {
    BOOST_TEST(parse_network("192.0.2.1")->contains(address("192.0.2.1:65535")));
}

BOOST_AUTO_TEST_CASE(ipv4_mapped_is_ipv4) {
    BOOST_TEST(to_string(parse_network("::ffff:10.0.0.0/104").value()) == "10.0.0.0/8");
    BOOST_TEST(to_string(parse_network("::ffff:0:0/96").value()) == "0.0.0.0/0");
    BOOST_TEST(to_string(parse_network("::ffff:10.1.2.3").value()) == "10.1.2.3/32");
    BOOST_TEST(problem("::ffff:10.0.0.0/95").find("expected ::fffe:0:0/95") != std::string::npos,
               problem("::ffff:10.0.0.0/95"));
    BOOST_TEST(!parse_network("::/0")->contains(address("127.0.0.1:1")));
    BOOST_TEST(!parse_network("0.0.0.0/0")->contains(address("[::1]:1")));
}

BOOST_AUTO_TEST_CASE(what_is_no_network_is_told_so) {
    using namespace std::string_literals;
    for (const std::string& text : {""s,
                                    "/"s,
                                    "/8"s,
                                    "10.0.0.0/"s,
                                    "10.0.0.0/33"s,
                                    "10.0.0.0/-1"s,
                                    "10.0.0.0/+8"s,
                                    "10.0.0.0/8 "s,
                                    " 10.0.0.0/8"s,
                                    "10.0.0.0/8/8"s,
                                    "10.0.0/8"s,
                                    "10.0.0.0.0/8"s,
                                    "010.0.0.0/8"s,
                                    "10.0.0.0:80"s,
                                    "[::1]/128"s,
                                    "::/129"s,
                                    "::1%lo/128"s,
                                    "fe80::1%1"s,
                                    "device.test/24"s,
                                    "10.0.0.0\0/8"s,
                                    "10.0.0.0/99999999999"s,
                                    "255.255.255.256"s})
        BOOST_TEST(!parse_network(text).has_value(), text);
    BOOST_TEST(problem("10.0.0.0/33") == "\"10.0.0.0/33\" has no valid prefix length (0 to 32)");
    BOOST_TEST(problem("here") == "\"here\" is not a network: expected an IPv4 or IPv6 address, or "
                                  "ADDRESS/BITS");
    BOOST_TEST(problem("10.0.0.1/8") ==
               "\"10.0.0.1/8\" has bits set behind its prefix: expected 10.0.0.0/8");
}

BOOST_AUTO_TEST_SUITE_END()
