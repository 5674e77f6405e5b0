#pragma once

#include "finpost/error.hpp"

#include <string>

namespace finpost::detail {

/// Whether what a read of the file gives is on the disk, for a file whose sync has failed: the
/// kernel may have marked pages clean that the disk has never seen. Drops what the kernel keeps of
/// the file and reads it both ways (O_DIRECT). A file that is not there passes; so does one on a
/// tmpfs, which has no disk. Fails with what the system says, io_error where they differ.
///
/// No connection of SQLite's may have the file open: closing a descriptor drops its locks.
error_code check_against_disk(const std::string& path);

} // namespace finpost::detail
