#pragma once

#include "finpost/export.hpp"

#include <boost/system/result.hpp>

#include <string>

namespace finpost {

/// A value or an `error_code`: how errors travel where an exchange runs.
template <class T>
using result = boost::system::result<T>;

/// The message of something a person wrote wrongly (an option, an address, a size).
/// It says what was expected and quotes what was found; it does not name the option, the caller
/// does.
struct parse_error {
    std::string message;
};

/// A value or a `parse_error`: what every `parse_...` function returns.
template <class T>
using parsed = boost::system::result<T, parse_error>;

/// Reading `value()` of a failed `parsed` is a bug; it throws std::logic_error with the message.
[[noreturn]] FINPOST_EXPORT void throw_exception_from_error(const parse_error& error,
                                                            const boost::source_location& where);

} // namespace finpost
