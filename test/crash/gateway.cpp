// Kills `finpostd` with a queue, again and again, while clients send and a service takes; in the
// end it may drain. What has a receipt has been delivered. See CMakeLists.txt.
#include "crash/client_crowd.hpp"
#include "crash/key_service.hpp"
#include "support/child_process.hpp"
#include "support/daemon_lines.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace finpost;
using namespace finpost::test;
namespace fs = std::filesystem;

namespace {

using clock_type = std::chrono::steady_clock;
using std::chrono::milliseconds;

struct arguments {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    std::size_t kills = 20;
#else
    std::size_t kills = 200;
#endif
    std::uint64_t seed = 1;
    std::size_t clients = 16;
    std::string program = FINPOSTD_PATH;
    broken_service broken = broken_service::none;
    bool loses_log = false; // what was in the log of the database is gone after a kill
};

constexpr milliseconds start_limit{20'000};
constexpr milliseconds drain_limit{120'000};

void require(bool good, const std::string& what) {
    if (!good) throw std::runtime_error(what);
}

class killed_gateway {
public:
    explicit killed_gateway(const arguments& given)
        : given_(given), random_(given.seed), service_(given.seed, given.broken),
          clients_(given.clients, given.seed) {}

    void go() {
        for (std::size_t i = 0; i < given_.kills; ++i) {
            at_ = "kill " + std::to_string(i);
            one_life();
            look();
        }
        at_ = "the end";
        service_.calm_down();
        start();
        wait_ready();
        clients_.stop();
        drain();
        look();
        check_receipts();
    }

    const std::string& at() const noexcept { return at_; }
    void print() const {
        std::printf("%zu kills, of them %zu while it started; %zu payloads sent, %zu receipts, %zu "
                    "delivered, %zu of them again; a start took %lld ms at most\n",
                    given_.kills, killed_early_, clients_.sent(), clients_.received(),
                    service_.keys(), service_.repetitions(),
                    static_cast<long long>(longest_start_.count()));
    }

private:
    std::string directory() const { return (folder_.path() / "queue").string(); }

    // Of a source one payload after another is slow: all clients have one address.
    void start() {
        framed_ = random_() % 3 == 0;
        const bool ordered = random_() % 8 == 0;
        gateway_.emplace(std::vector<std::string>{
            given_.program,
            "--upstream=http://" + to_string(service_.address()) + "/",
            "--listen=127.0.0.1:0",
            "--admin=127.0.0.1:0",
            "--log-format=json",
            "--access-log=off",
            "--threads=2",
            "--delivery=queue",
            "--queue-dir=" + directory(),
            "--queue-max=32MiB",
            "--retry-first=10ms",
            "--retry-most=100ms",
            "--deliveries=16",
            ordered ? "--delivery-order=source" : "--delivery-order=none",
            framed_ ? "--frame=length:u32be" : "--frame=eof",
            "--reply-frame=none",
        });
        began_ = clock_type::now();
    }
    void wait_ready() {
        require(gateway_->wait_for_error("\"pid\":", start_limit),
                "it does not start: " + gateway_->error());
        longest_start_ =
            std::max(longest_start_, std::chrono::ceil<milliseconds>(clock_type::now() - began_));
        const std::string listens = logged(gateway_->error(), "ready", "listen");
        clients_.go_to(address(listens), framed_);
    }

    // One in six is killed while it starts, the others at some moment of their work.
    void one_life() {
        start();
        if (random_() % 6 == 0) {
            ++killed_early_;
            pause(milliseconds(random_() % 20));
        } else {
            wait_ready();
            pause(milliseconds(random_() % 150));
        }
        const auto ended = gateway_->wait(milliseconds(0));
        require(!ended, "it has ended by itself: " + gateway_->error());
        gateway_->signal(SIGKILL);
        gateway_->wait();
        gateway_.reset();
        if (given_.loses_log) fs::remove(directory() + "/queue.db-wal");
    }
    // The moment of a kill is what is tested: nothing waits for it.
    static void pause(milliseconds time) { std::this_thread::sleep_for(time); }

    void look() const {
        require(service_.problem().empty(), service_.problem());
        require(clients_.problem().empty(), clients_.problem());
    }

    double sample(const std::string& page, const std::string& name) const {
        const std::size_t found = page.find("\nfinpost_queue_" + name + ' ');
        require(found != page.npos, "no " + name + " in " + page);
        return std::strtod(page.c_str() + page.find(' ', found), nullptr);
    }

    void drain() {
        const socket_address admin = address(logged(gateway_->error(), "ready", "admin"));
        const auto end = clock_type::now() + drain_limit;
        std::string page;
        // A payload leaves the queue a moment before it is counted.
        bool balanced = false;
        for (double left = 1; left > 0 || !balanced;) {
            require(clock_type::now() < end,
                    (left > 0 ? "it does not drain: " : "the books do not balance: ") + page);
            page = http_get(admin, "/metrics");
            left = sample(page, "payloads{state=\"waiting\"}") +
                   sample(page, "payloads{state=\"delivering\"}");
            balanced = sample(page, "stored_total") + sample(page, "recovered_total") ==
                       sample(page, "delivered_total");
        }
        const double dead = sample(page, "dead_total{reason=\"refused\"}") +
                            sample(page, "dead_total{reason=\"expired\"}");
        const double there = sample(page, "payloads{state=\"dead\"}") +
                             sample(page, "payloads{state=\"set_aside\"}");
        require(dead == 0 && there == 0, "dead letters: " + page);
        gateway_->signal(SIGTERM);
        require(gateway_->wait() == 0, "it does not end well: " + gateway_->error());
        require(fs::is_empty(directory() + "/payloads"), "files are left behind");
    }

    void check_receipts() const {
        for (const auto& [id, hash] : clients_.receipts()) {
            const auto taken = service_.taken(id);
            require(taken.has_value(), "lost: " + id);
            require(*taken == hash, "changed: " + id);
        }
    }

    const arguments given_;
    const temporary_folder folder_;
    std::mt19937_64 random_;
    key_service service_;
    client_crowd clients_;
    std::optional<child_process> gateway_;
    clock_type::time_point began_;
    bool framed_ = false;
    milliseconds longest_start_{0};
    std::size_t killed_early_ = 0;
    std::string at_ = "the start";
};

arguments read_arguments(int argc, char** argv) {
    arguments given;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name(argv[i]);
        const std::string_view word(argv[i + 1]);
        const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
        if (name == "--seed") given.seed = value;
        if (name == "--kills") given.kills = value;
        if (name == "--clients") given.clients = value;
        if (name == "--program") given.program = word;
        if (name != "--break") continue;
        if (word == "service-forgets") given.broken = broken_service::forgets;
        if (word == "service-corrupts") given.broken = broken_service::corrupts;
        given.loses_log = word == "log-lost";
    }
    return given;
}

} // namespace

int main(int argc, char** argv) {
    const arguments given = read_arguments(argc, argv);
    killed_gateway run(given);
    try {
        run.go();
        run.print();
        return 0;
    } catch (const std::exception& failed) {
        run.print();
        std::fprintf(stderr, "FAILED: --seed %llu, %s: %s\n",
                     static_cast<unsigned long long>(given.seed), run.at().c_str(), failed.what());
        return 1;
    }
}
