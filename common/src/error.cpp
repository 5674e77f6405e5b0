#include "finpost/error.hpp"

#include "quoted.hpp"
#include "suggestion.hpp"

#include <boost/system/errc.hpp>
#include <boost/throw_exception.hpp>

#include <stdexcept>
#include <string>
#include <vector>

namespace finpost {

using namespace detail;

namespace {

struct wording {
    reason value;
    std::string_view word;     // stable: scripts and dashboards compare it
    std::string_view sentence; // for people: may be improved at any time
    // What a program may compare with in place of the reason; `success`, which no error is, for
    // those that no system error means the same as.
    boost::system::errc::errc_t condition = boost::system::errc::success;
};

namespace errc = boost::system::errc;

constexpr std::array<wording, all_reasons.size()> wordings{{
    {reason::empty, "empty", "nothing is left of the payload after decoding"},
    {reason::too_large, "too_large", "the payload is larger than the limit", errc::message_size},
    {reason::bad_encoding, "bad_encoding", "the payload is not validly encoded",
     errc::illegal_byte_sequence},
    {reason::receive_timeout, "receive_timeout", "the payload did not end within the time limit",
     errc::timed_out},
    {reason::too_slow, "too_slow", "the payload came slower than the minimum rate"},
    {reason::busy, "busy", "a limit on connections or buffers was reached",
     errc::resource_unavailable_try_again},
    {reason::denied, "denied", "the client's address is not allowed", errc::permission_denied},
    {reason::tls_handshake, "tls_handshake", "the TLS handshake failed"},
    {reason::tls_truncated, "tls_truncated", "the TLS connection ended without close_notify"},
    {reason::proxy_protocol, "proxy_protocol", "the PROXY header is missing or malformed",
     errc::protocol_error},
    {reason::foreign, "foreign", "the payload is an HTTP request or a TLS ClientHello"},
    {reason::incomplete_frame, "incomplete_frame", "the connection ended within a frame"},
    {reason::bad_frame, "bad_frame", "the bytes are not a frame of the expected kind"},
    {reason::upstream_unreachable, "upstream_unreachable", "no connection to the upstream",
     errc::host_unreachable},
    {reason::upstream_timeout, "upstream_timeout",
     "the upstream gave no complete response within the time limit", errc::timed_out},
    {reason::upstream_status, "upstream_status", "the upstream answered with an error status"},
    {reason::upstream_invalid, "upstream_invalid",
     "the upstream's response is not acceptable HTTP/1.1", errc::protocol_error},
    {reason::upstream_incomplete, "upstream_incomplete",
     "the request was sent, and no complete response came"},
    {reason::reply_too_large, "reply_too_large", "the reply is larger than the limit",
     errc::message_size},
    {reason::reply_unframeable, "reply_unframeable", "the reply does not fit into its frame"},
    {reason::spill_failed, "spill_failed", "the payload could not be kept on disk", errc::io_error},
    {reason::queue_full, "queue_full", "the queue has no room", errc::no_space_on_device},
    {reason::queue_failed, "queue_failed", "the payload may not be stored", errc::io_error},
    {reason::draining, "draining", "the gateway is stopping"},
    {reason::internal, "internal", "a failure inside the gateway"},
}};

// The enumerators count from 1 in the order of both tables, so that a value is an index.
constexpr bool in_order() {
    for (std::size_t i = 0; i < wordings.size(); ++i) {
        if (wordings[i].value != all_reasons[i]) return false;
        if (static_cast<std::size_t>(wordings[i].value) != i + 1) return false;
    }
    return true;
}
static_assert(in_order());

constexpr bool known(int value) noexcept {
    return value >= 1 && static_cast<std::size_t>(value) <= wordings.size();
}

// A value cast from a number that names no reason reads as `internal` instead of past the table.
constexpr const wording& find(int value) noexcept {
    return known(value) ? wordings[static_cast<std::size_t>(value) - 1] : wordings.back();
}

class category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "finpost"; }
    std::string message(int value) const override { return std::string(find(value).sentence); }
    // Without a copy of its own the base class would truncate into the buffer all the same; this
    // one needs no allocation where an error is only logged.
    const char* message(int value, char*, std::size_t) const noexcept override {
        return find(value).sentence.data();
    }
    boost::system::error_condition default_error_condition(int value) const noexcept override {
        const auto condition = known(value) ? find(value).condition : errc::success;
        if (condition == errc::success) return {value, *this};
        return errc::make_error_condition(condition);
    }
};

} // namespace

std::string_view to_string(reason value) noexcept { return find(static_cast<int>(value)).word; }

parsed<reason> parse_reason(std::string_view word) {
    std::vector<std::string> known;
    for (const wording& each : wordings) {
        if (each.word == word) return each.value;
        known.emplace_back(each.word);
    }
    return parse_error{in_quotes(word) + " is not a reason" + suggestion(word, known)};
}

const boost::system::error_category& reason_category() noexcept {
    static const category instance;
    return instance;
}

boost::system::error_code make_error_code(reason value) noexcept {
    return {static_cast<int>(value), reason_category()};
}

reason to_reason(const boost::system::error_code& code) noexcept {
    if (code.category() != reason_category() || !known(code.value())) return reason::internal;
    return static_cast<reason>(code.value());
}

void throw_exception_from_error(const parse_error& error, const boost::source_location& where) {
    boost::throw_exception(std::logic_error(error.message), where);
}

} // namespace finpost
