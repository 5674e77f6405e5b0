#include "socket_activation.hpp"

#include "quoted.hpp"
#include "service_manager.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace finpost {

using namespace detail;

namespace {

constexpr int first_passed = 3;

int option(int fd, int name) {
    int value = 0;
    socklen_t size = sizeof value;
    return ::getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0 ? value : -1;
}

// How the messages call it: its number, and behind it what the socket unit calls it.
std::string next_name(int fd, std::string_view& names) {
    const std::string_view name = names.substr(0, names.find(':'));
    names.remove_prefix(std::min(names.size(), name.size() + 1));
    const std::string text = "descriptor " + std::to_string(fd);
    return name.empty() ? text : text + " (" + printable(name) + ')';
}

void take(int fd, const std::string& name, passed_sockets& into) {
    if (::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        into.problems.push_back(name + " is not open");
        return;
    }
    unique_fd own(fd);
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    auto* const bound = reinterpret_cast<sockaddr*>(&storage);
    const bool is_ip = ::getsockname(fd, bound, &size) == 0 &&
                       (bound->sa_family == AF_INET || bound->sa_family == AF_INET6);
    if (!is_ip || option(fd, SO_TYPE) != SOCK_STREAM || option(fd, SO_ACCEPTCONN) != 1) {
        into.problems.push_back(name + " is not a TCP socket that listens");
        return;
    }
    const socket_address address(bound, size);
    if (find_inherited(into.sockets, address) != into.sockets.end())
        into.problems.push_back(name + " listens on " + to_string(address) + ", as one before it");
    into.sockets.push_back({address, std::move(own)});
}

} // namespace

passed_sockets take_passed_sockets() {
    passed_sockets found;
    const std::string pid = take_variable("LISTEN_PID");
    const std::string count = take_variable("LISTEN_FDS");
    const std::string all_names = take_variable("LISTEN_FDNAMES");
    if (count.empty() || pid != std::to_string(::getpid())) return found;
    int sockets = -1;
    const auto [end, failed] = std::from_chars(count.data(), count.data() + count.size(), sockets);
    constexpr int most = 4096;
    if (failed != std::errc() || *end != '\0' || sockets < 0 || sockets > most) {
        found.problems.push_back(in_quotes(count) + " is not a number of descriptors");
        return found;
    }
    std::string_view names = all_names;
    for (int fd = first_passed; fd < first_passed + sockets; ++fd)
        take(fd, next_name(fd, names), found);
    return found;
}

unique_fd take_socket(passed_sockets& from, const socket_address& address) {
    auto& all = from.sockets;
    const auto found = std::find_if(all.begin(), all.end(),
                                    [&](const auto& each) { return each.address == address; });
    if (found == all.end()) return unique_fd();
    unique_fd fd = std::move(found->fd);
    all.erase(found);
    return fd;
}

std::string problems_of(const passed_sockets& passed, const daemon_config& config) {
    std::vector<std::string> problems = passed.problems;
    for (const inherited_socket& each : passed.sockets) {
        const auto has_it = [&](const listener_config& listener) {
            const auto& listen = listener.gateway.listen;
            return std::count(listen.begin(), listen.end(), each.address) > 0;
        };
        const auto& listeners = config.listeners;
        if (config.admin != each.address &&
            std::none_of(listeners.begin(), listeners.end(), has_it))
            problems.push_back("descriptor " + std::to_string(each.fd.get()) + " listens on " +
                               to_string(each.address) +
                               ", which neither --listen nor --admin names");
    }
    std::string line;
    for (const std::string& each : problems) line += (line.empty() ? "LISTEN_FDS: " : "; ") + each;
    return line;
}

} // namespace finpost
