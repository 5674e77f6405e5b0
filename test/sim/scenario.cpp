#include "sim/scenario.hpp"

#include <boost/test/unit_test.hpp>

#include <sstream>
#include <string>

namespace finpost::sim {

plan with_clients(std::size_t n, std::uint64_t size) {
    plan out;
    for (std::size_t i = 0; i < n; ++i) {
        client_plan& one = out.clients.emplace_back();
        one.size = size, one.seed = i, one.begins = static_cast<nanos>(i) * 100 * us;
    }
    return out;
}

run_result check(const plan& what) {
    run_result got = run(what);
    if (!got.wrong.empty()) {
        std::ostringstream words;
        print(words, what);
        for (const std::string& wrong : got.wrong) words << "wrong: " << wrong << '\n';
        BOOST_ERROR(words.str());
    }
    return got;
}

void at_every_tick(const plan& what, std::uint64_t step,
                   const std::function<void(plan&, std::uint64_t)>& change) {
    const std::uint64_t last = check(what).ticks;
    BOOST_TEST(last > 0u);
    for (std::uint64_t tick = 1; tick <= last; tick += step) {
        plan now = what;
        change(now, tick);
        check(now);
    }
}

act at_tick(act_kind kind, std::uint64_t tick, nanos grace) {
    act out;
    out.kind = kind, out.tick = tick, out.grace = grace;
    return out;
}

} // namespace finpost::sim
