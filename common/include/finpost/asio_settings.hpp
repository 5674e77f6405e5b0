#pragma once

/// \file
/// Stops a build whose definitions for Asio are not those that finpost's Asio was compiled with.
///
/// Without the first, a program has two objects for each of Asio's own error categories, and
/// `asio::error::eof` from finpost is not equal to its own. Without the second, functions such as
/// `basic_socket::close(error_code&)` return an `error_code` instead of nothing under the same
/// name, and a call of the other one crashes.

#if !defined(BOOST_ASIO_SEPARATE_COMPILATION) || !defined(BOOST_ASIO_NO_DEPRECATED)
#error \
    "Compile with the definitions of finpost's Asio: link finpost::server or finpost::client, or ask pkg-config"
#endif
