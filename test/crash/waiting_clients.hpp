#pragma once

#include "crash/power_ledger.hpp"
#include "crash/power_store.hpp"
#include "crash/power_workload.hpp"
#include "crash/recorded_disk.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace finpost::test {

/// Clients of a store whose disk takes longer for a sync than they wait.
class waiting_clients {
public:
    waiting_clients(power_store& store, recorded_disk& disk, power_ledger& ledger,
                    power_workload& queue)
        : store_(store), disk_(disk), ledger_(ledger), queue_(queue) {}

    /// Within the sync, on the store's thread: others come meanwhile, and who waits gives up, as
    /// when the queue's timeout has passed. Nobody gets a receipt; who has given up is told so
    /// before the sync is over; what had not begun is withdrawn. One who waits on is left. Keeps
    /// what is wrong, for nothing can be thrown through SQLite.
    void give_up() noexcept;

    /// Empty when nothing is wrong.
    const std::string& problem() const noexcept { return problem_; }
    /// How many have given up, and when: numbers of changes.
    std::size_t given_up() const noexcept { return given_up_; }
    const std::vector<std::size_t>& cuts() const noexcept { return cuts_; }

private:
    void try_to_give_up();
    void require(bool good, const char* what);

    power_store& store_;
    recorded_disk& disk_;
    power_ledger& ledger_;
    power_workload& queue_;
    std::string problem_;
    std::size_t given_up_ = 0;
    std::vector<std::size_t> cuts_;
};

} // namespace finpost::test
