#pragma once

#include "finpost/error.hpp"

#include <string>

namespace finpost::detail {

/// Writes each byte of a file over itself and syncs it: afterwards the disk has what can be read.
/// No file is no error.
///
/// After a failed sync the kernel takes the pages for clean: another sync proves nothing, and only
/// a process that was there knows about it. What a good sync has covered is on the disk with these
/// very bytes, so an end in the middle of it does no harm. Blocks; room is needed only where a file
/// system never writes in place.
error_code rewrite_in_place(const std::string& path);

} // namespace finpost::detail
