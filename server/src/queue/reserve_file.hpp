#pragma once

#include "finpost/error.hpp"

#include <string>

namespace finpost::detail {

/// Room on a disk that is kept for the moment when the disk is full: to remove a row, a database
/// has to write first.
class reserve_file {
public:
    static constexpr long size = 4 << 20;

    explicit reserve_file(std::string path) : path_(std::move(path)) {}

    /// Whether the room is kept.
    bool there() const noexcept { return there_; }
    /// Takes the room again, if there is that much. Not an error when not.
    bool make() noexcept;
    /// Gives the room to whoever writes next.
    void release() noexcept;

private:
    std::string path_;
    bool there_ = false;
};

} // namespace finpost::detail
