// No memory, at every moment that asks for some: the n-th allocation on the gateway's thread fails,
// for each n that a scenario gets to, and then several in a row. Whatever happens, nobody may take
// the outcome for something else: a client sees its whole reply, a refusal or a reset; every
// connection has one end that is counted; nothing is held when all have gone; and the next client
// is served.
//
// A slice of the moments is tried by itself; with TEST_EVERY_ALLOCATION=1 all of them are.
#include "async/alarm_clock.hpp"
#include "queue/sqlite_store.hpp"
#include "support/certificates.hpp"
#include "support/frame_reference.hpp"
#include "support/gateway_fixture.hpp"
#include "support/temporary_folder.hpp"
#include "support/tls_client.hpp"

#include "finpost/base64.hpp"
#include "finpost/delivery_queue.hpp"
#include "finpost/proxy_header.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/test/unit_test.hpp>

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace asio = boost::asio;
using namespace finpost;
using namespace finpost::detail;
using namespace finpost::test;
using namespace std::chrono_literals;
using ending = raw_client::ending;

namespace {

thread_local bool can_fail = false; // on this thread
std::atomic<bool> armed{false};
std::atomic<std::size_t> asked{0}, fails_at{0}, fails_every{0};

bool fails_now() noexcept {
    if (!can_fail || !armed) return false;
    const std::size_t n = ++asked;
    const std::size_t every = fails_every;
    return n == fails_at || (every != 0 && n % every == 0);
}

} // namespace

void* operator new(std::size_t size) {
    void* const memory = fails_now() ? nullptr : std::malloc(size);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
// AddressSanitizer has one of its own, whose memory `delete` below must not get.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return fails_now() ? nullptr : std::malloc(size);
}
// Where Asio allocates its operations.
extern "C" void* aligned_alloc(std::size_t alignment, std::size_t size) {
    return fails_now() ? nullptr : ::memalign(alignment, size);
}
// What is used after that is used without luck.
void operator delete(void* memory) noexcept {
    if (memory != nullptr) std::memset(memory, 0xdd, ::malloc_usable_size(memory));
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { ::operator delete(memory); }

namespace {

// What a client got: the whole reply, a line or a reset are all it may be.
struct outcome {
    std::string bytes;
    ending how = ending::reset;
};

// One gateway in front of one service, on one thread, as finpostd runs it, or as a host does that
// could run it by several.
class running_gateway {
public:
    bool by_several = false;
    bool by_queue = false;      // payloads are stored and delivered later
    bool disk_can_fail = false; // also on the thread of the store
    gateway_config config;
    upstream_config service;
    metrics counters;
    log_recorder log;
    scripted_upstream upstream;

    void start() {
        config.listen = {parse_socket_address("127.0.0.1:0").value()};
        config.lingering_close = 500ms;
        if (service.endpoints.empty()) service.endpoints = {upstream.url()};
        service.keep_alive = 60s;
        work_.emplace(asio::make_work_guard(io_));
        thread_ = std::thread([this] { run(); });
        const event_loops loops = by_several ? event_loops::shared(io_.get_executor())
                                             : event_loops::per_thread({io_.get_executor()});
        const logger told = log.as_logger(log_level::info);
        forwarder_.emplace(loops, service, counters, told);
        forwarder_->start();
        std::vector groups{
            listener_group{config, forwarder_->as_handler(), forwarder_->as_streaming_handler()}};
        if (by_queue) groups = {listener_group{config, open_queue(told)}};
        door_.emplace(loops, std::move(groups), counters, told);
        door_->start();
        address = door_->endpoints().front();
    }

    ~running_gateway() {
        if (!thread_.joinable()) return;
        upstream.open_gate();
        door_->stop();
        static_cast<void>(eventually([this] { return door_->sessions() == 0; }));
        if (queue_) {
            queue_->stop();
            store_->close();
            disk_->join();
        }
        forwarder_->close();
        work_.reset();
        io_.stop();
        thread_.join();
    }

    void arm(std::size_t at, std::size_t every) {
        // While memory is there: without any, the thread of the store waits for some.
        if (disk_can_fail) asio::post(*disk_, asio::use_future([] { can_fail = true; })).wait();
        on_thread([=] {
            can_fail = true;
            asked = 0;
            fails_at = at;
            fails_every = every;
            armed = true;
        });
    }
    // How many allocations there were.
    std::size_t disarm() {
        armed = false;
        return asked;
    }
    void on_thread(const std::function<void()>& call) {
        std::promise<void> done;
        asio::post(io_, [&] {
            call();
            done.set_value();
        });
        done.get_future().wait();
    }

    // What Asio keeps for the next handler goes when its loop ends.
    void forget_memory() {
        asio::post(io_, [] { throw std::runtime_error("run me again"); });
    }

    void drain() {
        door_->async_drain(5s, [this](error_code failed) { drained_ = !failed; });
    }
    bool drained() const { return drained_ && !door_->accepting() && door_->sessions() == 0; }

    static bool eventually(const std::function<bool()>& what) {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!what()) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(1ms);
        }
        return true;
    }

    // All have gone, and every connection has one end.
    bool balanced() {
        const metrics::sessions seen = counters.read_sessions();
        return door_->sessions() == 0 && counters.buffered_bytes.value() == 0 &&
               counters.spilled_bytes.value() == 0 && counters.upstream_busy.value() == 0 &&
               counters.between_frames.value() == 0 &&
               seen.accepted + seen.further ==
                   seen.replied + seen.queued + seen.refused + seen.aborted + seen.probes;
    }
    // Nothing waits, and nothing is a dead letter.
    bool delivered_all() {
        return store_->async_stats(asio::use_future).get().states == queue_stats{}.states;
    }
    std::string numbers() {
        const metrics::sessions seen = counters.read_sessions();
        return "sessions " + std::to_string(door_->sessions()) + ", accepted " +
               std::to_string(seen.accepted) + ", further " + std::to_string(seen.further) +
               ", replied " + std::to_string(seen.replied) + ", refused " +
               std::to_string(seen.refused) + ", aborted " + std::to_string(seen.aborted) +
               ", probes " + std::to_string(seen.probes) + ", buffered " +
               std::to_string(counters.buffered_bytes.value()) + ", spilled " +
               std::to_string(counters.spilled_bytes.value()) + ", upstream busy " +
               std::to_string(counters.upstream_busy.value());
    }

    bool accepting() const { return door_->accepting(); }

    socket_address address;

private:
    void run() {
        for (;;) {
            try {
                io_.run();
                return;
            } catch (const std::exception&) {
                // As the daemon does.
            }
        }
    }

    handler open_queue(const logger& told) {
        disk_.emplace(1);
        sqlite_store_options options;
        options.directory = folder_.path();
        options.executor = io_.get_executor();
        options.thread = disk_->get_executor();
        options.log = told;
        // Leases of what nobody could begin or record run out while somebody waits.
        options.now = [began = std::chrono::steady_clock::now()] {
            const auto since = 30 * (std::chrono::steady_clock::now() - began);
            return queue_entry::time_point(
                std::chrono::hours(500'000) +
                std::chrono::duration_cast<std::chrono::milliseconds>(since));
        };
        store_ = std::move(*sqlite_store::open(std::move(options)));
        delivery_config rules;
        rules.retry_first = 5ms;
        rules.retry_most = 20ms;
        queue_.emplace(io_.get_executor(), store_, *forwarder_, rules, counters, told);
        queue_->start();
        return queue_->as_handler("scales");
    }

    temporary_folder folder_;
    std::optional<asio::thread_pool> disk_;
    std::shared_ptr<sqlite_store> store_;
    asio::io_context io_{1};
    std::optional<delivery_queue> queue_;
    std::optional<asio::executor_work_guard<asio::io_context::executor_type>> work_;
    std::optional<http_upstream> forwarder_;
    std::optional<gateway> door_;
    std::thread thread_;
    std::atomic<bool> drained_{false};
};

// The error of a socket is told once: when a write has had it, what is read after that is no end.
outcome read_outcome(raw_client& client, bool all_sent) {
    auto got = client.read_to_end();
    if (!all_sent && got.bytes.empty() && got.how == ending::fin) got.how = ending::reset;
    return {std::move(got.bytes), got.how};
}

outcome plain_client(const socket_address& to, std::string_view payload) {
    try {
        raw_client client(to, 8s);
        const bool all_sent = client.send_some(payload, 8s) == payload.size();
        client.half_close();
        return read_outcome(client, all_sent);
    } catch (const std::system_error&) {
        return {}; // reset while it was sending
    }
}

// What a scenario does while allocations may fail.
struct scenario {
    std::function<void(running_gateway&)> prepare;
    std::function<std::vector<outcome>(running_gateway&)> play;
    std::string reply;                             // what is right
    std::function<outcome(running_gateway&)> next; // an ordinary client, and its reply
    std::string next_reply = "hello";
    bool ends = false; // the gateway stops: there is no next one
};

bool acceptable(const outcome& got, const std::string& reply) {
    if (got.how == ending::reset) return true;
    if (got.how == ending::timeout) return false;
    return (got.bytes == reply && !reply.empty()) || !refusal_reason(got.bytes).empty();
}

std::string word_for(const outcome& got) {
    const char* const how = got.how == ending::fin     ? "FIN"
                            : got.how == ending::reset ? "reset"
                                                       : "timeout";
    return std::string(how) + " after " + std::to_string(got.bytes.size()) + " bytes";
}

// Plays it once. Whether all was as it must be, and how many allocations there were.
std::pair<bool, std::size_t> play_once(const scenario& what, running_gateway& gate, std::size_t at,
                                       std::size_t every) {
    gate.arm(at, every);
    const std::vector<outcome> all = what.play(gate);
    const bool settled = running_gateway::eventually([&] { return gate.balanced(); });
    const std::size_t count = gate.disarm();
    bool good = settled;
    BOOST_TEST_INFO_SCOPE("allocation " << at << ", every " << every << " of " << count << ": "
                                        << gate.numbers());
    BOOST_TEST(settled);
    for (const outcome& got : all) {
        BOOST_TEST_INFO("a client saw a " << word_for(got));
        BOOST_TEST(acceptable(got, what.reply));
        good = good && acceptable(got, what.reply);
    }
    if (what.ends) return {good, count};
    BOOST_TEST(gate.accepting());
    const outcome next = what.next(gate);
    const bool served = next.how == ending::fin && next.bytes == what.next_reply;
    BOOST_TEST_INFO("the next client saw a " << word_for(next));
    BOOST_TEST(served);
    const bool again = running_gateway::eventually([&] { return gate.balanced(); });
    BOOST_TEST(again);
    return {good && served && again, count};
}

bool all_of_them() { return std::getenv("TEST_EVERY_ALLOCATION") != nullptr; }

std::unique_ptr<running_gateway> made(const scenario& what) {
    auto gate = std::make_unique<running_gateway>();
    what.prepare(*gate);
    gate->start();
    return gate;
}

void fail_each(const scenario& what, std::size_t stride) {
    auto gate = made(what);
    if (!what.ends) {
        const outcome first = what.next(*gate);
        BOOST_TEST((first.how == ending::fin && first.bytes == what.next_reply));
    }
    if (all_of_them()) stride = 1;
    std::size_t wrong = 0, n = 1;
    for (;; n += stride) {
        const auto [good, count] = play_once(what, *gate, n, 0);
        if (count < n) break;              // none has failed
        if (!good && ++wrong == 5) return; // it is known by now
        if (what.ends) gate = made(what);
    }
    BOOST_TEST_MESSAGE("moments up to " << n);
    // A shortage that lasts.
    for (const std::size_t every : {13u, 7u, 5u, 3u, 2u, 1u}) {
        if (what.ends) gate = made(what);
        play_once(what, *gate, 0, every);
    }
}

outcome hello(running_gateway& gate) { return plain_client(gate.address, "hello"); }

std::function<std::vector<outcome>(running_gateway&)> one_client(std::string payload) {
    return [payload = std::move(payload)](running_gateway& gate) {
        return std::vector{plain_client(gate.address, payload)};
    };
}

} // namespace

BOOST_AUTO_TEST_SUITE(failing_allocations)

BOOST_AUTO_TEST_CASE(a_plain_exchange) {
    scenario one;
    one.prepare = [](running_gateway&) {};
    one.play = one_client("a payload");
    one.reply = "a payload";
    one.next = hello;
    fail_each(one, 1);
}

BOOST_AUTO_TEST_CASE(a_refusal) {
    scenario one;
    one.prepare = [](running_gateway& gate) { gate.config.max_payload = 1'000; };
    one.play = one_client(std::string(5'000, 'x'));
    one.next = hello;
    fail_each(one, 1);
}

BOOST_AUTO_TEST_CASE(a_large_reply_that_waits_for_its_client) {
    const std::string payload = some_bytes(6 << 20);
    scenario one;
    one.prepare = [](running_gateway& gate) { gate.config.spill_above = 0; };
    one.play = [&](running_gateway& gate) {
        std::vector<outcome> all;
        try {
            raw_client client(gate.address, 8s);
            const std::size_t before = gate.upstream.complete();
            const bool all_sent = client.send_some(payload, 8s) == payload.size();
            client.half_close();
            gate.upstream.wait_for_requests(before + 1, 50ms); // it is answered, or will not be
            all.push_back(read_outcome(client, all_sent));
        } catch (const std::system_error&) {
            all.emplace_back();
        }
        return all;
    };
    one.reply = payload;
    one.next = hello;
    fail_each(one, 5);
}

BOOST_AUTO_TEST_CASE(a_payload_and_a_reply_that_go_to_files) {
    const std::string payload = some_bytes(400 << 10);
    scenario one;
    one.prepare = [](running_gateway& gate) { gate.config.spill_above = 64 << 10; };
    one.play = one_client(payload);
    one.reply = payload;
    one.next = hello;
    fail_each(one, 3);
}

// One connection, three frames. Each has its own answer, and a FIN comes behind the last, or behind
// the refusal of a frame that could not be read.
void frames_on_one_connection(std::optional<std::uint64_t> stream_above) {
    const std::string payload(9'000, 'x');
    scenario one;
    one.prepare = [=](running_gateway& gate) {
        gate.config.frame = spec("stx-etx,lrc");
        gate.config.stream_above = stream_above;
        gate.service.total = 3s;
    };
    one.reply = "as it must be";
    std::size_t whole_ones = 0;
    one.play = [&](running_gateway& gate) {
        const std::string frame = frame_naively(gate.config.frame, payload);
        outcome got = plain_client(gate.address, frame + frame + frame);
        const frames_read read = read_naively(gate.config.frame, got.bytes, 1 << 20, false);
        if (read.payloads == std::vector<std::string>(3, payload)) ++whole_ones;
        const bool whole = read.rest.empty() && read.payloads.size() <= 3;
        bool right = whole && (read.payloads.size() == 3 || got.how == ending::reset);
        for (const std::string& each : read.payloads) {
            const bool refused = !refusal_reason(each).empty();
            right = (right || refused) && (refused || each == payload);
        }
        if (right) got.bytes = "as it must be";
        return std::vector{got};
    };
    one.next = [](running_gateway& gate) {
        return plain_client(gate.address, frame_naively(gate.config.frame, "hello"));
    };
    one.next_reply = frame_naively(spec("stx-etx,lrc"), "hello");
    fail_each(one, 3);
    BOOST_TEST(whole_ones > 0u);
}

BOOST_AUTO_TEST_CASE(frames_that_are_held) { frames_on_one_connection(std::nullopt); }

BOOST_AUTO_TEST_CASE(frames_that_are_streamed) { frames_on_one_connection(4'000); }

BOOST_AUTO_TEST_CASE(a_stream) {
    const std::string payload = some_bytes(700 << 10);
    scenario one;
    one.prepare = [](running_gateway& gate) {
        gate.config.stream_above = 64 << 10;
        gate.service.total = 3s;
    };
    one.play = one_client(payload);
    one.reply = payload;
    one.next = hello;
    fail_each(one, 3);
}

// The end of each upload is waited for with a timer: Asio's list of them has to grow.
BOOST_AUTO_TEST_CASE(streams_that_are_answered_before_their_end) {
    constexpr std::size_t streams = 4;
    const std::string payload = some_bytes(100'000);
    scenario one;
    one.prepare = [](running_gateway& gate) {
        gate.config.stream_above = 64 << 10;
        gate.upstream.by_default([](scripted_upstream::conversation& talk) {
            talk.wait_for_gate();
            talk.send(response(200, "early"));
            talk.read_body();
        });
    };
    one.play = [&](running_gateway& gate) {
        std::vector<outcome> all;
        try {
            std::vector<raw_client> clients;
            std::vector<std::string> begun;
            std::vector<bool> sent;
            for (std::size_t i = 0; i < streams; ++i) {
                clients.emplace_back(gate.address, 8s);
                sent.push_back(clients.back().send_some(payload, 8s) == payload.size());
            }
            gate.upstream.wait_for_heads(streams, 100ms); // all of them come, or one will not
            gate.upstream.open_gate();
            for (raw_client& each : clients) begun.push_back(each.read_at_least(5));
            for (std::size_t i = 0; i < streams; ++i) {
                sent[i] = sent[i] && begun[i].size() >= 5 &&
                          clients[i].send_some("more", 8s) == std::size_t{4};
                if (sent[i]) clients[i].half_close();
                outcome got = read_outcome(clients[i], sent[i]);
                got.bytes.insert(0, begun[i]);
                all.push_back(std::move(got));
            }
        } catch (const std::system_error&) {
            gate.upstream.open_gate(); // for the others
            all.emplace_back();        // reset while it was sending
        }
        return all;
    };
    one.reply = "early";
    one.ends = true;
    fail_each(one, 4);
}

BOOST_AUTO_TEST_CASE(base64_in_both_directions) {
    const std::string plain = some_bytes(20'000);
    std::string text(base64::encoded_size(plain.size()), '\0');
    base64::encode(std::as_bytes(std::span(plain)), text.data());
    scenario one;
    one.prepare = [](running_gateway& gate) {
        gate.config.decode = gate.config.encode = codec::base64;
    };
    one.play = one_client(text);
    one.reply = text;
    one.next = [](running_gateway& gate) { return plain_client(gate.address, "aGVsbG8="); };
    one.next_reply = "aGVsbG8=";
    fail_each(one, 2);
}

BOOST_AUTO_TEST_CASE(a_listener_with_tls) {
    certificates made;
    made.make("server");
    tls_options options;
    options.ca = made.path("ca.pem");
    const tls_context trusting = make_client_tls(options).context;
    const auto exchange = [&](running_gateway& gate, std::string_view payload) {
        outcome seen;
        try {
            tls_client client(raw_client(gate.address, 8s), trusting);
            if (client.handshake()) return seen;
            client.send(payload).finish();
            auto got = client.read_to_end();
            seen.bytes = std::move(got.bytes);
            // Without its close_notify nobody takes it for whole.
            if (got.how == tls_client::ending::close_notify) seen.how = ending::fin;
            if (got.how == tls_client::ending::timeout) seen.how = ending::timeout;
        } catch (const std::exception&) {
            // Reset while it was sending.
        }
        return seen;
    };
    scenario one;
    one.prepare = [&](running_gateway& gate) {
        gate.config.tls.cert = made.path("server.pem");
        gate.config.tls.key = made.path("server.key");
    };
    const std::string payload = some_bytes(100'000);
    one.play = [&](running_gateway& gate) { return std::vector{exchange(gate, payload)}; };
    one.reply = payload;
    one.next = [&](running_gateway& gate) { return exchange(gate, "hello"); };
    fail_each(one, 3);
}

BOOST_AUTO_TEST_CASE(a_client_behind_a_proxy) {
    const std::string header =
        proxy_header(proxy_version::v2, parse_socket_address("192.0.2.44:50312").value(),
                     parse_socket_address("198.51.100.1:443").value());
    scenario one;
    one.prepare = [](running_gateway& gate) {
        gate.config.proxy_protocol_from = {parse_network("127.0.0.0/8").value()};
        gate.config.max_per_source = 5;
    };
    one.play = one_client(header + "a payload");
    one.reply = "a payload";
    one.next = [header](running_gateway& gate) {
        return plain_client(gate.address, header + "hello");
    };
    fail_each(one, 2);
}

BOOST_AUTO_TEST_CASE(several_that_wait_for_a_permit_and_for_a_connection) {
    scenario one;
    one.prepare = [](running_gateway& gate) {
        gate.config.max_connections = 2;
        gate.service.max_connections = 1;
    };
    one.play = [](running_gateway& gate) {
        std::vector<outcome> all;
        try {
            std::vector<raw_client> clients;
            for (int i = 0; i < 6; ++i) clients.emplace_back(gate.address, 8s);
            std::vector<bool> sent;
            for (raw_client& each : clients) {
                sent.push_back(each.send_some("a payload", 8s) == std::size_t{9});
                each.half_close();
            }
            for (std::size_t i = 0; i < clients.size(); ++i)
                all.push_back(read_outcome(clients[i], sent[i]));
        } catch (const std::system_error&) {
            // One of them was reset at once.
        }
        return all;
    };
    one.reply = "a payload";
    one.next = hello;
    fail_each(one, 5);
}

// An alarm may be the first timer that is set, and then Asio's list of them has to grow.
BOOST_AUTO_TEST_CASE(an_alarm) {
    asio::io_context io(1);
    bool rung = false;
    alarm_clock alarm(io.get_executor(), [&] { rung = true; });
    can_fail = true;
    asked = fails_at = 0;
    fails_every = 1;
    armed = true;
    const bool set = alarm.set(alarm_clock::clock::now() + 20ms);
    io.run_for(10s); // until it has nothing more to do
    armed = can_fail = false;
    BOOST_TEST(set);
    BOOST_TEST(rung);
}

// Nobody comes in, so nothing but the listener is at work.
BOOST_AUTO_TEST_CASE(a_listener_that_several_threads_may_run) {
    running_gateway gate;
    gate.by_several = true;
    gate.config.deny = {parse_network("127.0.0.0/8").value()};
    gate.start();
    for (const std::size_t every : {1u, 2u, 3u, 5u, 7u}) {
        gate.arm(0, every);
        gate.forget_memory();
        for (int i = 0; i < 5; ++i)
            BOOST_TEST((plain_client(gate.address, "a payload").how == ending::reset));
        gate.disarm();
        BOOST_TEST(gate.accepting());
    }
    BOOST_TEST(gate.counters.accepted.value() == 25u);
    gate.drain();
    BOOST_TEST(running_gateway::eventually([&] { return gate.drained(); }));
}

namespace {

// The request ids of the receipts among them.
std::vector<std::string> receipts(const std::vector<outcome>& all) {
    std::vector<std::string> ids;
    for (const outcome& each : all) {
        if (each.how == ending::fin && each.bytes.starts_with("finpost: queued "))
            ids.push_back(each.bytes.substr(16, 36));
    }
    return ids;
}

bool was_delivered(running_gateway& gate, const std::string& id, const std::string& body) {
    for (const auto& seen : gate.upstream.requests())
        if (seen.field("Idempotency-Key") == id && seen.body == body) return true;
    return false;
}

// Whoever has a receipt is delivered for, whatever was short, and when memory is back nothing is
// left.
void a_queue(bool disk_can_fail, const std::string& payload, std::size_t stride) {
    scenario one;
    one.prepare = [=](running_gateway& gate) {
        gate.by_queue = true;
        gate.disk_can_fail = disk_can_fail;
        gate.upstream.by_default(scripted_upstream::echo());
    };
    one.play = [=](running_gateway& gate) {
        gate.upstream.on(gate.upstream.count() + 1, scripted_upstream::echo(503));
        auto all = one_client(payload)(gate);
        const auto done = [&, ids = receipts(all)] {
            for (const std::string& id : ids)
                if (!was_delivered(gate, id, payload)) return false;
            return true;
        };
        if (fails_every != 0) gate.disarm(); // with so little, some is never done
        BOOST_TEST_INFO("allocation " << fails_at << ", every " << fails_every);
        BOOST_TEST(running_gateway::eventually(done));
        const std::size_t asked_for = gate.disarm();
        BOOST_TEST(running_gateway::eventually([&] { return gate.delivered_all(); }));
        asked = asked_for;
        for (outcome& each : all)
            if (!receipts({each}).empty()) each.bytes = "queued";
        return all;
    };
    one.reply = "queued";
    one.next = [](running_gateway& gate) {
        outcome got = hello(gate);
        const auto ids = receipts({got});
        if (ids.empty()) return got;
        const bool there =
            running_gateway::eventually([&] { return was_delivered(gate, ids.front(), "hello"); });
        if (there) got.bytes = "hello";
        return got;
    };
    fail_each(one, stride);
}

} // namespace

BOOST_AUTO_TEST_CASE(a_payload_for_the_queue) { a_queue(false, "a payload", 3); }

BOOST_AUTO_TEST_CASE(a_queue_whose_disk_thread_has_no_memory) { a_queue(true, "a payload", 7); }

BOOST_AUTO_TEST_CASE(a_payload_for_the_queue_that_is_a_file) {
    a_queue(true, std::string(300 << 10, 'x'), 13);
}

BOOST_AUTO_TEST_CASE(a_drain) {
    scenario one;
    one.prepare = [](running_gateway& gate) {
        gate.upstream.by_default(scripted_upstream::held(scripted_upstream::echo()));
    };
    one.play = [](running_gateway& gate) {
        std::vector<outcome> all;
        bool asked = false;
        try {
            raw_client busy(gate.address, 8s);
            raw_client idle(gate.address, 8s);
            const bool sent = busy.send_some("a payload", 8s) == std::size_t{9};
            busy.half_close();
            gate.upstream.wait_for_requests(1, 200ms);
            gate.drain();
            asked = true;
            gate.upstream.open_gate();
            all.push_back(read_outcome(busy, sent));
            auto got = idle.read_to_end();
            if (got.how == ending::timeout) all.push_back({std::move(got.bytes), got.how});
        } catch (const std::system_error&) {
            // Reset at once.
        }
        if (!asked) gate.drain();
        if (fails_every != 0) { // it ends when there is memory again, or is asked for again
            gate.disarm();
            gate.drain();
        }
        const bool drained = running_gateway::eventually([&] { return gate.drained(); });
        BOOST_TEST_INFO("allocation " << fails_at << ", every " << fails_every << ": "
                                      << gate.numbers());
        BOOST_TEST(drained);
        return all;
    };
    one.reply = "a payload";
    one.ends = true;
    fail_each(one, 4);
}

BOOST_AUTO_TEST_SUITE_END()
