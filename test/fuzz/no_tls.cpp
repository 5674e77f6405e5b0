// In place of TLS where fuzzers are built: a configuration that was drawn must not have this
// machine's files read as certificates, nor every input pay for the system's.

#include "net/tls_layer.hpp"
#include "net/tls_side.hpp"

#include <cstdlib>

namespace finpost::detail {

tls_side make_listener_tls(const tls_options&) { return {}; }
tls_side make_upstream_tls(const tls_options&) { return {}; }

result<std::size_t> tls_layer::write_some(std::span<const std::byte>) noexcept { std::abort(); }

} // namespace finpost::detail
