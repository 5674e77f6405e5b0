#include "crash/store_child.hpp"

#include "queue/sqlite_store.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

namespace finpost::test {

namespace {

// A line at once: what is in the pipe outlives the process.
void say(std::string_view word, const request_id& id) {
    const std::string line = std::string(word) + ' ' + std::string(id.text()) + '\n';
    if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) ::_exit(1);
}

// One of several that put a payload after another; one in four claims and delivers instead.
class worker {
public:
    worker(queue_store& store, std::uint64_t seed) : store_(store), random_(seed) {}

    void next() {
        if (random_() % 4 == 0) return claim();
        std::vector<new_payload> batch;
        for (std::uint64_t i = 0, count = 1 + random_() % 3; i < count; ++i) {
            new_payload one{.id = request_id::generate()};
            one.body = payload(body_of(one.id));
            batch.push_back(std::move(one));
        }
        std::vector<request_id> ids;
        for (const new_payload& each : batch) ids.push_back(each.id);
        store_.async_put(std::move(batch), [this, ids](error_code ec) {
            if (!ec)
                for (const request_id& id : ids) say("stored", id);
            next();
        });
    }

private:
    void claim() {
        store_.async_claim(2, std::chrono::minutes(1), "child", {},
                           [this](error_code, claimed_payloads claimed) {
                               std::vector<request_id> ids;
                               for (const stored_payload& each : claimed.payloads) {
                                   ids.push_back(each.entry.id);
                                   say("delivering", each.entry.id);
                               }
                               deliver(std::move(ids));
                           });
    }
    void deliver(std::vector<request_id> ids) {
        store_.async_delivered(ids, [this, ids](error_code ec, std::size_t) {
            if (!ec)
                for (const request_id& id : ids) say("gone", id);
            next();
        });
    }

    queue_store& store_;
    std::mt19937_64 random_;
};

} // namespace

std::string body_of(const request_id& id) {
    std::mt19937_64 random(std::hash<std::string_view>()(id.text()));
    const std::uint64_t kind = random() % 50;
    std::string body(kind == 0 ? (256 << 10) + random() % 100'000 : random() % 3000, '\0');
    for (char& each : body) each = static_cast<char>(random());
    return body;
}

int run_store_child(const std::string& directory, std::uint64_t seed) {
    boost::asio::io_context io;
    boost::asio::thread_pool thread(1);
    finpost::detail::sqlite_store_options options;
    options.directory = directory;
    options.executor = io.get_executor();
    options.thread = thread.get_executor();
    options.max_bytes = std::uint64_t{64} << 30;
    const auto store = finpost::detail::sqlite_store::open(options);
    if (!store) {
        std::fprintf(stderr, "%s\n", store.error().message.c_str());
        return 1;
    }
    std::vector<std::unique_ptr<worker>> workers;
    for (std::uint64_t i = 0; i < 8; ++i) {
        workers.push_back(std::make_unique<worker>(**store, seed * 100 + i));
        workers.back()->next();
    }
    io.run();
    return 0;
}

} // namespace finpost::test
