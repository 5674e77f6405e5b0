#include "crash/client_crowd.hpp"

#include "support/raw_client.hpp"

#include "finpost/request_id.hpp"

#include <algorithm>
#include <exception>
#include <functional>
#include <string_view>

namespace finpost::test {

namespace {

constexpr std::string_view receipt = "finpost: queued ";
constexpr std::size_t receipt_size = receipt.size() + 36 + 1;

// Mostly small; some go to a file of the queue's. The first bytes are like no other's.
std::string make_body(std::uint64_t client, std::uint64_t number, std::mt19937_64& random) {
    const std::uint64_t kind = random() % 400;
    std::size_t size = 1 + random() % 600;
    if (kind < 20) size = 1 + random() % 20'000;
    if (kind == 0) size = 1 + random() % (1 << 20);
    std::string body = std::to_string(client) + '/' + std::to_string(number) + '/';
    while (body.size() < size) {
        const std::uint64_t more = random();
        body.append(reinterpret_cast<const char*>(&more), sizeof more);
    }
    body.resize(size);
    return body;
}

std::string frame_of(const std::string& body) {
    std::string framed;
    for (int shift = 24; shift >= 0; shift -= 8)
        framed += static_cast<char>(body.size() >> shift & 0xff);
    return framed + body;
}

} // namespace

client_crowd::client_crowd(std::size_t clients, std::uint64_t seed) {
    for (std::size_t i = 0; i < clients; ++i)
        threads_.emplace_back([this, i, seed] { run(i, seed * 1000 + i); });
}

client_crowd::~client_crowd() { stop(); }

void client_crowd::go_to(const socket_address& gateway, bool framed) {
    const std::lock_guard lock(mutex_);
    gateway_ = place{gateway, framed, gateway_ ? gateway_->number + 1 : 1};
    changed_.notify_all();
}

void client_crowd::stop() {
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        changed_.notify_all();
    }
    for (std::thread& each : threads_) each.join();
    threads_.clear();
}

std::optional<client_crowd::place> client_crowd::wait_for_one_after(std::size_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopping_ || (gateway_ && gateway_->number > number); });
    if (stopping_) return std::nullopt;
    return gateway_;
}

void client_crowd::run(std::size_t client, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::size_t cut_at = 0;
    for (std::uint64_t number = 0;;) {
        const auto at = wait_for_one_after(cut_at);
        if (!at) return;
        std::vector<std::string> bodies;
        for (std::uint64_t i = 0, count = at->framed ? 1 + random() % 5 : 1; i < count; ++i)
            bodies.push_back(make_body(client, number++, random));
        sent_ += bodies.size();
        if (!exchange(*at, bodies)) cut_at = at->number;
    }
}

// Whether it goes on with this process.
bool client_crowd::exchange(const place& with, const std::vector<std::string>& bodies) {
    try {
        raw_client one(with.address);
        for (const std::string& each : bodies) one.send(with.framed ? frame_of(each) : each);
        one.half_close();
        const auto got = one.read_to_end();
        for (std::size_t i = 0; i < bodies.size(); ++i) {
            const auto line = std::string_view(got.bytes).substr(
                std::min(got.bytes.size(), i * receipt_size), receipt_size);
            if (line.size() < receipt_size || !line.starts_with(receipt)) break;
            note(std::string(line.substr(receipt.size(), 36)), bodies[i]);
        }
        return got.how == raw_client::ending::fin && !got.bytes.empty();
    } catch (const std::exception&) {
        return false; // it has gone
    }
}

void client_crowd::note(const std::string& id, const std::string& body) {
    const std::size_t hash = std::hash<std::string_view>()(body);
    const std::lock_guard lock(mutex_);
    ++received_;
    const bool fresh = receipts_.try_emplace(id, hash).second;
    if (problem_.empty() && !fresh) problem_ = "two receipts with " + id;
    if (problem_.empty() && !parse_request_id(id)) problem_ = "a receipt with " + id;
}

std::map<std::string, std::size_t> client_crowd::receipts() const {
    const std::lock_guard lock(mutex_);
    return receipts_;
}

std::string client_crowd::problem() const {
    const std::lock_guard lock(mutex_);
    return problem_;
}

} // namespace finpost::test
