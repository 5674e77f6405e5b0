// A disk that fails at each change that a store makes of it, at each read, or takes its time for a
// sync: no acknowledgement that is not true, no end without an answer, and all of it there with a
// good disk. See CMakeLists.txt.
#include "crash/disk_image.hpp"
#include "crash/disk_scenarios.hpp"
#include "crash/power_ledger.hpp"
#include "crash/power_store.hpp"
#include "crash/power_workload.hpp"
#include "crash/recorded_disk.hpp"
#include "crash/waiting_clients.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <numeric>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

using namespace finpost;
using namespace finpost::test;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t for_ever = 1 << 20; // so often is for ever
constexpr unsigned longest = 60;          // seconds: a combination that takes longer hangs

void require(bool good, const std::string& what) {
    if (!good) throw std::runtime_error(what);
}

using kind = disk_fault::kind;

struct named_fault {
    const char* name;
    disk_fault what;
};
constexpr std::array change_faults{
    named_fault{"EIO", {.what = kind::io_error}},
    named_fault{"EIO, kept in memory", {.what = kind::io_error, .drops = false}},
    named_fault{"EIO twice", {.what = kind::io_error, .times = 2}},
    named_fault{"EIO for ever", {.what = kind::io_error, .times = for_ever}},
    named_fault{"ENOSPC", {.what = kind::no_space}},
    named_fault{"ENOSPC for ever", {.what = kind::no_space, .times = for_ever}},
    named_fault{"short write", {.what = kind::short_write}},
};
constexpr std::array sync_faults{
    named_fault{"slow", {.what = kind::slow_sync}},
    named_fault{"three slow", {.what = kind::slow_sync, .times = 3}},
    named_fault{"slow, then EIO", {.what = kind::slow_failing_sync}},
};
constexpr std::array read_faults{
    named_fault{"EIO", {.what = kind::unread}},
    named_fault{"EIO twice", {.what = kind::unread, .times = 2}},
    named_fault{"EIO for ever", {.what = kind::unread, .times = for_ever}},
};
constexpr std::array ignored_read_faults{
    named_fault{"EIO that nobody looks at", {.what = kind::unread_zeros}},
};

// What somebody has broken, so that it is seen to be noticed.
struct broken_part {
    broken_put put = broken_put::none;
    bool reads = false;
};

// What a scenario does to its disk when nothing fails. Each is a place for a fault.
struct disk_use {
    std::size_t changes = 0;
    std::vector<std::size_t> syncs = {}; // of the changes
    std::size_t reads = 0;
};

// What was going on, for who is told that it hangs.
std::array<char, 200> now_doing{};
constexpr std::string_view hangs = ": it hangs\n";
void say_that_it_hangs(int) {
    for (const std::string_view each : {std::string_view(now_doing.data()), hangs})
        static_cast<void>(!::write(STDERR_FILENO, each.data(), each.size()));
    ::_exit(1);
}

struct figures {
    std::size_t combinations = 0;
    std::size_t states = 0;
    std::size_t acknowledged = 0;
    std::size_t refused = 0;  // what could not be opened meanwhile
    std::size_t given_up = 0; // clients, while a sync was slow

    void add(const figures& more) {
        combinations += more.combinations;
        states += more.states;
        acknowledged += more.acknowledged;
        refused += more.refused;
        given_up += more.given_up;
    }
};

// One scenario, again and again.
class failing_run {
public:
    failing_run(const scenario& what, std::uint64_t seed, bool ordered, broken_put broken)
        : what_(what), seed_(seed), ordered_(ordered), broken_(broken) {
        if (!what_.before) return;
        {
            empty_folder();
            power_store store(queue(), ordered_);
            recorded_disk disk(folder(), {}, broken_sync::none, [&] { store.tell(); });
            power_workload workload(store, disk, known_, seed_);
            scene on{workload, store, disk, reserve()};
            store.open();
            what_.before(on);
            start_ =
                after_power_loss({}, disk.calls(), {1, 1}, random_); // of a process that is killed
        }
        known_.begin_anew(look_at(start_));
    }

    disk_use use() { return run({}); }
    void fall(disk_fault fault) {
        ++figures_.combinations;
        ::alarm(longest);
        run(fault);
        ::alarm(0);
    }
    const figures& so_far() const noexcept { return figures_; }

private:
    fs::path folder() const { return folder_.path() / "disk"; }
    fs::path queue() const { return folder() / "queue"; }
    std::string reserve() const { return (queue() / "reserve").string(); }
    void empty_folder() const {
        fs::remove_all(folder());
        fs::create_directory(folder());
    }

    disk_use run(disk_fault fault) {
        fs::remove_all(folder());
        start_.write_to(folder());
        power_ledger ledger = known_;
        disk_use used;
        std::vector<disk_call> calls;
        std::vector<std::size_t> cuts;
        {
            power_store store(queue(), ordered_);
            store.become(broken_);
            recorded_disk disk(folder(), start_, broken_sync::none, [&] { store.tell(); });
            power_workload workload(store, disk, ledger, seed_ + 1);
            waiting_clients clients(store, disk, ledger, workload);
            disk.while_slow([&] { clients.give_up(); });
            scene on{workload, store, disk, reserve()};
            if (!what_.opens) store.open();
            const std::size_t changes = disk.begun();
            const std::size_t reads = disk.reads();
            disk.fail(fault);
            perform(on);
            require(clients.problem().empty(), clients.problem());
            require(workload.waiting() == 0, "a client waits for ever");
            figures_.given_up += clients.given_up();
            cuts = clients.cuts();
            cuts.push_back(disk.calls().size());
            store.close();
            used = use_of(disk, changes, reads);
            cuts.push_back(disk.calls().size());
            calls = restart(disk, ledger);
        }
        if (fault.what == kind::unread) cuts.clear(); // which has no part in what is on the disk
        cuts.push_back(calls.size());
        for (const std::size_t cut : cuts) check(ledger, std::span(calls).first(cut));
        figures_.acknowledged += ledger.acknowledged();
        return used;
    }

    static disk_use use_of(const recorded_disk& disk, std::size_t changes, std::size_t reads) {
        disk_use used{.changes = disk.begun() - changes, .reads = disk.reads() - reads};
        for (const std::size_t each : disk.syncs())
            if (each >= changes) used.syncs.push_back(each - changes);
        return used;
    }

    // The next process finds in memory what is not on the disk.
    std::vector<disk_call> restart(const recorded_disk& before, power_ledger& ledger) {
        power_store store(queue(), ordered_);
        recorded_disk disk(before, [&] { store.tell(); });
        power_workload workload(store, disk, ledger, seed_ + 2);
        scene on{workload, store, disk, reserve()};
        try {
            store.open();
            on.put({30, large_body, 70}); // one of which stays
            workload.deliver_some(workload.take(2));
            store.work();
        } catch (const std::runtime_error&) {
            ++figures_.refused;
        }
        return disk.calls();
    }

    void perform(scene& on) {
        try {
            what_.act(on);
            on.put({20, large_body}); // it goes on, or says why not
        } catch (const std::runtime_error&) {
            ++figures_.refused;
        }
    }

    // The power is lost, and the next disk is good.
    void check(const power_ledger& ledger, std::span<const disk_call> calls) {
        for (const double share : {0.0, 0.5, 1.0}) {
            const auto state = after_power_loss(start_, calls, {share, share}, random_);
            const std::string problem = ledger.problem_with(look_at(state), calls.size());
            require(problem.empty(), problem);
            ++figures_.states;
        }
    }

    found_payloads look_at(const disk_image& state) {
        fs::remove_all(folder());
        state.write_to(folder());
        power_store store(queue(), ordered_);
        store.open();
        const bool damages = what_.name == "salvage";
        if (damages) store.touch();
        auto found = store.look();
        require(damages || store.complaint().empty(), store.complaint());
        return found;
    }

    const scenario& what_;
    const std::uint64_t seed_;
    const bool ordered_;
    const broken_put broken_;
    const temporary_folder folder_;
    std::mt19937_64 random_{seed_};
    power_ledger known_;
    disk_image start_;
    figures figures_;
};

struct arguments {
    std::uint64_t seed = 1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    std::size_t every = 120;
#else
    std::size_t every = 15;
#endif
    std::string only;   // a scenario
    std::string faults; // only these: changes, syncs or reads
    broken_part broken;
};

// Lets one scenario meet faults at every place, or at one in `every`.
class all_places {
public:
    all_places(const scenario& what, bool ordered, const arguments& given)
        : what_(what), ordered_(ordered), given_(given),
          run_(what, given.seed, ordered, given.broken.put) {}

    figures go() {
        const disk_use used = run_.use();
        std::vector<std::size_t> all(std::max(used.changes, used.reads));
        std::iota(all.begin(), all.end(), std::size_t{0});
        const std::span places(all);
        const auto& some = given_.faults;
        if (some.empty() || some == "changes")
            fall("change", places.first(used.changes), change_faults);
        if (some.empty() || some == "syncs") fall("change", used.syncs, sync_faults);
        const auto reads = places.first(used.reads);
        if (some.empty() || some == "reads") fall("read", reads, read_faults);
        if (given_.broken.reads) fall("read", reads, ignored_read_faults);
        return run_.so_far();
    }

private:
    void fall(const char* what, std::span<const std::size_t> places,
              std::span<const named_fault> faults) {
        for (std::size_t i = given_.seed % given_.every; i < places.size(); i += given_.every) {
            for (const named_fault& each : faults) {
                std::snprintf(now_doing.data(), now_doing.size(), "%s%s, %s at %s %zu",
                              what_.name.c_str(), ordered_ ? ", ordered" : "", each.name, what,
                              places[i]);
                disk_fault fault = each.what;
                fault.after = places[i];
                run_.fall(fault);
            }
        }
    }

    const scenario& what_;
    const bool ordered_;
    const arguments given_;
    failing_run run_;
};

arguments read_arguments(int argc, char** argv) {
    static const std::map<std::string_view, broken_part> parts{
        {"early-receipts", {.put = broken_put::early_receipt}},
        {"withdrawn-when-begun", {.put = broken_put::withdrawn_when_begun}},
        {"never-withdrawn", {.put = broken_put::never_withdrawn}},
        {"reads", {.reads = true}},
    };
    arguments given;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name(argv[i]);
        if (name == "--seed") given.seed = std::strtoull(argv[i + 1], nullptr, 10);
        if (name == "--every")
            given.every = std::max(1ULL, std::strtoull(argv[i + 1], nullptr, 10));
        if (name == "--only") given.only = argv[i + 1];
        if (name == "--faults") given.faults = argv[i + 1];
        if (name == "--break") given.broken = parts.at(argv[i + 1]);
        if (name == "--break") given.faults = given.broken.reads ? "none" : "syncs";
    }
    return given;
}

figures run_all(const arguments& given) {
    figures all;
    for (const scenario& each : all_scenarios())
        for (const bool ordered : {false, true})
            if (given.only.empty() || given.only == each.name)
                all.add(all_places(each, ordered, given).go());
    return all;
}

} // namespace

int main(int argc, char** argv) {
    const arguments given = read_arguments(argc, argv);
    prefer_memory();
    std::signal(SIGALRM, say_that_it_hangs);
    figures all;
    try {
        all = run_all(given);
    } catch (const std::exception& failed) {
        std::fprintf(stderr, "FAILED: --seed %llu --every %zu, %s: %s\n",
                     static_cast<unsigned long long>(given.seed), given.every, now_doing.data(),
                     failed.what());
        return 1;
    }
    std::printf(
        "%zu combinations of a scenario, a change, sync or read, and a fault (%zu not started or "
        "ended in words), %zu acknowledgements, %zu clients that gave up, %zu states: nothing is "
        "lost\n",
        all.combinations, all.refused, all.acknowledged, all.given_up, all.states);
    return 0;
}
