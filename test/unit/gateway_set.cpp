#include "gateway_set.hpp"

#include "config/restart_only.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost;

namespace {

daemon_config two_of_each(std::size_t first, std::size_t second) {
    daemon_config config;
    config.listeners.resize(2);
    config.listeners[0].gateway.max_connections = first;
    config.listeners[0].upstream = "a";
    config.listeners[1].gateway.max_connections = second;
    config.listeners[1].upstream = "b";
    config.upstreams = {{"a", {}}, {"b", {}}};
    for (listener_config& one : config.listeners) one.gateway.spill_above = 0; // in memory
    return config;
}

} // namespace

BOOST_AUTO_TEST_SUITE(gateway_set)

BOOST_AUTO_TEST_CASE(enough_descriptors_leave_every_limit_as_it_is) {
    daemon_config config = two_of_each(100, 10'000);
    BOOST_TEST(!fit_into_descriptors(config, 100'000));
    BOOST_TEST(all_clients(config) == 10'100u);
    for (const named_upstream& one : config.upstreams)
        BOOST_TEST(one.config.max_connections == 4'096u);
}

BOOST_AUTO_TEST_CASE(a_shortage_is_shared_in_proportion) {
    daemon_config config = two_of_each(1'000, 3'000);
    BOOST_TEST(fit_into_descriptors(config, 64 + 800));
    BOOST_TEST(config.listeners[0].gateway.max_connections == 100u);
    BOOST_TEST(config.listeners[1].gateway.max_connections == 300u);
    BOOST_TEST(config.upstreams[0].config.max_connections == 100u);
    BOOST_TEST(config.upstreams[1].config.max_connections == 300u);
    config = two_of_each(1, 9'999);
    BOOST_TEST(fit_into_descriptors(config, 100));
    BOOST_TEST(config.listeners[0].gateway.max_connections == 1u); // never none
}

BOOST_AUTO_TEST_CASE(files_count_where_one_listener_has_them) {
    daemon_config config = two_of_each(1'000, 3'000);
    config.listeners[0].gateway.spill_above = 1;
    BOOST_TEST(fit_into_descriptors(config, 64 + 1'200));
    BOOST_TEST(all_clients(config) == 400u);
}

BOOST_AUTO_TEST_CASE(a_queue_keeps_what_it_delivers_with) {
    daemon_config config = two_of_each(1'000, 3'000);
    config.queue.directory = "/queue";
    config.upstreams[0].delivery.queue.deliveries = 10;
    config.upstreams[1].delivery.queue.deliveries = 6;
    BOOST_TEST(fit_into_descriptors(config, 64 + 32 + 2 * 16 + 800));
    BOOST_TEST(all_clients(config) == 400u);
}

BOOST_AUTO_TEST_CASE(an_upstream_that_outlasts_connection_tracking_is_found) {
    daemon_config config = two_of_each(1, 1);
    BOOST_TEST(longer_than_tracked(config).empty());
    config.upstreams[1].config.total = duration(55'001);
    BOOST_REQUIRE(longer_than_tracked(config).size() == 1u);
    BOOST_TEST(longer_than_tracked(config).front()->name == "b");
}

BOOST_AUTO_TEST_CASE(what_needs_a_restart_keeps_its_value_and_is_shown_with_it) {
    daemon_config running, next;
    running.threads = 2;
    running.written.process["--threads"] = {"2"};
    next.threads = 3;
    next.written.process["--threads"] = {"3"};
    next.admin.reset();
    next.written.process["--admin"] = {"off"};
    next.drain = duration(1);
    BOOST_TEST(keep_what_needs_a_restart(running, next) == "threads,admin");
    BOOST_TEST(next.threads == 2u);
    BOOST_TEST(next.admin.has_value());
    BOOST_TEST((next.drain == duration(1)));
    BOOST_TEST((next.written.process == running.written.process));
    BOOST_TEST(keep_what_needs_a_restart(running, next) == "");
}

BOOST_AUTO_TEST_SUITE_END()
