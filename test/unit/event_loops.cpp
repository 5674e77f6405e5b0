#include "finpost/event_loops.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/test/unit_test.hpp>

#include <stdexcept>

namespace asio = boost::asio;
using loops = finpost::event_loops;

BOOST_AUTO_TEST_SUITE(event_loops)

BOOST_AUTO_TEST_CASE(one_executor_may_have_many_threads) {
    asio::io_context io;
    const loops all = loops::shared(io.get_executor());
    BOOST_TEST(!all.one_thread_each());
    BOOST_TEST_REQUIRE(all.executors().size() == 1u);
    BOOST_TEST((all.first() == io.get_executor()));
}

BOOST_AUTO_TEST_CASE(several_have_one_thread_each_and_so_has_one_alone) {
    asio::io_context first, second;
    const loops all = loops::per_thread({first.get_executor(), second.get_executor()});
    BOOST_TEST(all.one_thread_each());
    BOOST_TEST_REQUIRE(all.executors().size() == 2u);
    BOOST_TEST((all.first() == first.get_executor()));
    BOOST_TEST((all.executors().back() == second.get_executor()));
    BOOST_TEST(loops::per_thread({first.get_executor()}).one_thread_each());
}

BOOST_AUTO_TEST_CASE(none_is_too_few) {
    BOOST_CHECK_THROW(loops::per_thread({}), std::invalid_argument);
}

BOOST_AUTO_TEST_SUITE_END()
