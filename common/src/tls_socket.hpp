#pragma once

#include <openssl/bio.h>

namespace finpost::detail {

/// A BIO that reads from and writes to the TCP socket `fd`, which it does not own: never blocking,
/// whatever the socket's mode, and never with a SIGPIPE, which OpenSSL's own would raise in a host
/// that does not ignore it. Throws std::bad_alloc.
BIO* make_socket_bio(int fd);

/// The `errno` of the last call that failed, 0 when there was none or it would only have blocked.
int socket_bio_error(BIO* one) noexcept;

/// Whether the FIN has come. A read says that nothing is there then.
bool socket_bio_ended(BIO* one) noexcept;

} // namespace finpost::detail
