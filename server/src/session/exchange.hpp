#pragma once

#include "net/client_socket.hpp"
#include "policy/buffer_budget.hpp"
#include "reply_format/reply_forms.hpp"
#include "session/accepted_client.hpp"
#include "session/outcome.hpp"
#include "session/payload_input.hpp"
#include "session/reply_writer.hpp"
#include "session/session_context.hpp"
#include "session/upload.hpp"
#include "single_writer_counter.hpp"

#include "finpost/exchange_deadline.hpp"
#include "finpost/handler.hpp"
#include "finpost/payload.hpp"
#include "finpost/request_id.hpp"
#include "finpost/session_view.hpp"

#include <boost/asio/awaitable.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace finpost::detail {

class client_stream;

/// One payload and its reply, on a connection that is ready for it. The session makes it, runs it,
/// and ends the connection as `result()` says, or makes the next one. Belongs to the session's
/// strand; `view` may be called from any thread.
class exchange final : public frame_watcher {
public:
    /// `before`: how many there were on the connection. It needs no memory.
    exchange(const session_context& context, const accepted_client& client, client_socket& socket,
             payload_input& input, exchange_deadline& deadline, const request_id& id,
             std::uint64_t before) noexcept;
    exchange(const exchange&) = delete;
    exchange& operator=(const exchange&) = delete;

    /// Receives, decodes, calls the handler, encodes and replies; or streams all of it.
    boost::asio::awaitable<void> run();

    outcome& result() noexcept { return outcome_; }
    const request_id& id() const noexcept { return id_; }
    /// Nothing of the payload has come, nor of its frame.
    bool is_idle() const noexcept {
        return input_.frames() ? !input_.begun() : received_.value() == 0;
    }
    /// How many there were before on the connection.
    std::uint64_t before() const noexcept { return before_; }
    single_writer_counter& written() noexcept { return written_; }
    /// What its client reads in place of an answer, before its frame; nothing where it has asked
    /// for nothing. Throws std::bad_alloc.
    std::optional<std::string> refusal() const;

    void enter(session_stage stage) noexcept { stage_.store(stage, std::memory_order_relaxed); }
    /// The preamble is over: the payload's time begins.
    void begin_receive() noexcept;
    void note_reset() noexcept;
    /// Counts and logs it, once: before the connection ends. Over TLS the close_notify may be out.
    void record() noexcept;
    /// Counts and logs it, and gives back every buffer.
    void finish() noexcept;
    session_view view(exchange_deadline::clock::time_point now) const noexcept;

private:
    void frame_begun() override;
    void received(error_code ended, upload& coming);
    void decode();
    void read_header();
    void read_beginning();
    void form_answer();
    void form_reply();
    void form_receipt();
    reply_facts facts(reply_kind kind, std::string_view peer_ip) const;
    void refuse(reason why);
    void release() noexcept;
    boost::asio::awaitable<void> handle();
    boost::asio::awaitable<void> stream(upload& begun);
    void streamed(const client_stream& client, bool follows);
    void stream_eof();
    request make_request(payload body, bool streamed) const;
    void watch_for_reset();
    bool write_reply_at_once();
    void unwritable(error_code why);
    boost::asio::awaitable<void> write_rest_of_reply();
    void replied(error_code failed);

    const session_context& context_;
    const accepted_client& client_;
    client_socket& socket_;
    payload_input& input_;
    exchange_deadline& deadline_;
    const std::uint64_t before_;
    const exchange_deadline::clock::time_point made_at_;
    const request_id id_;
    outcome outcome_;
    std::optional<growth_ticket> growth_ticket_; // a stream's buffers were taken by way of it
    payload payload_;
    std::unique_ptr<hl7_header> message_; // the payload's header, where that is HL7
    reply reply_;
    std::optional<reply_writer> writer_;
    bool wordless_ = false; // the client has asked for no receipt
    bool recorded_ = false;
    bool between_frames_ = false; // and counted so
    bool sampled_;                // whether its trace is sampled
    std::atomic<session_stage> stage_{session_stage::receive};
    single_writer_counter received_, written_;
    exchange_deadline::clock::time_point began_at_, received_at_, answered_at_;
};

} // namespace finpost::detail
