#pragma once

#include "policy/spill_policy.hpp"

#include "finpost/payload.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace finpost::detail {

/// The budget of the replies that handlers make: the memory of all, and a file for a reply that is
/// too large for memory. One for each group of listeners. Thread safe.
class reply_budget final : public byte_budget {
public:
    reply_budget(byte_budget& memory, const spill_policy& files) : memory_(memory), files_(files) {}

    bool try_take(std::size_t n) noexcept override { return memory_.try_take(n); }
    void give_back(std::size_t n) noexcept override { memory_.give_back(n); }
    void on_release(std::function<void()> wake) override { memory_.on_release(std::move(wake)); }

    bool spills(std::uint64_t size) const noexcept override { return files_.takes(size); }
    error_code spill(payload& bytes) override {
        if (!files_.is_on()) return reason::busy;
        const error_code failed = files_.move(bytes);
        if (!failed) files_.kept();
        return failed;
    }
    error_code spill_error(error_code why) override { return files_.failed(why); }

    const spill_policy& files() const noexcept { return files_; }

private:
    byte_budget& memory_;
    const spill_policy& files_;
};

} // namespace finpost::detail
