#include "crash/disk_scenarios.hpp"

#include <filesystem>
#include <utility>

namespace fs = std::filesystem;

namespace finpost::test {

namespace {

constexpr std::size_t large = large_body;
constexpr std::size_t huge = 300'000; // a file that is written in two pieces

void some(scene& on) { on.put({10, large, 700, 1'500, 0, huge}); }
void open(scene& on) { on.store.open(); }

// NOLINTBEGIN(cppcoreguidelines-avoid-magic-numbers)
std::vector<scenario> everyday() {
    return {
        {"first open", {}, true, open},
        {"put small", some, false,
         [](scene& on) {
             on.put({1, 500});
         }},
        {"put large", some, false,
         [](scene& on) {
             on.put({large, huge});
         }},
        {"claim and deliver", some, false,
         [](scene& on) {
             on.queue.deliver_some(on.queue.take(4));
             on.store.work();
         }},
        {"fail and bury", some, false,
         [](scene& on) {
             for (const stored_payload& each : on.queue.take(2)) on.queue.fail_some(each);
             on.bury(3);
         }},
        {"replay and drop",
         [](scene& on) {
             some(on);
             on.bury(3);
         },
         false,
         [](scene& on) {
             on.queue.replay();
             on.queue.drop(queue_state::waiting);
         }},
    };
}

std::vector<scenario> troubles() {
    return {
        {"checkpoint", some, false,
         [](scene& on) {
             for (int i = 0; i < 4; ++i) on.put(std::vector<std::size_t>(8, 1'900));
         }},
        {"full disk", some, false,
         [](scene& on) {
             const auto claimed = on.queue.take(3);
             on.disk.fill(on.reserve);
             on.put({100, large});
             on.queue.deliver_some(claimed);
             on.store.work();
             on.disk.fill({});
             on.put({100});
         }},
        {"concurrent puts", some, false,
         [](scene& on) {
             for (const std::size_t each : {std::size_t{1}, large, std::size_t{900}, large})
                 on.queue.put_some({each});
             on.store.work();
         }},
        {"open after an end in the middle",
         [](scene& on) {
             some(on);
             on.queue.deliver_some(on.queue.take(2));
             on.store.work();
             on.queue.take(2);
         },
         true, open},
        {"close and open", some, false,
         [](scene& on) {
             on.store.close();
             on.store.open();
         }},
        {"salvage", some, false,
         [](scene& on) {
             on.queue.damage_index(fs::path(on.reserve).replace_filename("queue.db").string());
             on.put({10});
         }},
    };
}
// NOLINTEND(cppcoreguidelines-avoid-magic-numbers)

} // namespace

std::vector<scenario> all_scenarios() {
    auto all = everyday();
    for (scenario& each : troubles()) all.push_back(std::move(each));
    return all;
}

} // namespace finpost::test
