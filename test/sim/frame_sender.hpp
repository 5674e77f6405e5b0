// What a client of a framed listener does while it sends.
#pragma once

#include "sim/connection.hpp"
#include "sim/history.hpp"

#include <cstddef>
#include <cstdint>

namespace finpost::sim {

/// Sends frames, and reads whenever it cannot go on: its script performs what it says.
class frame_sender {
public:
    struct step {
        enum class action { wait, sleep, over } what = action::over;
        nanos span = 0;
    };

    /// Of what the client sends, the first `stop_at` bytes.
    frame_sender(history& all, client_history& me, connection& line, std::size_t stop_at);

    /// What to do before it is asked again.
    step next();
    /// The connection is gone.
    bool broken() const { return broken_; }
    /// Whether something was there.
    bool read_some();

private:
    bool waits_for_answer();
    bool has_answer() const;
    std::size_t size_of_piece();
    void sent(std::size_t n);

    history& all_;
    client_history& me_;
    const client_plan& mine_;
    connection& line_;
    const std::size_t stop_at_;
    rng dice_;
    std::uint64_t frame_ = 0; // that is being sent
    std::size_t stop_ = 0;    // that comes next
    bool awaits_ = false, pauses_ = false, looks_ = false, broken_ = false;
    std::size_t read_before_ = 0;
    nanos waits_until_ = 0;
};

} // namespace finpost::sim
