#pragma once

#include "policy/resource_shortage.hpp"

#include "finpost/error.hpp"
#include "finpost/logger.hpp"
#include "finpost/payload.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

namespace finpost::detail {

/// Decides what goes to files, and tells when the disk does not take it: once a shortage, and once
/// when it is over. One for each group of listeners. Thread safe, as long as a payload is one
/// exchange's.
class spill_policy {
public:
    /// What is larger than `above` goes to `directory`; 0 = nothing does. Files count in `space`.
    spill_policy(std::uint64_t above, std::string directory, byte_budget& space, logger log);

    bool is_on() const noexcept { return above_ != off; }
    /// What may be held in memory; the largest number when everything may.
    std::uint64_t above() const noexcept { return above_; }
    /// Whether so many bytes belong into a file.
    bool takes(std::uint64_t size) const noexcept { return size > above_; }

    /// Moves a payload's bytes to a file: all in one go, or in pieces (fairness.hpp) between which
    /// others have their turn. Fails with `spill_failed`, having told why.
    error_code move(payload& bytes) const;
    boost::asio::awaitable<error_code> move_piecewise(payload& bytes) const;
    /// Appends to a spilled payload, as `move` fails.
    error_code write(payload& to, std::span<const std::byte> data) const;
    /// A whole payload found room: if there was a shortage, it is over.
    void kept() const;
    /// Tells what the system said about a file; `spill_failed`.
    error_code failed(error_code why) const;

private:
    static constexpr std::uint64_t off = UINT64_MAX;
    result<std::unique_ptr<spill_file>> create() const;

    const std::uint64_t above_;
    const std::string directory_;
    byte_budget& space_;
    const logger log_;
    mutable resource_shortage shortage_;
};

} // namespace finpost::detail
