#include "lint/include_lint.hpp"

#include <boost/test/unit_test.hpp>

using namespace finpost::test;

namespace {

const std::set<std::string> some_files{"common/include/finpost/error.hpp",
                                       "common/include/finpost/payload.hpp",
                                       "common/src/quoted.hpp",
                                       "server/include/finpost/config.hpp",
                                       "server/include/finpost/gateway.hpp",
                                       "server/include/finpost/handler.hpp",
                                       "server/include/finpost/http_upstream.hpp",
                                       "server/include/finpost/metrics.hpp",
                                       "server/include/finpost/exchange_deadline.hpp",
                                       "server/src/net/client_socket.hpp",
                                       "server/src/acceptor.hpp",
                                       "server/src/address_listener.hpp",
                                       "server/src/listener_plan.hpp",
                                       "server/src/listener_rules.hpp",
                                       "server/src/listener_set.hpp",
                                       "server/src/net/listening_socket.hpp",
                                       "server/src/session/session.hpp",
                                       "server/src/session/receive.hpp",
                                       "server/src/session/reply.hpp",
                                       "server/src/policy/admission.hpp",
                                       "server/src/policy/wait_queue.hpp",
                                       "server/src/upstream/http_forwarder.hpp",
                                       "server/src/upstream/resolver.hpp",
                                       "server/src/queue/sqlite_store.hpp",
                                       "server/app/control/queue_json.hpp",
                                       "server/app/config/options.hpp",
                                       "client/include/finpost/client.hpp",
                                       "client/app/queue/queue_command.hpp",
                                       "client/app/send.hpp",
                                       "test/support/raw_client.hpp"};

std::string faults(std::string_view path, const std::string& included) {
    std::string all;
    for (const finding& each : check_includes(path, "#include " + included + "\n", some_files))
        all += std::to_string(each.line) + ": " + each.message;
    return all;
}

bool may(std::string_view path, const std::string& included) {
    const std::string all = faults(path, included);
    BOOST_TEST_MESSAGE(path << " " << all);
    return all.empty();
}

} // namespace

BOOST_AUTO_TEST_SUITE(include_direction)

BOOST_AUTO_TEST_CASE(along_the_arrows_is_allowed) {
    BOOST_TEST(may("server/app/main.cpp", "\"finpost/gateway.hpp\""));
    BOOST_TEST(may("server/src/gateway.cpp", "\"listener_set.hpp\""));
    BOOST_TEST(may("server/src/listener_set.hpp", "\"listener_plan.hpp\""));
    BOOST_TEST(may("server/src/listener_set.hpp", "\"address_listener.hpp\""));
    BOOST_TEST(may("server/src/address_listener.hpp", "\"acceptor.hpp\""));
    BOOST_TEST(may("server/src/acceptor.hpp", "\"net/listening_socket.hpp\""));
    BOOST_TEST(may("server/src/acceptor.hpp", "\"session/session.hpp\""));
    BOOST_TEST(may("server/src/session/exchange.cpp", "\"session/receive.hpp\""));
    BOOST_TEST(may("server/src/session/session.cpp", "\"session/reply.hpp\""));
    BOOST_TEST(may("server/src/session/session.hpp", "\"finpost/handler.hpp\""));
    BOOST_TEST(may("server/src/session/receive.cpp", "\"policy/wait_queue.hpp\""));
    BOOST_TEST(may("server/src/upstream/http_forwarder.cpp", "\"policy/wait_queue.hpp\""));
    BOOST_TEST(may("server/src/upstream/http_forwarder.hpp", "\"upstream/resolver.hpp\""));
    BOOST_TEST(may("server/src/policy/admission.hpp", "\"wait_queue.hpp\""));
    BOOST_TEST(may("server/src/policy/admission.cpp", "\"finpost/exchange_deadline.hpp\""));
    BOOST_TEST(may("server/include/finpost/config.hpp", "\"finpost/error.hpp\""));
    BOOST_TEST(may("common/src/units.cpp", "\"quoted.hpp\""));
    BOOST_TEST(may("client/app/main.cpp", "\"finpost/client.hpp\""));
    BOOST_TEST(may("client/app/main.cpp", "\"queue/queue_command.hpp\""));
    BOOST_TEST(may("client/app/queue/direct_queue.cpp", "\"queue/sqlite_store.hpp\""));
    BOOST_TEST(may("client/app/queue/queue_text.cpp", "\"control/queue_json.hpp\""));
    BOOST_TEST(may("client/src/client.cpp", "\"finpost/payload.hpp\""));
    BOOST_TEST(may("test/unit/receive.cpp", "\"session/receive.hpp\""));
}

BOOST_AUTO_TEST_CASE(against_the_arrows_is_flagged) {
    BOOST_TEST(faults("server/src/gateway.cpp", "\"config/options.hpp\"") ==
               "1: \"config/options.hpp\": gateway must not include server app");
    BOOST_TEST(!may("server/src/gateway.cpp", "\"acceptor.hpp\""));
    BOOST_TEST(!may("server/src/listener_rules.cpp", "\"finpost/gateway.hpp\""));
    BOOST_TEST(!may("server/src/listener_rules.cpp", "\"address_listener.hpp\""));
    BOOST_TEST(!may("server/src/listener_plan.cpp", "\"listener_rules.hpp\""));
    BOOST_TEST(!may("server/src/listener_plan.cpp", "\"net/listening_socket.hpp\""));
    BOOST_TEST(!may("server/src/address_listener.cpp", "\"listener_set.hpp\""));
    BOOST_TEST(!may("server/src/acceptor.cpp", "\"address_listener.hpp\""));
    BOOST_TEST(!may("server/src/acceptor.cpp", "\"listener_rules.hpp\""));
    BOOST_TEST(!may("server/src/session/session.cpp", "\"acceptor.hpp\""));
    BOOST_TEST(!may("server/src/net/listening_socket.cpp", "\"acceptor.hpp\""));
    BOOST_TEST(!may("server/src/session/receive.cpp", "\"session/session.hpp\""));
    BOOST_TEST(!may("server/src/session/receive.cpp", "\"session/reply.hpp\""));
    BOOST_TEST(!may("server/src/session/reply.hpp", "\"session/receive.hpp\""));
    BOOST_TEST(!may("server/src/session/session.cpp", "\"upstream/http_forwarder.hpp\""));
    BOOST_TEST(!may("server/src/session/session.cpp", "\"finpost/http_upstream.hpp\""));
    BOOST_TEST(!may("server/src/upstream/resolver.cpp", "\"session/session.hpp\""));
    BOOST_TEST(!may("server/src/upstream/resolver.cpp", "\"session/reply.hpp\""));
    BOOST_TEST(!may("server/src/upstream/resolver.cpp", "\"net/client_socket.hpp\""));
    BOOST_TEST(!may("server/src/policy/admission.cpp", "\"finpost/handler.hpp\""));
    BOOST_TEST(!may("server/src/policy/admission.cpp", "\"session/receive.hpp\""));
    BOOST_TEST(!may("server/include/finpost/metrics.hpp", "\"policy/admission.hpp\""));
    BOOST_TEST(!may("common/src/units.cpp", "\"policy/admission.hpp\""));
    BOOST_TEST(!may("common/include/finpost/payload.hpp", "\"finpost/metrics.hpp\""));
    BOOST_TEST(!may("client/src/client.cpp", "\"finpost/gateway.hpp\""));
    BOOST_TEST(!may("client/src/client.cpp", "\"queue/sqlite_store.hpp\""));
    BOOST_TEST(!may("client/app/send.cpp", "\"queue/sqlite_store.hpp\""));
    BOOST_TEST(!may("client/app/queue/queue_door.cpp", "\"finpost/gateway.hpp\""));
    BOOST_TEST(!may("client/app/queue/queue_door.cpp", "\"config/options.hpp\""));
    BOOST_TEST(!may("server/app/control/queue_json.cpp", "\"config/options.hpp\""));
    BOOST_TEST(!may("server/src/gateway.cpp", "\"finpost/client.hpp\""));
    BOOST_TEST(!may("server/src/gateway.cpp", "\"support/raw_client.hpp\""));
}

BOOST_AUTO_TEST_CASE(beast_stays_out_of_public_headers_and_of_common) {
    BOOST_TEST(may("server/src/upstream/response_guard.cpp", "<boost/beast/http.hpp>"));
    BOOST_TEST(may("common/src/beast.cpp", "<boost/beast/src.hpp>"));
    BOOST_TEST(!may("common/src/payload.cpp", "<boost/beast/core.hpp>"));
    BOOST_TEST(!may("server/include/finpost/handler.hpp", "<boost/beast/http.hpp>"));
    BOOST_TEST(!may("client/include/finpost/client.hpp", "<boost/beast/http/fields.hpp>"));
}

BOOST_AUTO_TEST_CASE(what_an_app_is_for_stays_in_it) {
    for (const std::string included :
         {"<boost/log/core.hpp>", "<CLI/CLI.hpp>", "<prometheus/text_serializer.h>", "<csignal>",
          "<signal.h>", "<thread>", "<boost/thread/thread.hpp>", "<boost/asio/signal_set.hpp>",
          "<boost/asio/thread_pool.hpp>"}) {
        BOOST_TEST(may("server/app/main.cpp", included));
        BOOST_TEST(may("client/app/main.cpp", included));
        BOOST_TEST(!may("server/src/gateway.cpp", included));
        BOOST_TEST(!may("server/include/finpost/gateway.hpp", included));
        BOOST_TEST(!may("client/src/client.cpp", included));
        BOOST_TEST(!may("common/src/logger.cpp", included));
    }
    BOOST_TEST(may("server/src/gateway.cpp", "<mutex>"));
}

BOOST_AUTO_TEST_CASE(what_is_in_no_room_or_nowhere_is_flagged) {
    BOOST_TEST(faults("server/src/new_thing.cpp", "<string>") ==
               "1: is in no room: put it in the table of test/lint");
    BOOST_TEST(faults("server/src/gateway.cpp", "\"finpost/misspelt.hpp\"") ==
               "1: \"finpost/misspelt.hpp\": names no file of the project");
}

BOOST_AUTO_TEST_CASE(every_source_includes_along_the_arrows) {
    const std::string root = FINPOST_SOURCE_DIR;
    const auto all = sources_under(root, {"common", "server", "client", "test"});
    const std::set<std::string> files(all.begin(), all.end());
    std::set<std::string> seen;
    for (const std::string& path : all) {
        seen.insert(room_of(path));
        for (const finding& each : check_includes(path, read_file(root + '/' + path), files))
            BOOST_ERROR(path << ":" << each.line << ": " << each.message);
    }
    // It has read what it should read.
    for (const std::string room :
         {"common", "base", "policy", "upstream", "receive", "session", "acceptor",
          "address listener", "listener plan", "listener rules", "gateway", "test"})
        BOOST_TEST(seen.count(room) == 1u, room);
}

BOOST_AUTO_TEST_SUITE_END()
