#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <sys/types.h>

namespace finpost {

struct upstream_config;
struct gateway_config;

/// A file as it is, through symbolic links: what differs when it has been written or replaced.
struct file_stamp {
    std::string path;
    int error = 0; ///< why nothing is known of it; 0 when the rest is
    dev_t device = 0;
    ino_t inode = 0;
    off_t size = 0;
    std::int64_t modified = 0, changed = 0; ///< nanoseconds
    friend bool operator==(const file_stamp&, const file_stamp&) = default;
};

/// Looks at it, and does not open it. To be called before a file is read: a change that comes while
/// it is read is then seen by the next look.
file_stamp stamp_of(const std::string& path);

/// The paths of those that are not as they were, one after another; empty when all are.
std::string changed_files(const std::vector<file_stamp>& before);

/// Adds the files that a listener or an upstream reads: certificates, keys, authorities, and what
/// header fields refer to.
void add_files(std::vector<file_stamp>& to, const gateway_config& listener);
void add_files(std::vector<file_stamp>& to, const upstream_config& upstream);

} // namespace finpost
