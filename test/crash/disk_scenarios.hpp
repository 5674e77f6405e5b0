#pragma once

#include "crash/power_store.hpp"
#include "crash/power_workload.hpp"
#include "crash/recorded_disk.hpp"

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace finpost::test {

/// Of a body that is a file.
inline constexpr std::size_t large_body = 6'000;

/// A store on a recorded disk.
struct scene {
    power_workload& queue;
    power_store& store;
    recorded_disk& disk;
    std::string reserve;

    void put(const std::vector<std::size_t>& sizes) {
        queue.put_some(sizes);
        store.work();
    }
    void bury(std::size_t count) {
        for (const stored_payload& each : queue.take(count)) queue.bury_some(each);
        store.work();
    }
};

/// `before` happens on a good disk, and its process is killed; null: there is nothing before.
/// `act` meets the fault, with a store that is open already or that it opens. It throws when the
/// store cannot be opened.
struct scenario {
    std::string name;
    std::function<void(scene&)> before;
    bool opens = false;
    std::function<void(scene&)> act;
};

/// What a store can do.
std::vector<scenario> all_scenarios();

} // namespace finpost::test
