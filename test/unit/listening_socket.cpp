#include "net/listening_socket.hpp"

#include <boost/asio/error.hpp>
#include <boost/test/unit_test.hpp>

#include <cerrno>

using namespace finpost;
using namespace finpost::detail;

namespace {

error_code system_error(int value) { return {value, boost::system::system_category()}; }

} // namespace

BOOST_AUTO_TEST_SUITE(listening_socket)

BOOST_AUTO_TEST_CASE(an_accept_fails_for_want_of_clients_or_means_or_for_one_connection) {
    BOOST_TEST((failure_of_accept(system_error(EAGAIN)) == accept_failure::none_waiting));
    for (const int short_of : {EMFILE, ENFILE, ENOBUFS, ENOMEM})
        BOOST_TEST((failure_of_accept(system_error(short_of)) == accept_failure::shortage));
    // accept(2): these are errors of the new connection.
    for (const int lost : {ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET,
                           EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, EPERM, EINTR})
        BOOST_TEST((failure_of_accept(system_error(lost)) == accept_failure::lost_connection));
}

BOOST_AUTO_TEST_CASE(a_spare_descriptor_helps_against_want_of_descriptors_only) {
    for (const int of_descriptors : {EMFILE, ENFILE})
        BOOST_TEST(lacks_descriptor(system_error(of_descriptors)));
    for (const int other : {ENOBUFS, ENOMEM, EAGAIN, ECONNABORTED})
        BOOST_TEST(!lacks_descriptor(system_error(other)));
    BOOST_TEST(!lacks_descriptor(boost::asio::error::no_memory));
}

BOOST_AUTO_TEST_SUITE_END()
