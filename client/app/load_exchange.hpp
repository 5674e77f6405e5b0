#pragma once

#include "load_payload.hpp"

#include "finpost/error.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace finpost {

/// How an exchange ended.
enum class load_outcome {
    ok,
    refused,       ///< a refusal line came; `load_exchange::why` says which
    not_connected, ///< no connection could be made
    timed_out,     ///< `--timeout` passed
    reset,         ///< the connection was reset before the reply was complete
    cut_short,     ///< EOF before all of the reply
    wrong_reply,   ///< the reply is not the payload
    no_resources,  ///< no descriptor, port or memory on this side
};

inline constexpr std::array all_load_outcomes{
    load_outcome::ok,          load_outcome::refused,      load_outcome::not_connected,
    load_outcome::timed_out,   load_outcome::reset,        load_outcome::cut_short,
    load_outcome::wrong_reply, load_outcome::no_resources,
};

/// "ok", "not_connected", ...
std::string_view to_string(load_outcome outcome) noexcept;

/// One client: connect, send, half-close, read to EOF, close. It never waits: `start` and `advance`
/// do what the socket allows now and return how it ended once it has.
class load_exchange {
public:
    using clock = std::chrono::steady_clock;

    load_exchange() = default;
    ~load_exchange() { close(); }
    load_exchange(const load_exchange&) = delete;
    load_exchange& operator=(const load_exchange&) = delete;

    /// Takes over `fd`, a connection just begun, and sends payload number `n`. `since` is what the
    /// latency counts from, `now` what the timeout counts from.
    std::optional<load_outcome> start(int fd, const load_payloads& payloads, std::uint64_t n,
                                      clock::time_point since, clock::time_point now);

    /// Something happened on the socket. `buffer` is scratch; `ended` says that the peer's FIN is
    /// known to be there, which saves the read that would find it out.
    std::optional<load_outcome> advance(const load_payloads& payloads, std::span<char> buffer,
                                        bool ended, bool verify);

    /// Closes the socket, whatever its state.
    void close() noexcept;

    int fd() const noexcept { return fd_; }
    bool connected() const noexcept { return sent_ > 0; }
    bool sending() const noexcept { return !half_closed_; }
    clock::time_point since() const noexcept { return since_; }
    clock::time_point started() const noexcept { return started_; }
    /// After `refused`.
    reason why() const noexcept { return why_; }

private:
    std::optional<load_outcome> send(const load_payloads& payloads);
    void keep_beginning(std::span<const char> data) noexcept;
    load_outcome judge(const load_payloads& payloads, bool verify, bool reset);
    bool read_refusal();

    int fd_ = -1;
    bool half_closed_ = false;
    bool wrong_ = false;
    std::uint8_t kept_ = 0;
    load_payloads::variant payload_{};
    std::size_t sent_ = 0;
    std::size_t received_ = 0;
    clock::time_point since_{};
    clock::time_point started_{};
    reason why_ = reason::internal;
    std::array<char, 96> beginning_{}; // of the reply: a refusal line is shorter than this
};

} // namespace finpost
