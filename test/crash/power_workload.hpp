#pragma once

#include "crash/power_ledger.hpp"
#include "crash/power_store.hpp"
#include "crash/recorded_disk.hpp"

#include <boost/asio/cancellation_signal.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace finpost::test {

/// Uses a store on a recorded disk: puts, claims and what becomes of them, operators' commands, a
/// full disk, an end and another start. What it asks for and what it is told goes into a ledger.
class power_workload {
public:
    power_workload(power_store& store, recorded_disk& disk, power_ledger& ledger,
                   std::uint64_t seed)
        : store_(store), disk_(disk), ledger_(ledger), random_(seed) {}

    /// So many steps. A full disk has room again when the file `reserve` is gone; empty: it is
    /// never full.
    void run(std::size_t steps, const std::string& reserve);
    /// The disk has damaged a page of an index: all that was in it is in a table, too.
    void damage_index(const std::string& database);

    // One thing at a time. What ends in `_some` asks, and `work` of the store does it.
    void put_some(const std::vector<std::size_t>& sizes);
    std::vector<stored_payload> take(std::size_t most);
    void deliver_some(const std::vector<stored_payload>& claimed);
    void fail_some(const stored_payload& claimed);
    void bury_some(const stored_payload& claimed);
    /// Whoever waits for a put gives up, and how many there are.
    void lose_patience();
    std::size_t waiting();
    /// Up to four in that state.
    void replay(queue_state state = queue_state::dead);
    void drop(queue_state state);

    /// A payload that somebody else puts, as a part of what has begun.
    using handle = power_ledger::handle;
    handle begin();
    new_payload make_one(const handle& what, std::size_t size);

private:
    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
    auto told(const handle& what);
    void step();
    std::size_t draw_size();
    void settle(const std::vector<stored_payload>& claimed);
    queue_filter some(const handle& what, queue_state state, const standing& to);

    power_store& store_;
    recorded_disk& disk_;
    power_ledger& ledger_;
    std::mt19937_64 random_;
    // Of those who wait: each is gone when its handler was called.
    std::vector<std::weak_ptr<boost::asio::cancellation_signal>> patience_;
};

} // namespace finpost::test
