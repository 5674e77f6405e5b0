#pragma once

#include "load_frame.hpp"
#include "load_payload.hpp"
#include "load_replies.hpp"

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
    cut_short,     ///< EOF before all of the reply, or it is not framed as it should be
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

/// One client: connect, send, half-close, read to EOF, close. With a frame: connect, and as often
/// as the engine says send a frame and read one. It never waits: `connect`, `send` and `advance` do
/// what the socket allows now and return how the exchange ended once it has.
class load_exchange {
public:
    using clock = std::chrono::steady_clock;

    load_exchange() = default;
    ~load_exchange() { close(); }
    load_exchange(const load_exchange&) = delete;
    load_exchange& operator=(const load_exchange&) = delete;

    /// Payloads are frames from now on. Both outlive it.
    void use(const load_frame& frame, framed_replies& replies) noexcept;

    /// The next exchange, with payload number `n`. `since` is what the latency counts from, `now`
    /// what the timeout counts from. What follows is `connect`, or `send` where it is connected.
    void begin(const load_payloads& payloads, std::uint64_t n, clock::time_point since,
               clock::time_point now) noexcept;

    /// The same exchange over another connection: `connect` follows.
    void begin_again() noexcept;

    /// Takes over `fd`, a connection just begun, and sends the payload.
    std::optional<load_outcome> connect(int fd, const load_payloads& payloads);

    /// Sends what is left of it.
    std::optional<load_outcome> send(const load_payloads& payloads);

    /// Something happened on the socket. `buffer` is scratch; `ended` says that the peer's FIN is
    /// known to be there, which saves the read that would find it out.
    std::optional<load_outcome> advance(const load_payloads& payloads, std::span<char> buffer,
                                        bool ended, bool verify);

    /// The exchange has ended. Its connection is closed unless it is framed, fit for the next one
    /// and has had fewer than `most`.
    void end(std::uint64_t most) noexcept;

    /// Closes the socket, whatever its state.
    void close() noexcept;

    int fd() const noexcept { return fd_; }
    /// Between `begin` and `end`.
    bool running() const noexcept { return running_; }
    bool connected() const noexcept { return sent_ > 0 || served_ > 0; }
    bool sending() const noexcept { return !all_sent_; }
    /// It may come to wait for the socket while it sends, now or later on this connection.
    bool may_wait_to_send() const noexcept;
    clock::time_point since() const noexcept { return since_; }
    clock::time_point started() const noexcept { return started_; }
    /// After `refused`.
    reason why() const noexcept { return why_; }
    /// After `cut_short`: the connection had served before, and its end came without a byte of this
    /// reply. The peer may have ended it between two frames, when ours was on its way.
    bool ended_between() const noexcept { return ended_between_; }

private:
    void rewind() noexcept;
    load_outcome judge(const load_payloads& payloads, bool verify, bool reset);
    load_outcome judge_frame(const load_payloads& payloads, bool verify, bool ended);
    load_outcome judge_cut(bool reset);
    bool read_refusal();
    bool note_refusal(std::optional<reason> why) noexcept;

    int fd_ = -1;
    bool running_ = false;
    bool all_sent_ = false; // and, without a frame, half-closed
    bool wrong_ = false;
    bool between_ = false; // two frames: nothing of either is on its way
    bool over_ = false;    // the connection takes no further one
    bool ended_between_ = false;
    load_frame::check check_{};
    const load_frame* frame_ = nullptr;
    framed_replies* replies_ = nullptr; // where there is a frame
    std::uint64_t served_ = 0;          // by this connection
    load_payloads::variant payload_{};
    std::size_t sent_ = 0;
    clock::time_point since_{};
    clock::time_point started_{};
    reason why_ = reason::internal;
    reply_beginning reply_; // without a frame
};

} // namespace finpost
