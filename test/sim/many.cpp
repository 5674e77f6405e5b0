#include "sim/many.hpp"

#include "sim/shrink.hpp"

#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <sstream>
#include <stdexcept>
#include <vector>

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

namespace finpost::sim {

namespace {

double processor_seconds() {
    timespec now{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// Where the processes are, for whoever sees one end: the seed under way.
using places = std::atomic<std::uint64_t>*;
constexpr unsigned most_seconds = 120; // of one schedule

void add(totals& to, const totals& one) {
    to.schedules += one.schedules, to.failed += one.failed, to.replied += one.replied,
        to.refused += one.refused;
    to.aborted += one.aborted, to.probes += one.probes, to.posts += one.posts,
        to.retries += one.retries;
    to.hash += one.hash;
    to.ticks += one.ticks, to.another_hash += one.another_hash, to.seconds += one.seconds,
        to.simulated += one.simulated;
    const auto add_all = [](auto& into, const auto& more) {
        for (std::size_t i = 0; i < into.size(); ++i) into[i] += more[i];
    };
    add_all(to.hits, one.hits), add_all(to.conducts, one.conducts), add_all(to.rules, one.rules);
}

totals of_one(const plan& what, const run_result& run) {
    totals out;
    out.schedules = 1;
    out.replied = run.sessions.replied, out.refused = run.sessions.refused;
    out.aborted = run.sessions.aborted, out.probes = run.sessions.probes;
    out.posts = run.posts, out.retries = run.retries, out.ticks = run.ticks;
    out.simulated = static_cast<double>(run.took) / 1e9;
    out.hits = run.hits, out.conducts = run.conducts, out.rules = drawn_rules(what.rules);
    return out;
}

totals run_share(const many_options& how, unsigned job, places at) {
    // Each schedule is a thread: its memory stays with the process.
    ::mallopt(M_ARENA_MAX, 1);
    ::mallopt(M_MMAP_THRESHOLD, 1 << 30);
    ::mallopt(M_TRIM_THRESHOLD, 1 << 30);
    using clock = std::chrono::steady_clock;
    const auto began = clock::now();
    const double spent = processor_seconds();
    totals out;
    for (std::uint64_t i = job; i < how.count; i += how.jobs) {
        if (std::chrono::duration<double>(clock::now() - began).count() > how.seconds) break;
        const std::uint64_t seed = how.first_seed + i;
        at[job] = seed;
        ::alarm(most_seconds);
        const plan what = draw(seed);
        run_result one = run(what);
        out.hash += (seed * 0x9e3779b97f4a7c15u) ^ one.hash; // in any order
        if (seed % 100 == 0 && run(what).hash != one.hash) {
            ++out.another_hash;
            one.wrong.push_back("the same plan made another run");
        }
        add(out, of_one(what, one));
        ::alarm(0);
        if (one.wrong.empty()) continue;
        ++out.failed;
        std::string said;
        if (out.failed <= how.explained) said = explain(seed, what);
        for (const std::string& wrong : one.wrong)
            if (said.find(wrong) == said.npos)
                said += "seed " + std::to_string(seed) + ": " + wrong + '\n';
        std::fputs(said.c_str(), stdout);
        std::fflush(stdout);
        if (how.first) break;
    }
    out.seconds = processor_seconds() - spent;
    return out;
}

} // namespace

totals run_many(const many_options& how) {
    const unsigned jobs_wanted = std::max(1u, how.jobs);
    // Always in a process of its own: one that ends is named by its seed.
    void* const shared = ::mmap(nullptr, jobs_wanted * sizeof(std::uint64_t),
                                PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) throw std::runtime_error("mmap");
    const auto at = static_cast<places>(shared);
    struct job {
        pid_t pid;
        int from;
    };
    std::vector<job> jobs;
    for (unsigned i = 0; i < jobs_wanted; ++i) {
        int ends[2];
        if (::pipe(ends) != 0) throw std::runtime_error("pipe");
        std::fflush(stdout);
        const pid_t pid = ::fork();
        if (pid < 0) throw std::runtime_error("fork");
        if (pid == 0) {
            ::close(ends[0]);
            const totals mine = run_share(how, i, at);
            const bool told = ::write(ends[1], &mine, sizeof mine) == sizeof mine;
            ::_exit(told ? 0 : 1);
        }
        ::close(ends[1]);
        jobs.push_back({pid, ends[0]});
    }
    totals out;
    for (const job& one : jobs) {
        totals theirs;
        if (::read(one.from, &theirs, sizeof theirs) == sizeof theirs)
            add(out, theirs);
        else {
            ++out.failed;
            const std::uint64_t seed = at[&one - jobs.data()];
            std::printf("seed %llu ended its process: test_sim --seed %llu --trace\n",
                        static_cast<unsigned long long>(seed),
                        static_cast<unsigned long long>(seed));
            std::ostringstream plan;
            print(plan, draw(seed));
            std::fputs(plan.str().c_str(), stdout);
            std::fflush(stdout);
        }
        ::close(one.from);
        ::waitpid(one.pid, nullptr, 0);
    }
    ::munmap(shared, jobs_wanted * sizeof(std::uint64_t));
    return out;
}

std::vector<seen_thing> seen_things(const totals& all) {
    std::vector<seen_thing> out;
    for (std::size_t i = 0; i < all.hits.size(); ++i)
        out.push_back({"hardships", name_of(static_cast<hardship>(i)), all.hits[i]});
    for (std::size_t i = 0; i < all.conducts.size(); ++i) {
        const auto what = static_cast<conduct>(i);
        out.push_back({what < conduct::sized          ? "clients"
                       : what < conduct::slow_commits ? "service"
                       : what < conduct::drains       ? "store"
                                                      : "host",
                       name_of(what), all.conducts[i]});
    }
    for (std::size_t i = 0; i < rule_names().size(); ++i)
        out.push_back({"rules", rule_names()[i], all.rules[i]});
    return out;
}

std::string text_of(const totals& all) {
    std::ostringstream out;
    const auto per_second = static_cast<std::uint64_t>(
        all.seconds > 0 ? static_cast<double>(all.schedules) / all.seconds : 0);
    out << all.schedules << " schedules, " << all.failed << " failed, " << per_second
        << " a second and core, " << static_cast<std::uint64_t>(all.simulated) << " s simulated, "
        << all.ticks << " calls and events\n"
        << "sessions: " << all.replied << " replied, " << all.refused << " refused, " << all.aborted
        << " aborted, " << all.probes << " probes; " << all.posts << " requests, " << all.retries
        << " of them sent again\n";
    std::string_view group;
    for (const seen_thing& one : seen_things(all)) {
        if (group != one.group) out << (group.empty() ? "" : "\n") << one.group << ':';
        out << (group == one.group ? ", " : " ") << one.name << ' ' << one.times;
        group = one.group;
    }
    out << '\n';
    return std::move(out).str();
}

} // namespace finpost::sim
