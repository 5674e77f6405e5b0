// A disk that fails at each change that a store makes of it: no acknowledgement that is not true,
// no end without an answer, and all of it there with a good disk. See CMakeLists.txt.
#include "crash/disk_image.hpp"
#include "crash/disk_scenarios.hpp"
#include "crash/power_ledger.hpp"
#include "crash/power_store.hpp"
#include "crash/power_workload.hpp"
#include "crash/recorded_disk.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
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

struct named_fault {
    const char* name;
    disk_fault what;
};
constexpr std::array faults{
    named_fault{"EIO", {.what = disk_fault::kind::io_error}},
    named_fault{"EIO, kept in memory", {.what = disk_fault::kind::io_error, .drops = false}},
    named_fault{"EIO twice", {.what = disk_fault::kind::io_error, .times = 2}},
    named_fault{"EIO for ever", {.what = disk_fault::kind::io_error, .times = for_ever}},
    named_fault{"ENOSPC", {.what = disk_fault::kind::no_space}},
    named_fault{"ENOSPC for ever", {.what = disk_fault::kind::no_space, .times = for_ever}},
    named_fault{"short write", {.what = disk_fault::kind::short_write}},
};

// What was going on, for who is told that it hangs.
std::array<char, 200> now_doing{};
void say_that_it_hangs(int) {
    const std::string_view text(now_doing.data());
    static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
    ::_exit(1);
}

struct figures {
    std::size_t combinations = 0;
    std::size_t states = 0;
    std::size_t acknowledged = 0;
    std::size_t refused = 0; // what could not be opened meanwhile

    void add(const figures& more) {
        combinations += more.combinations;
        states += more.states;
        acknowledged += more.acknowledged;
        refused += more.refused;
    }
};

// One scenario, again and again.
class failing_run {
public:
    failing_run(const scenario& what, std::uint64_t seed, bool ordered)
        : what_(what), seed_(seed), ordered_(ordered) {
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

    /// How many changes of the disk it makes when none fails.
    std::size_t changes() { return run({}); }
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

    std::size_t run(disk_fault fault) {
        fs::remove_all(folder());
        start_.write_to(folder());
        power_ledger ledger = known_;
        std::size_t changes = 0;
        std::vector<disk_call> calls;
        std::size_t before_close = 0;
        std::size_t before_restart = 0;
        {
            power_store store(queue(), ordered_);
            recorded_disk disk(folder(), start_, broken_sync::none, [&] { store.tell(); });
            power_workload workload(store, disk, ledger, seed_ + 1);
            scene on{workload, store, disk, reserve()};
            if (!what_.opens) store.open();
            const std::size_t before = disk.begun();
            disk.fail(fault);
            perform(on);
            before_close = disk.calls().size();
            store.close();
            changes = disk.begun() - before;
            before_restart = disk.calls().size();
            calls = restart(disk, ledger);
        }
        const std::span all(calls);
        for (const std::size_t cut : {before_close, before_restart, calls.size()})
            check(ledger, all.first(cut));
        figures_.acknowledged += ledger.acknowledged();
        return changes;
    }

    // The next process finds in memory what is not on the disk.
    std::vector<disk_call> restart(const recorded_disk& before, power_ledger& ledger) {
        power_store store(queue(), ordered_);
        recorded_disk disk(before, [&] { store.tell(); });
        power_workload workload(store, disk, ledger, seed_ + 2);
        scene on{workload, store, disk, reserve()};
        try {
            store.open();
            on.put({30, large_body});
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
    const temporary_folder folder_;
    std::mt19937_64 random_{seed_};
    power_ledger known_;
    disk_image start_;
    figures figures_;
};

// Every index, or one in `every`.
void run_one(const scenario& what, std::uint64_t seed, std::size_t every, figures& all) {
    for (const bool ordered : {false, true}) {
        failing_run one(what, seed, ordered);
        const std::size_t changes = one.changes();
        for (std::size_t at = seed % every; at < changes; at += every) {
            for (const named_fault& each : faults) {
                std::snprintf(now_doing.data(), now_doing.size(), "%s%s, %s at %zu of %zu: hangs\n",
                              what.name.c_str(), ordered ? ", ordered" : "", each.name, at,
                              changes);
                disk_fault fault = each.what;
                fault.after = at;
                one.fall(fault);
            }
        }
        all.add(one.so_far());
    }
}

} // namespace

int main(int argc, char** argv) {
    std::uint64_t seed = 1;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    std::size_t every = 120;
#else
    std::size_t every = 15;
#endif
    std::string only;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name(argv[i]);
        if (name == "--seed") seed = std::strtoull(argv[i + 1], nullptr, 10);
        if (name == "--every") every = std::max(1ULL, std::strtoull(argv[i + 1], nullptr, 10));
        if (name == "--only") only = argv[i + 1];
    }
    prefer_memory();
    std::signal(SIGALRM, say_that_it_hangs);
    figures all;
    try {
        for (const scenario& each : all_scenarios())
            if (only.empty() || only == each.name) run_one(each, seed, every, all);
    } catch (const std::exception& failed) {
        std::fprintf(stderr, "FAILED: --seed %llu --every %zu, %s%s\n",
                     static_cast<unsigned long long>(seed), every, now_doing.data(), failed.what());
        return 1;
    }
    std::printf(
        "%zu combinations of a scenario, a change and a fault (%zu not started or ended in words), "
        "%zu acknowledgements, %zu states: nothing is lost\n",
        all.combinations, all.refused, all.acknowledged, all.states);
    return 0;
}
