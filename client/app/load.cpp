#include "load.hpp"

#include "connection_options.hpp"
#include "load_engine.hpp"
#include "load_help.hpp"
#include "load_plan.hpp"
#include "load_report.hpp"
#include "quoted.hpp"
#include "suggestion.hpp"

#include <CLI/CLI.hpp>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>

#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace finpost {

using namespace detail;

namespace {

std::atomic<bool> interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free); // for the signal handler

void end_on_signal() {
    struct sigaction action {};
    action.sa_handler = [](int) { interrupted = true; };
    action.sa_flags = static_cast<int>(SA_RESETHAND); // the second Ctrl+C ends the program at once
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
}

void raise_descriptor_limit() {
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &files);
}

std::optional<load_plan> read_options(int argc, const char* const* argv, bool& wants_help,
                                      bool& json) {
    load_arguments arguments;
    std::vector<std::string> problems;
    CLI::App cli;
    cli.set_help_flag();
    cli.allow_extras();
    cli.add_flag("-h,--help", wants_help);
    cli.add_flag("--no-verify", arguments.no_verify);
    cli.add_flag("--json", json);
    cli.add_option("-c,--connections", arguments.connections);
    cli.add_option("-n,--requests", arguments.requests);
    cli.add_option("--duration", arguments.duration);
    cli.add_option("--size", arguments.size);
    cli.add_option("--rate", arguments.rate);
    cli.add_option("--slow", arguments.slow);
    cli.add_option("--timeout", arguments.timeout);
    cli.add_option("--frame", arguments.frame);
    cli.add_option("-k,--per-connection", arguments.per_connection);
    const split_words split = split_at_end_of_options(argc, argv);
    try {
        cli.parse(static_cast<int>(split.before.size()), split.before.data());
    } catch (const CLI::ParseError& error) {
        problems.push_back(error.what());
    }
    if (wants_help) return std::nullopt;
    std::vector<std::string> words = cli.remaining();
    const std::size_t before = words.size();
    words.insert(words.end(), split.behind.begin(), split.behind.end());
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::string_view word = words[i];
        const std::string near = suggestion(word.substr(0, word.find('=')), flags_of(cli));
        if (i < before && word.size() > 1 && word.front() == '-')
            problems.push_back("unknown option " + detail::in_quotes(word) +
                               (near.empty() ? ": see finpost load --help" : near));
        else if (arguments.target.empty())
            arguments.target = word;
        else
            problems.push_back("unexpected argument " + detail::in_quotes(word));
    }
    if (arguments.target.empty())
        problems.push_back("HOST:PORT is missing: finpost load HOST:PORT");
    else if (auto plan = read_load_plan(arguments, problems); plan && problems.empty())
        return plan;
    for (const std::string& problem : problems)
        std::fprintf(stderr, "finpost: %s\n", problem.c_str());
    return std::nullopt;
}

bool answers(const addrinfo& address) {
    const int fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    bool connected = ::connect(fd, address.ai_addr, address.ai_addrlen) == 0;
    if (!connected && errno == EINPROGRESS) {
        pollfd ready{fd, POLLOUT, 0};
        int failed = 0;
        socklen_t size = sizeof failed;
        connected = ::poll(&ready, 1, 5'000) == 1 &&
                    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &size) == 0 && failed == 0;
        if (failed != 0) errno = failed;
    }
    const int why = errno;
    ::close(fd); // without a byte: a gateway takes it for a probe
    errno = why;
    return connected;
}

// The first address of the host that takes a connection: a name may stand for several.
std::optional<socket_address> find_target(const host_port& target) {
    addrinfo wanted{};
    wanted.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(target.port);
    if (const int failed = ::getaddrinfo(target.host.c_str(), port.c_str(), &wanted, &found)) {
        std::fprintf(stderr, "finpost: %s: %s\n", target.host.c_str(), ::gai_strerror(failed));
        return std::nullopt;
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
    for (const addrinfo* each = found; each != nullptr && !interrupted; each = each->ai_next)
        if (answers(*each)) return socket_address(each->ai_addr, each->ai_addrlen);
    const int why = errno;
    std::fprintf(stderr, "finpost: %s:%s cannot be connected to: %s\n", target.host.c_str(),
                 port.c_str(), std::generic_category().message(why).c_str());
    return std::nullopt;
}

} // namespace

int load(int argc, const char* const* argv) {
    bool wants_help = false, json = false;
    const auto plan = read_options(argc, argv, wants_help, json);
    if (wants_help) return std::fwrite(load_help.data(), 1, load_help.size(), stdout), 0;
    if (!plan) return 2;
    raise_descriptor_limit();
    end_on_signal();
    const auto target = find_target(plan->target);
    if (!target) return 3;
    load_engine engine(*plan, *target, interrupted);
    const load_result result = engine.run(
        [](std::size_t opened) { std::fprintf(stderr, "slow clients in place: %zu\n", opened); });
    std::fputs((json ? json_report(*plan, result) : text_report(*plan, result)).c_str(), stdout);
    const auto unconnected = result.outcomes[static_cast<std::size_t>(load_outcome::not_connected)];
    if (result.ok() == 0 && unconnected > 0 && unconnected == result.failed()) return 3;
    // An open loop that could not send what was due has not done what it was asked to.
    const bool all = result.failed() == 0 && !result.stalled && result.unsent == 0;
    return all && result.slow.answered == result.slow.asked ? 0 : 1;
}

} // namespace finpost
