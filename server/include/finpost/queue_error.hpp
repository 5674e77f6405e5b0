#pragma once

#include "finpost/error.hpp"
#include "finpost/export.hpp"

#include <boost/system/error_code.hpp>

#include <type_traits>

namespace finpost {

/// Why a queue of payloads did not do what it was asked for.
///
/// | error | equal to `std::errc` |
/// |---|---|
/// | `full` | `no_space_on_device` |
/// | `failed` | `io_error` |
/// | `not_found` | `no_such_file_or_directory` |
/// | `not_held` | `operation_not_permitted` |
enum class queue_error {
    full = 1,  ///< there is no room: nothing was stored, nothing was changed
    failed,    ///< unknown whether it was done: no receipt may be given for it
    not_found, ///< there is no payload of that id
    not_held,  ///< the lease has passed to somebody else: nothing was changed
};

/// The category of `queue_error`; its name is "finpost.queue".
FINPOST_EXPORT const boost::system::error_category& queue_category() noexcept;

FINPOST_EXPORT boost::system::error_code make_error_code(queue_error value) noexcept;

} // namespace finpost

/// \cond
template <>
struct boost::system::is_error_code_enum<finpost::queue_error> : std::true_type {};
/// \endcond
