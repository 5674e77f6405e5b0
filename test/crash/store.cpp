// Kills a process that uses a store, opens the store again, and looks: what was acknowledged is
// there with equal bytes, what was said to be gone is gone. See CMakeLists.txt.
#include "crash/store_child.hpp"
#include "queue/sqlite_store.hpp"
#include "support/temporary_folder.hpp"
#include "unit/queue/queue_client.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;

namespace {

// What its children have said, in all rounds.
struct ledger {
    std::set<request_id> stored; // and not begun to be delivered
    std::set<request_id> gone;
    std::size_t lines = 0;

    void take(std::string_view line) {
        const auto space = line.find(' ');
        const auto id = parse_request_id(line.substr(space + 1));
        if (!id) throw std::runtime_error("not a line: " + std::string(line));
        const std::string_view word = line.substr(0, space);
        ++lines;
        if (word == "stored") stored.insert(*id);
        if (word == "delivering") stored.erase(*id);
        if (word == "gone") gone.insert(*id);
    }
};

class child {
public:
    child(const std::string& directory, std::uint64_t seed) {
        std::array<int, 2> ends{};
        if (::pipe(ends.data()) != 0) throw std::runtime_error("pipe");
        pid_ = ::fork();
        if (pid_ == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            ::dup2(ends[1], STDOUT_FILENO);
            ::close(ends[0]);
            const std::string number = std::to_string(seed);
            ::execl("/proc/self/exe", "test_crash_store", "--child", directory.c_str(),
                    number.c_str(), nullptr);
            ::_exit(1);
        }
        ::close(ends[1]);
        from_ = ends[0];
    }
    ~child() {
        kill();
        ::close(from_);
    }
    child(const child&) = delete;
    child& operator=(const child&) = delete;

    // Reads lines until there are so many, or the end. A line that was cut by the end is none.
    void read(ledger& into, std::size_t lines) {
        const std::size_t enough = into.lines + lines;
        std::array<char, 4096> buffer{};
        while (into.lines < enough) {
            const ssize_t n = ::read(from_, buffer.data(), buffer.size());
            if (n <= 0) return;
            text_.append(buffer.data(), static_cast<std::size_t>(n));
            for (std::size_t end = text_.find('\n'); end != text_.npos; end = text_.find('\n')) {
                into.take(std::string_view(text_).substr(0, end));
                text_.erase(0, end + 1);
            }
        }
    }
    void kill() {
        if (pid_ <= 0) return;
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    pid_t pid() const noexcept { return pid_; }

private:
    pid_t pid_ = -1;
    int from_ = -1;
    std::string text_;
};

struct opened_store {
    explicit opened_store(const std::string& directory) : thread(1) {
        finpost::detail::sqlite_store_options options;
        options.directory = directory;
        options.executor = io.get_executor();
        options.thread = thread.get_executor();
        options.max_bytes = std::uint64_t{64} << 30;
        auto made = finpost::detail::sqlite_store::open(options);
        if (!made) throw std::runtime_error(made.error().message);
        store = std::move(*made);
        client.emplace(*store, io);
    }
    ~opened_store() {
        store.reset();
        thread.join();
    }
    boost::asio::io_context io;
    boost::asio::thread_pool thread;
    std::unique_ptr<queue_store> store;
    std::optional<queue_client> client;
};

std::size_t files_in(const std::string& directory) {
    std::size_t count = 0;
    for (const auto& each : std::filesystem::directory_iterator(directory)) {
        static_cast<void>(each);
        ++count;
    }
    return count;
}

void require(bool good, const std::string& what) {
    if (!good) throw std::runtime_error(what);
}

// After a kill. Drops what is there now and then, so that a long run does not grow.
void look(const std::string& directory, ledger& known, bool clear) {
    opened_store opened(directory);
    queue_client& client = *opened.client;
    std::size_t files = 0;
    std::set<request_id> there;
    std::uint64_t after = 0;
    for (;;) {
        const auto page = client.list({}, {.after = after, .most = 10'000});
        require(!page.ec, "list: " + page.ec.message());
        for (const queue_entry& each : page.value) {
            there.insert(each.id);
            require(each.state == queue_state::waiting,
                    "set aside: " + std::string(each.id.text()));
            files += each.size > (256 << 10) ? 1 : 0;
            after = each.sequence;
        }
        if (page.value.empty()) break;
    }
    for (const request_id& id : known.stored) {
        require(there.count(id) == 1, "lost: " + std::string(id.text()));
        const auto shown = client.show(id);
        require(!shown.ec && shown.value->body.text() == body_of(id),
                "changed: " + std::string(id.text()));
    }
    for (const request_id& id : known.gone)
        require(there.count(id) == 0, "back again: " + std::string(id.text()));
    require(client.stats().of(queue_state::waiting).payloads == there.size(), "counts differ");
    require(files_in(directory + "/payloads") == files, "files without a row");
    if (!clear) return;
    while (client.drop({}, {.most = 10'000}).value > 0) continue;
    known.stored.clear();
    known.gone.clear();
}

void run(std::size_t kills, std::uint64_t seed) {
    const temporary_folder folder;
    const std::string directory = (folder.path() / "queue").string();
    std::mt19937_64 random(seed);
    ledger known;
    std::size_t acknowledged = 0;
    for (std::size_t i = 0; i < kills; ++i) {
        const std::size_t before = known.stored.size();
        child one(directory, random());
        // One in eight is killed while it starts.
        if (i == 0 || random() % 8 != 0) one.read(known, 1 + random() % 400);
        if (i == 0) {
            try {
                const opened_store second(directory);
                throw std::logic_error("two have the directory");
            } catch (const std::runtime_error& refused) {
                const std::string text = directory + ": is in use by process ";
                require(refused.what() == text + std::to_string(one.pid()), refused.what());
            }
        }
        one.kill();
        one.read(known, std::size_t(-1) / 2); // what it had said before its end
        acknowledged += known.stored.size() - std::min(before, known.stored.size());
        look(directory, known, i % 50 == 49);
    }
    std::printf("%zu kills, %zu lines, at least %zu acknowledged payloads looked for\n", kills,
                known.lines, acknowledged);
}

} // namespace

int main(int argc, char** argv) {
    const std::vector<std::string> arguments(argv + 1, argv + argc);
    if (arguments.size() == 3 && arguments[0] == "--child")
        return run_store_child(arguments[1], std::strtoull(argv[3], nullptr, 10));
    std::size_t kills = 20;
    std::uint64_t seed = 1;
    for (std::size_t i = 0; i + 1 < arguments.size(); i += 2) {
        const std::uint64_t value = std::strtoull(arguments[i + 1].c_str(), nullptr, 10);
        if (arguments[i] == "--kills") kills = value;
        if (arguments[i] == "--seed") seed = value;
    }
    try {
        run(kills, seed);
    } catch (const std::exception& failed) {
        std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(seed),
                     failed.what());
        return 1;
    }
    return 0;
}
