#include "queue/postgres/session.hpp"

#include "async/use_tuple_awaitable.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <algorithm>
#include <string_view>
#include <vector>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

using clock = postgres_connection::clock;
using connection_pointer = std::shared_ptr<postgres_connection>;

bool needs_lookup(const std::string& host) {
    if (host.empty() || host.front() == '/') return false;
    error_code no_address;
    asio::ip::make_address(host, no_address);
    return no_address.failed();
}

// libpq would wait for the answer. Empty for what needs none.
asio::awaitable<parsed<std::vector<std::string>>> look_up(const asio::any_io_executor& sequence,
                                                          const std::string& host) {
    std::vector<std::string> out;
    if (!needs_lookup(host)) {
        out.emplace_back();
        co_return out;
    }
    asio::ip::tcp::resolver resolver(sequence);
    auto [ec, found] = co_await resolver.async_resolve(host, "", use_tuple_awaitable);
    if (ec) co_return parse_error{ec.message()};
    for (const auto& each : found) {
        const std::string address = each.endpoint().address().to_string();
        if (std::find(out.begin(), out.end(), address) == out.end()) out.push_back(address);
    }
    co_return out;
}

postgres_connection::parameters parameters_of(const postgres_settings& settings,
                                              const postgres_target::host& host,
                                              const std::string& address,
                                              const std::string& password) {
    postgres_connection::parameters out = settings.target.common;
    if (!host.name.empty()) out.emplace_back("host", host.name);
    if (!host.port.empty()) out.emplace_back("port", host.port);
    if (!address.empty()) out.emplace_back("hostaddr", address);
    if (!password.empty()) out.emplace_back("password", password);
    return out;
}

// libpq's words without its own account of where it was going.
std::string plain(const std::string& text) {
    constexpr std::string_view failed = " failed: ";
    if (text.starts_with("connection to server")) {
        const std::size_t at = text.find(failed);
        if (at != text.npos) return plain(text.substr(at + failed.size()));
    }
    for (const std::string_view other :
         {"received invalid response to", "expected authentication request from server",
          "unsupported frontend protocol"})
        if (text.find(other) != text.npos) return "it does not answer as a PostgreSQL does";
    for (const std::string_view level : {"FATAL: ", "ERROR: "})
        if (text.starts_with(level)) return text.substr(text.find_first_not_of(' ', level.size()));
    return text.substr(0, text.find(" Is the server running"));
}

asio::awaitable<parsed<void>> examine(postgres_connection& connection,
                                      const postgres_settings& settings, needed_tables tables,
                                      postgres_server& server) {
    if (connection.server_version() < 120'000)
        co_return parse_error{"its version is " + std::to_string(connection.server_version()) +
                              ": 12 or newer is needed"};
    postgres_outcome out;
    const postgres_statements about = ask_server();
    auto asked = co_await run_all(connection, about, out);
    if (!asked) co_return asked.error();
    const bool another = server.unsuitable;
    server = postgres_server();
    server.unsuitable = another;
    read_server(out.answers, server);
    const bool look = server.has_tables;
    if (look && server.missing_rights.find("select on finpost_settings") == std::string::npos) {
        const postgres_statements rest = ask_settings();
        auto read = co_await run_all(connection, rest, out);
        if (!read) co_return read.error();
        read_settings(out.answers, server);
    }
    auto durable = judge_durability(server, settings.config.unsafe);
    if (!durable) co_return durable.error();
    if (tables == needed_tables::none) co_return parsed<void>();
    auto there = judge_tables(server);
    if (!there) co_return there.error();
    co_return parsed<void>();
}

parsed<void> judge_version(const postgres_server& server) {
    if (!server.has_tables || server.version == postgres_schema_version) return {};
    return parse_error{"its tables have version " + std::to_string(server.version) +
                       ", and this finpost knows " + std::to_string(postgres_schema_version) +
                       ": use the finpost that made them, or a newer one"};
}

asio::awaitable<parsed<void>> try_one(postgres_connection& connection,
                                      const postgres_settings& settings,
                                      const postgres_connection::parameters& to,
                                      needed_tables tables, postgres_server& server) {
    const auto until = clock::now() + patience_of(settings);
    auto opened = co_await connection.open(to, until);
    if (!opened) co_return parse_error{plain(opened.error().message)};
    connection.set_limit(until);
    auto good = co_await examine(connection, settings, tables, server);
    connection.clear_limit();
    if (good) good = judge_version(server);
    if (!good && connection.is_open()) server.unsuitable = true;
    co_return good;
}

void add_problem_of_host(std::string& to, const postgres_target::host& host,
                         const std::string& what) {
    if (!to.empty()) to += "; ";
    (to += to_string(host)) += ": " + what;
}

} // namespace

// One host that does not answer does not use up the patience for the others.
clock::duration patience_of(const postgres_settings& settings) {
    const std::chrono::milliseconds all = settings.config.timeout;
    return std::clamp<clock::duration>(all / 2, std::chrono::milliseconds(500),
                                       std::chrono::seconds(5));
}

asio::awaitable<parsed<void>> run_all(postgres_connection& connection,
                                      const postgres_statements& what, postgres_outcome& out) {
    co_await connection.exchange(what, out);
    if (out.lost) co_return parse_error{plain(out.why)};
    for (const postgres_answer& each : out.answers)
        if (!each.good()) co_return parse_error{each.message()};
    if (out.answers.size() != what.size()) co_return parse_error{"an answer is missing"};
    co_return parsed<void>();
}

asio::awaitable<parsed<connection_pointer>> connect_postgres(asio::any_io_executor sequence,
                                                             const postgres_settings& settings,
                                                             needed_tables tables,
                                                             postgres_server& server) {
    auto password = read_password(settings.config.password_file);
    if (!password) co_return password.error();
    std::string problems;
    for (const postgres_target::host& host : settings.target.hosts) {
        auto addresses = co_await look_up(sequence, host.name);
        if (!addresses) {
            add_problem_of_host(problems, host, addresses.error().message);
            continue;
        }
        for (const std::string& address : *addresses) {
            const auto to = parameters_of(settings, host, address, *password);
            auto made = std::make_shared<postgres_connection>(sequence);
            auto opened = co_await try_one(*made, settings, to, tables, server);
            if (opened) co_return made;
            add_problem_of_host(problems, host, opened.error().message);
        }
    }
    co_return parse_error{problems};
}

} // namespace finpost::detail
