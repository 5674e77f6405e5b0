#include "sim/shrink.hpp"

#include "sim/world.hpp"

#include <algorithm>
#include <cstdio>
#include <sstream>
#include <type_traits>
#include <utility>

namespace finpost::sim {

namespace {

class shrinker {
public:
    shrinker(plan what, std::string_view broken, unsigned most_runs)
        : best_(std::move(what)), broken_(broken), left_(most_runs) {}

    plan go() {
        for (bool smaller = true; smaller && left_ > 0;) {
            smaller = false;
            smaller |= drop(&plan::acts);
            smaller |= drop(&plan::clients);
            smaller |= reset_fields([](plan& p) -> hardships& { return p.hard; });
            smaller |= reset_fields([](plan& p) -> rules_plan& { return p.rules; });
            smaller |= reset_fields([](plan& p) -> service_plan& { return p.service; });
            smaller |= reset_fields([](plan& p) -> plan& { return p; });
            for (std::size_t i = 0; i < best_.acts.size(); ++i)
                smaller |= reset_fields([i](plan& p) -> act& { return p.acts[i]; });
            for (std::size_t i = 0; i < best_.clients.size(); ++i) {
                smaller |= reset_fields([i](plan& p) -> answer& { return p.clients[i].first; });
                smaller |= reset_fields([i](plan& p) -> answer& { return p.clients[i].again; });
                smaller |= reset_fields([i](plan& p) -> client_plan& { return p.clients[i]; });
            }
        }
        return best_;
    }

private:
    bool fails(const plan& what) {
        if (left_ == 0) return false;
        --left_;
        const auto wrong = run(what).wrong;
        return std::any_of(wrong.begin(), wrong.end(),
                           [this](const std::string& one) { return one.starts_with(broken_); });
    }

    bool take(plan candidate) {
        for (std::uint64_t i = 0; i < 6; ++i) {
            if (fails(candidate)) {
                best_ = std::move(candidate);
                return true;
            }
            candidate.dice = best_.dice + (i + 1) * 0x9e3779b9u;
        }
        return false;
    }

    // Halves first, then one by one.
    template <class T>
    bool drop(std::vector<T> plan::*list) {
        bool smaller = false;
        for (std::size_t size = (best_.*list).size(); size > 0; size /= 2)
            for (std::size_t from = 0; from < (best_.*list).size();) {
                plan candidate = best_;
                auto& of = candidate.*list;
                const auto begin = of.begin() + static_cast<std::ptrdiff_t>(from);
                of.erase(begin,
                         begin + static_cast<std::ptrdiff_t>(std::min(size, of.size() - from)));
                const bool empty = std::is_same_v<T, client_plan> && of.empty();
                if (!empty && take(std::move(candidate)))
                    smaller = true;
                else
                    from += size;
            }
        return smaller;
    }

    // Each field as it is by default.
    template <class Of>
    bool reset_fields(const Of& part_of) {
        bool smaller = false;
        std::size_t count = 0;
        fields(part_of(best_), [&count](std::string_view, auto&) { ++count; });
        for (std::size_t i = 0; i < count; ++i) {
            plan candidate = best_;
            std::remove_reference_t<decltype(part_of(candidate))> usual{};
            bool changed = false;
            std::size_t at = 0;
            fields(part_of(candidate), [&](std::string_view name, auto& value) {
                if (at++ != i || name == "dice" || name == "seed") return;
                std::size_t same = 0;
                fields(usual, [&](std::string_view, auto& by_default) {
                    if constexpr (std::is_same_v<decltype(value), decltype(by_default)>) {
                        if (same == i && value != by_default) value = by_default, changed = true;
                    }
                    ++same;
                });
            });
            if (changed && take(std::move(candidate))) smaller = true;
        }
        return smaller;
    }

    plan best_;
    const std::string broken_;
    unsigned left_;
};

std::string commit() {
    std::string out;
    if (FILE* const git =
            ::popen("git -C '" FINPOST_SOURCE_DIR "' describe --always --dirty 2>/dev/null", "r")) {
        char room[100];
        while (std::fgets(room, sizeof room, git) != nullptr) out += room;
        ::pclose(git);
    }
    while (out.ends_with('\n')) out.pop_back();
    return out.empty() ? "unknown" : out;
}

} // namespace

plan shrink(plan what, std::string_view broken, unsigned most_runs) {
    return shrinker(std::move(what), broken, most_runs).go();
}

std::string explain(std::uint64_t seed, const plan& what) {
    std::ostringstream out;
    const run_result whole = run(what);
    out << "seed " << seed << " at commit " << commit() << '\n';
    for (const std::string& one : whole.wrong) out << "  " << one << '\n';
    if (whole.wrong.empty()) return std::move(out).str();
    const std::string broken = whole.wrong.front().substr(0, whole.wrong.front().find(':'));
    const plan small = shrink(what, broken);
    constexpr std::size_t lines = 60;
    const run_result again = run(small, lines);
    out << "shrunk, a plan that `test_sim --plan FILE` runs again:\n";
    print(out, small);
    for (const std::string& one : again.wrong) out << "  " << one << '\n';
    out << "the trace's last lines (tick, ms, what):\n";
    for (const std::string& line : again.trace) out << "  " << line << '\n';
    return std::move(out).str();
}

} // namespace finpost::sim
