#include "upstream/exchange_rules.hpp"

#include <boost/asio/error.hpp>

namespace asio = boost::asio;

namespace finpost::detail {

response_guard::state take_read(response_guard& guard, const result<std::size_t>& read,
                                bool request_is_whole) {
    if (read.has_value()) return guard.received(*read);
    if (read.error() == asio::error::would_block) return response_guard::state::more;
    // A close that meets a request which is not out ends no body.
    if (read.error() == asio::error::eof && request_is_whole) return guard.closed();
    return guard.cut();
}

bool rejects_certificate(const result<std::size_t>& read, const response_guard& guard,
                         bool answered_before) noexcept {
    return read.has_error() && read.error() == reason::tls_handshake && !guard.started() &&
           !answered_before;
}

bool may_send_again(bool repeatable, error_code failed, int status,
                    bool response_started) noexcept {
    if (!repeatable) return false;
    return status == 408 || (failed == reason::upstream_incomplete && !response_started);
}

bool is_endpoint_failure(error_code why) noexcept {
    return why == reason::upstream_unreachable || why == reason::upstream_timeout ||
           why == reason::upstream_invalid || why == reason::upstream_incomplete;
}

error_code refusal_reason(error_code why, const exchange_progress& progress) noexcept {
    const bool read = progress.sent_before || (progress.sent && !progress.rejected);
    const bool says_unsent =
        why == reason::upstream_unreachable || why == reason::busy || why == reason::draining;
    return read && says_unsent ? error_code(reason::upstream_incomplete) : why;
}

bool is_relayed(int status, status_policy on_status) noexcept {
    const bool success = status >= 200 && status < 300;
    return success || (status != 0 && on_status == status_policy::relay);
}

bool ends_upload(int status, status_policy on_status, bool request_is_whole) noexcept {
    return status != 0 && !request_is_whole && !is_relayed(status, on_status);
}

} // namespace finpost::detail
