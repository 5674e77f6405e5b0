#include "policy/address_filter.hpp"

#include <boost/test/unit_test.hpp>

#include <initializer_list>
#include <string>

using namespace finpost;
using namespace finpost::detail;

namespace {

std::vector<network> list(std::initializer_list<const char*> texts) {
    std::vector<network> out;
    for (const char* text : texts) out.push_back(parse_network(text).value());
    return out;
}

socket_address peer(const std::string& text) { return parse_socket_address(text).value(); }

} // namespace

BOOST_AUTO_TEST_SUITE(address_filter)

BOOST_AUTO_TEST_CASE(without_lists_everybody_comes_in) {
    const finpost::detail::address_filter filter({}, {});
    for (const char* text : {"0.0.0.0:1", "203.0.113.9:7", "[::]:1", "[2001:db8::1]:9"})
        BOOST_TEST(filter.admits(peer(text)), text);
}

BOOST_AUTO_TEST_CASE(with_an_allow_list_nobody_else_does) {
    const finpost::detail::address_filter filter(list({"10.0.0.0/8", "2001:db8::/32"}), {});
    BOOST_TEST(filter.admits(peer("10.255.0.1:5000")));
    BOOST_TEST(filter.admits(peer("[2001:db8:1::7]:1")));
    BOOST_TEST(!filter.admits(peer("11.0.0.1:5000")));
    BOOST_TEST(!filter.admits(peer("[2001:db9::7]:1")));
    // The first bytes are those of 10.0.0.0, but it is no IPv4 address.
    BOOST_TEST(!filter.admits(peer("[a00::1]:1")));
}

BOOST_AUTO_TEST_CASE(deny_wins_over_allow) {
    const finpost::detail::address_filter filter(list({"10.0.0.0/8"}),
                                                 list({"10.1.0.0/16", "10.2.3.4"}));
    BOOST_TEST(filter.admits(peer("10.0.0.1:1")));
    BOOST_TEST(!filter.admits(peer("10.1.255.1:1")));
    BOOST_TEST(!filter.admits(peer("10.2.3.4:1")));
    BOOST_TEST(filter.admits(peer("10.2.3.5:1")));
    const finpost::detail::address_filter same(list({"10.0.0.0/8"}), list({"10.0.0.0/8"}));
    BOOST_TEST(!same.admits(peer("10.0.0.1:1")));
}

BOOST_AUTO_TEST_CASE(with_a_deny_list_alone_everybody_else_does) {
    const finpost::detail::address_filter filter({}, list({"::/0"}));
    BOOST_TEST(!filter.admits(peer("[::1]:1")));
    BOOST_TEST(filter.admits(peer("127.0.0.1:1")));
}

BOOST_AUTO_TEST_CASE(an_ipv4_mapped_peer_is_an_ipv4_peer) {
    const finpost::detail::address_filter filter(list({"192.0.2.0/24"}), list({"::/0"}));
    BOOST_TEST(filter.admits(peer("[::ffff:192.0.2.7]:1")));
    BOOST_TEST(!filter.admits(peer("[::ffff:192.0.3.7]:1")));
}

BOOST_AUTO_TEST_CASE(a_client_is_a_proxy_or_speaks_for_itself_or_is_denied) {
    const finpost::detail::address_filter filter(list({"10.0.0.0/8"}), list({"10.9.0.0/16"}));
    const auto proxies = list({"192.0.2.0/24", "10.9.1.0/24"});
    const auto kind = [&](const char* text) { return kind_of_client(peer(text), filter, proxies); };
    BOOST_TEST((kind("10.1.2.3:1") == client_kind::direct));
    BOOST_TEST((kind("10.9.2.3:1") == client_kind::denied));
    BOOST_TEST((kind("203.0.113.1:1") == client_kind::denied));
    // The filter is for those whom it speaks for.
    BOOST_TEST((kind("192.0.2.1:1") == client_kind::proxy));
    BOOST_TEST((kind("10.9.1.1:1") == client_kind::proxy));
    BOOST_TEST((kind_of_client(peer("192.0.2.1:1"), filter, {}) == client_kind::denied));
}

BOOST_AUTO_TEST_SUITE_END()
