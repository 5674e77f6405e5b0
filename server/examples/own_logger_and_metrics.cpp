// The library writes no log and shows no number by itself. Here its log goes to spdlog, and its
// numbers to where the host shows its own: standard output, once at the end.
//
//   own_logger_and_metrics [LISTEN]     127.0.0.1:5000 without
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>

#include <finpost/gateway.hpp>
#include <finpost/metrics.hpp>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <chrono>
#include <csignal>
#include <iostream>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

//! [log to spdlog]
spdlog::level::level_enum level_of(finpost::log_level level) {
    constexpr std::array words{spdlog::level::trace, spdlog::level::debug, spdlog::level::info,
                               spdlog::level::warn,  spdlog::level::err,   spdlog::level::off};
    return words.at(static_cast<std::size_t>(level));
}

// Text may come from a peer: what is not printable must not get into a line of the log.
std::string printable(std::string_view text) {
    std::string out(text);
    for (char& one : out)
        if (one < ' ' || one == 0x7f) one = '?';
    return out;
}

std::string text_of(const finpost::log_field& field) {
    return std::visit(
        [](const auto& value) -> std::string {
            if constexpr (std::is_convertible_v<decltype(value), std::string_view>)
                return printable(value);
            else
                return std::to_string(value);
        },
        field.value);
}

finpost::logger log_to(std::shared_ptr<spdlog::logger> target) {
    const auto write = [target](finpost::log_level level, std::string_view event,
                                std::span<const finpost::log_field> fields) {
        std::string line(event);
        for (const finpost::log_field& one : fields)
            line.append(" ").append(one.name).append("=").append(text_of(one));
        target->log(level_of(level), line);
    };
    return {finpost::log_level::info, write};
}
//! [log to spdlog]

void show(const finpost::metrics& counters) {
    const auto now = counters.read_sessions();
    std::cout << "accepted " << now.accepted << "\nreplied " << now.replied << "\nrefused "
              << now.refused << '\n';
    for (const finpost::reason why : finpost::all_reasons) {
        const auto n = counters.refused[static_cast<std::size_t>(why) - 1].value();
        if (n > 0) std::cout << "refused for " << to_string(why) << ' ' << n << '\n';
    }
}

asio::awaitable<finpost::reply> echo(finpost::request asked) {
    co_return finpost::reply(std::move(asked.body()));
}

} // namespace

int main(int argc, char** argv) {
    finpost::metrics counters;
    asio::io_context io;
    const auto log = std::make_shared<spdlog::logger>(
        "gateway", std::make_shared<spdlog::sinks::stderr_sink_mt>());

    finpost::gateway_config config;
    config.listen = {finpost::parse_socket_address(argc > 1 ? argv[1] : "127.0.0.1:5000").value()};
    config.max_payload = 1000;
    finpost::gateway gateway(io.get_executor(), config, echo, counters, log_to(log));
    gateway.start();

    asio::signal_set signals(io, SIGINT, SIGTERM);
    signals.async_wait([&](auto, int) { gateway.async_drain(10s, [](finpost::error_code) {}); });
    std::cout << "listening on " << to_string(gateway.endpoints().front()) << std::endl;
    io.run();
    show(counters);
}
