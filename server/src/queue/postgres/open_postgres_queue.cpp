#include "queue/postgres/store.hpp"

#include "finpost/postgres_queue.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <exception>
#include <optional>
#include <stdexcept>
#include <utility>

namespace asio = boost::asio;

namespace finpost {

namespace {

using namespace detail;

asio::awaitable<void> look(asio::any_io_executor sequence, const postgres_settings& settings,
                           postgres_server& server, parsed<void>& ended) {
    auto made = co_await connect_postgres(sequence, settings, needed_tables::all, server);
    if (!made) ended = made.error();
}

asio::awaitable<void> make(asio::any_io_executor sequence, const postgres_settings& settings,
                           postgres_server& server, parsed<void>& ended) {
    auto made = co_await connect_postgres(sequence, settings, needed_tables::none, server);
    if (!made) {
        ended = made.error();
        co_return;
    }
    postgres_connection& connection = **made;
    postgres_outcome outcome;
    if (!server.has_tables) {
        const postgres_statements tables = schema_statements();
        auto done = co_await run_all(connection, tables, outcome);
        if (!done) {
            ended = parse_error{connection.place() +
                                ": the tables cannot be made: " + done.error().message};
            co_return;
        }
    }
    const postgres_statements standbys = note_standbys();
    auto noted = co_await run_all(connection, standbys, outcome);
    if (!noted) ended = parse_error{connection.place() + ": " + noted.error().message};
}

using task = asio::awaitable<void> (*)(asio::any_io_executor, const postgres_settings&,
                                       postgres_server&, parsed<void>&);

parsed<void> run_here(const postgres_queue_config& config, task what, postgres_server& server) {
    auto target = read_target(config);
    if (!target) return target.error();
    const postgres_settings settings{config, std::move(*target)};
    asio::io_context loop;
    parsed<void> ended;
    std::exception_ptr bug;
    asio::co_spawn(loop, what(loop.get_executor(), settings, server, ended),
                   [&bug](std::exception_ptr thrown) { bug = std::move(thrown); });
    loop.run();
    if (bug) std::rethrow_exception(bug);
    return ended;
}

} // namespace

std::shared_ptr<queue_store> open_postgres_queue(const postgres_queue_config& config,
                                                 asio::any_io_executor executor, metrics& counters,
                                                 logger log) {
    const asio::any_io_executor loop = executor;
    auto opened =
        postgres_store::open(config, std::move(executor), loop, &counters.queue, std::move(log));
    if (!opened) throw std::runtime_error(opened.error().message);
    return std::move(*opened);
}

parsed<void> check_postgres_queue(const postgres_queue_config& config, bool* away) {
    postgres_server server;
    auto good = run_here(config, &look, server);
    if (away != nullptr) *away = !good && !server.unsuitable;
    return good;
}

parsed<void> make_postgres_queue(const postgres_queue_config& config) {
    postgres_server server;
    return run_here(config, &make, server);
}

} // namespace finpost
