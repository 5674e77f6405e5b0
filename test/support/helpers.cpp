// The free functions of the gateway fixture.
#include "support/gateway_fixture.hpp"
#include "support/skipping.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iterator>
#include <random>
#include <thread>
#include <utility>

#include <netdb.h>

namespace finpost::test {

bool localhost_is_known() {
    addrinfo* found = nullptr;
    const bool known = ::getaddrinfo("localhost", nullptr, nullptr, &found) == 0;
    if (known) ::freeaddrinfo(found);
    return can_run(known, "this machine does not know the name localhost");
}

std::size_t open_descriptors() {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    const auto n = std::distance(begin(all), end(all));
    return static_cast<std::size_t>(n) - 1; // the iterator has one of its own
}

std::string some_bytes(std::size_t size, unsigned seed) {
    std::mt19937 generator(seed);
    std::string out(size, '\0');
    for (std::size_t i = 0; i < size; i += 4) {
        const auto word = static_cast<std::uint32_t>(generator());
        std::memcpy(&out[i], &word, std::min<std::size_t>(4, size - i));
    }
    return out;
}

namespace {

// "finpost: <reason> <request id>\n" taken apart; two empty strings when it is anything else.
std::pair<std::string, std::string> refusal(std::string_view bytes) {
    constexpr std::string_view start = "finpost: ";
    if (!bytes.starts_with(start) || !bytes.ends_with('\n')) return {};
    bytes.remove_prefix(start.size());
    bytes.remove_suffix(1);
    const std::size_t space = bytes.find(' ');
    if (space == bytes.npos || bytes.size() - space - 1 != 36 || bytes.find('\n') != bytes.npos)
        return {};
    return {std::string(bytes.substr(0, space)), std::string(bytes.substr(space + 1))};
}

} // namespace

std::string refusal_reason(std::string_view bytes) { return refusal(bytes).first; }
std::string refusal_id(std::string_view bytes) { return refusal(bytes).second; }

std::vector<raw_client::received> exchange_all(const socket_address& to,
                                               const std::vector<std::string>& payloads,
                                               std::size_t at_once) {
    std::vector<raw_client::received> replies(payloads.size());
    std::atomic<std::size_t> next{0};
    const auto be_clients = [&] {
        for (std::size_t i = 0; (i = next++) < payloads.size();) {
            try {
                replies[i] = test::exchange(to, payloads[i]);
            } catch (const std::exception& failed) {
                replies[i] = {failed.what(), raw_client::ending::timeout};
            }
        }
    };
    std::vector<std::thread> clients;
    for (std::size_t i = 0; i < at_once; ++i) clients.emplace_back(be_clients);
    for (std::thread& one : clients) one.join();
    return replies;
}

bool completes(std::future<void>& what) {
    if (what.wait_for(std::chrono::seconds(20)) != std::future_status::ready) return false;
    what.get();
    return true;
}

} // namespace finpost::test
