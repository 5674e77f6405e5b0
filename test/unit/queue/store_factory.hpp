#pragma once

#include "finpost/queue_store.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <vector>

namespace finpost::test {

struct store_settings {
    std::uint64_t max_bytes = std::uint64_t{1} << 30;
    bool ordered = false;
};

/// A place that a store keeps its payloads in, and what opens it: empty at first, and gone with
/// this. One store at a time.
class store_place {
public:
    virtual ~store_place() = default;
    /// The store is gone, and what it was asked for is done, when `close` has returned.
    virtual std::unique_ptr<queue_store> open(boost::asio::any_io_executor executor,
                                              store_settings settings) = 0;
    virtual void close(std::unique_ptr<queue_store> store) = 0;
};

/// A kind of store, for which every test of the contract holds.
struct store_kind {
    std::string name;
    std::function<std::unique_ptr<store_place>()> make_place;
    /// Whether the machine has what it needs; as `can_run` when not.
    std::function<bool()> can_run = [] { return true; };
};
std::ostream& operator<<(std::ostream& out, const store_kind& kind);

std::vector<store_kind> store_kinds();

} // namespace finpost::test
