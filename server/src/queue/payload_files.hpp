#pragma once

#include "finpost/payload.hpp"
#include "finpost/request_id.hpp"
#include "finpost/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>

namespace finpost::detail {

/// The payloads of a queue that are too large for its database, a file each, mode 0600. Not thread
/// safe.
class payload_files {
public:
    explicit payload_files(std::string directory) : directory_(std::move(directory)) {}

    struct written {
        std::string name;
        std::uint32_t crc32c;
    };
    /// Writes `body` to a new file and syncs that. Its name is durable after `sync`. On a failure,
    /// which is what the system says, there is no file.
    result<written> write(const request_id& id, const payload& body);

    /// Makes the names that were added durable.
    error_code sync() const noexcept;

    result<std::unique_ptr<spill_file>> open(const std::string& name) const;
    void remove(const std::string& name) const noexcept;

    /// Whether there is no file at all.
    bool empty() const;

    /// Removes every file that is not in `wanted`, and says how many. Names that are there are
    /// taken out of `wanted`: what is left of it has no file.
    result<std::size_t> remove_others(std::set<std::string>& wanted) const;

private:
    std::string path_of(const std::string& name) const { return directory_ + '/' + name; }

    std::string directory_;
    std::uint64_t made_ = 0; // so that no file is ever written over
};

} // namespace finpost::detail
