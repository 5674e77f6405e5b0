#pragma once

#include "finpost/byte_budget.hpp"
#include "finpost/metrics.hpp"

#include <cstddef>
#include <cstdint>

namespace finpost::detail {

/// Bytes in files: counted, and limited by the disk alone.
class file_space final : public byte_budget {
public:
    explicit file_space(gauge& used) : used_(used) {}
    bool try_take(std::size_t n) noexcept override {
        used_.add(static_cast<std::int64_t>(n));
        return true;
    }
    void give_back(std::size_t n) noexcept override { used_.add(-static_cast<std::int64_t>(n)); }

private:
    gauge& used_;
};

} // namespace finpost::detail
