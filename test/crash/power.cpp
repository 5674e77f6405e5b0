// Records what a store does to its disk, makes what the disk may hold when the power is lost, opens
// a store on it, and looks: what was acknowledged is there. See CMakeLists.txt.
#include "crash/disk_image.hpp"
#include "crash/power_ledger.hpp"
#include "crash/power_store.hpp"
#include "crash/power_workload.hpp"
#include "crash/recorded_disk.hpp"
#include "support/temporary_folder.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
namespace fs = std::filesystem;

namespace {

struct arguments {
    std::uint64_t seed = 1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    std::size_t states = 2'000;
#else
    std::size_t states = 20'000;
#endif
    std::size_t jobs = 1;
    std::optional<std::size_t> run; // only this one
    broken_sync broken = broken_sync::none;
};

constexpr std::size_t stages = 5; // each begins with what a loss of power has left
constexpr std::size_t states_in_stage = 100;
constexpr std::size_t states_in_run = stages * states_in_stage;

struct figures {
    std::size_t states = 0;    // looked at
    std::size_t different = 0; // of them, in their stage
    std::size_t changes = 0;   // and syncs, recorded
    std::size_t acknowledged = 0;

    void add(const figures& more) {
        states += more.states;
        different += more.different;
        changes += more.changes;
        acknowledged += more.acknowledged;
    }
};

void require(bool good, const std::string& what) {
    if (!good) throw std::runtime_error(what);
}

// One store that loses its power again and again.
class power_run {
public:
    power_run(std::uint64_t seed, broken_sync broken)
        : random_(seed), broken_(broken), ordered_(random_() % 2 == 0) {}

    // `at` says where it is, for who has to tell what went wrong.
    figures go(std::string& at) {
        disk_image disk;
        for (std::size_t i = 0; i < stages; ++i) {
            const std::string stage = "stage " + std::to_string(i);
            at = stage + ", recording";
            // SQLite draws what distinguishes one log from the next.
            ::sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(random_() | 1),
                                   nullptr);
            record(disk);
            for (std::size_t j = 0; j < states_in_stage; ++j) {
                at = stage + ", state " + std::to_string(j);
                look_at(draw(disk));
            }
            figures_.different += seen_.size();
            seen_.clear();
            // Whatever the last one was is where the next stage begins.
            disk = std::move(last_);
            ledger_.begin_anew(found_);
        }
        figures_.acknowledged = ledger_.acknowledged();
        return figures_;
    }

private:
    fs::path folder() const { return folder_.path() / "disk"; }

    void record(const disk_image& start) {
        fs::remove_all(folder());
        start.write_to(folder());
        power_store store(folder() / "queue", ordered_);
        recorded_disk disk(folder(), start, broken_, [&] { store.tell(); });
        store.open();
        power_workload workload(store, disk, ledger_, random_());
        // Without room a salvage has to wait, and what needs it fails: the disk is not full then.
        const std::string reserve = (folder() / "queue" / "reserve").string();
        workload.run(10 + random_() % 60, damaged_ ? "" : reserve);
        if (random_() % 4 == 0) {
            damaged_ = true;
            workload.damage_index((folder() / "queue" / "queue.db").string());
            workload.run(10, {});
        }
        store.close();
        check_complaint(store);
        calls_ = disk.calls();
        figures_.changes += calls_.size();
        // Nothing has been missed: with all of it, the disk is what it is.
        const auto all = after_power_loss(start, calls_, {1, 1}, random_);
        const std::string differs = all.differs_from(folder());
        require(differs.empty(), "the recording is not whole: " + differs);
        ends_.clear();
        for (std::size_t i = 0; i < calls_.size(); ++i)
            if (calls_[i].what == disk_call::kind::sync) ends_.push_back(i + 1);
    }

    // Nothing speaks of damage, but where there is some.
    void check_complaint(const power_store& store) const {
        const std::string& what = store.complaint();
        const bool expected =
            what.starts_with("queue salvaged") || what.starts_with("queue damaged");
        require(what.empty() || (damaged_ && expected), what);
    }

    disk_image draw(const disk_image& start) {
        // Half of them right behind a sync: that is when something has just been acknowledged.
        cut_ = random_() % (calls_.size() + 1);
        if (random_() % 2 == 0 && !ends_.empty()) cut_ = ends_[random_() % ends_.size()];
        static constexpr std::array shares{0.0, 0.0, 0.1, 0.5, 0.9, 1.0};
        const power_loss loss{shares[random_() % shares.size()], shares[random_() % shares.size()]};
        return after_power_loss(start, std::span(calls_).first(cut_), loss, random_);
    }

    void look_at(disk_image state) {
        ++figures_.states;
        seen_.insert(state.hash());
        fs::remove_all(folder());
        state.write_to(folder());
        power_store store(folder() / "queue", ordered_);
        store.open();
        if (damaged_) store.touch(); // what only reads does not mend
        found_ = store.look();
        const std::string problem = ledger_.problem_with(found_, cut_);
        require(problem.empty(), problem + ", at " + std::to_string(cut_));
        check_complaint(store);
        last_ = std::move(state);
    }

    const temporary_folder folder_;
    std::mt19937_64 random_;
    const broken_sync broken_;
    const bool ordered_;
    power_ledger ledger_;
    std::vector<disk_call> calls_;
    std::vector<std::size_t> ends_; // of syncs
    std::size_t cut_ = 0;
    bool damaged_ = false; // and maybe not mended yet
    std::set<std::size_t> seen_;
    disk_image last_;
    found_payloads found_;
    figures figures_;
};

// The runs of one process.
figures run_some(const arguments& given, std::size_t job) {
    const std::size_t runs = (given.states + states_in_run - 1) / states_in_run;
    figures all;
    for (std::size_t i = job; i < runs; i += given.jobs) {
        if (given.run && i != *given.run) continue;
        std::seed_seq mixed{given.seed, given.seed >> 32, std::uint64_t{i}};
        std::array<std::uint32_t, 2> seed{};
        mixed.generate(seed.begin(), seed.end());
        std::string at;
        try {
            power_run one((std::uint64_t{seed[0]} << 32) | seed[1], given.broken);
            all.add(one.go(at));
        } catch (const std::exception& failed) {
            throw std::runtime_error("--run " + std::to_string(i) + ", " + at + ": " +
                                     failed.what());
        }
    }
    return all;
}

// A process for each job; their figures come through a pipe, whole.
bool run_jobs(const arguments& given, figures& all) {
    std::array<int, 2> ends{};
    require(::pipe(ends.data()) == 0, "pipe");
    std::vector<pid_t> children;
    for (std::size_t job = 0; job < given.jobs; ++job) {
        const pid_t pid = ::fork();
        if (pid != 0) {
            children.push_back(pid);
            continue;
        }
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        try {
            const figures some = run_some(given, job);
            ::_exit(::write(ends[1], &some, sizeof some) == sizeof some ? 0 : 1);
        } catch (const std::exception& failed) {
            std::fprintf(stderr, "--seed %llu --states %zu %s\n",
                         static_cast<unsigned long long>(given.seed), given.states, failed.what());
            ::_exit(1);
        }
    }
    ::close(ends[1]);
    figures some;
    while (::read(ends[0], &some, sizeof some) == sizeof some) all.add(some);
    ::close(ends[0]);
    bool good = true;
    for (const pid_t each : children) {
        int status = 0;
        good = ::waitpid(each, &status, 0) == each && status == 0 && good;
    }
    return good;
}

arguments read_arguments(int argc, char** argv) {
    static const std::map<std::string_view, broken_sync> syncs{
        {"payload-sync", broken_sync::payload},  {"payload-names", broken_sync::payload_names},
        {"wal-sync", broken_sync::log},          {"database-sync", broken_sync::database},
        {"directory-syncs", broken_sync::names},
    };
    arguments given;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name(argv[i]);
        const std::uint64_t value = std::strtoull(argv[i + 1], nullptr, 10);
        if (name == "--seed") given.seed = value;
        if (name == "--states") given.states = value;
        if (name == "--jobs") given.jobs = std::max<std::uint64_t>(1, value);
        if (name == "--run") given.run = value;
        if (name == "--break") given.broken = syncs.at(argv[i + 1]);
    }
    return given;
}

} // namespace

int main(int argc, char** argv) {
    try {
        prefer_memory();
        const arguments given = read_arguments(argc, argv);
        figures all;
        const bool good = run_jobs(given, all);
        std::printf("%zu states after a loss of power, %zu different, of %zu recorded changes with "
                    "%zu acknowledgements: %s\n",
                    all.states, all.different, all.changes, all.acknowledged,
                    good ? "nothing is lost" : "FAILED");
        return good ? 0 : 1;
    } catch (const std::exception& failed) {
        std::fprintf(stderr, "%s\n", failed.what());
        return 1;
    }
}
