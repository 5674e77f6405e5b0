#pragma once

#include "upstream/exchange_rules.hpp"
#include "upstream/response_guard.hpp"
#include "upstream/upstream_connector.hpp"

#include "finpost/handler.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <string>

namespace finpost::detail {

class head_opening;

/// One exchange with an upstream whose payload is held: it may be made again on another connection.
/// The request goes out in one gathered write where the kernel takes it, the response is kept
/// whole.
class buffered_exchange {
public:
    /// Request and attempt outlive it.
    buffered_exchange(request& request, upstream_attempt& attempt, bool over_tls) noexcept
        : request_(request), attempt_(attempt), over_tls_(over_tls) {}

    /// Sends the request on the attempt's connection and reads the response. Success is a complete
    /// response. An error is what the guard says, the deadline's, `upstream_incomplete`,
    /// `upstream_unreachable` (our certificate is rejected), `busy` (no memory for the response in
    /// time), or `spill_failed`.
    boost::asio::awaitable<error_code> run(const head_opening& opening, response_guard& guard);

    const exchange_progress& progress() const noexcept { return progress_; }
    /// Whether the connection was a kept one, and the payload is still here.
    bool may_repeat() const noexcept { return may_repeat_; }

private:
    using clock = exchange_deadline::clock;

    void prepare(const head_opening& opening);
    error_code send_some();
    error_code file_failed(error_code why) const;
    boost::asio::awaitable<error_code> send_rest();
    boost::asio::awaitable<error_code> read_response(response_guard& guard);
    response_guard::state read_some(response_guard& guard);
    void release_answered_payload(const response_guard& guard);
    upstream_stream& stream() { return attempt_.stream(); }

    request& request_;
    upstream_attempt& attempt_;
    const bool over_tls_;
    bool may_repeat_ = false;
    exchange_progress progress_;
    std::string head_;        // of the request
    std::size_t in_head_ = 0; // of the body: goes out with the head in one record
    std::size_t sent_ = 0;    // of head and body
};

} // namespace finpost::detail
