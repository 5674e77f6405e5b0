#include "session.hpp"

#include "policy/buffer_budget.hpp"
#include "receive.hpp"
#include "reply.hpp"

#include "finpost/base64.hpp"
#include "finpost/metrics.hpp"

#include <algorithm>
#include <array>
#include <exception>

namespace asio = boost::asio;

namespace finpost {

namespace {

double milliseconds(watchdog::clock::duration span) {
    return std::chrono::duration<double, std::milli>(span).count();
}

} // namespace

asio::awaitable<void> serve(std::shared_ptr<const session_context> context,
                            asio::any_io_executor strand, accepted_client client) {
    session one(*context, strand, std::move(client));
    co_await one.run();
}

session::session(const session_context& context, asio::any_io_executor strand,
                 accepted_client client)
    : context_(context), client_(std::move(client)), dog_(&context.gate),
      socket_(strand, client_.fd.release(), client_.peer.is_v6()), id_(request_id::generate()),
      payload_(&context.budget), answer_(reason::internal), received_at_(client_.at),
      answered_at_(client_.at), pass_(context.gate, strand, *this) {
    client_.announced.release();
}

session::~session() {
    close();
    // Before the gate counts one session less: whoever waits for the last one to end, and then drops
    // the counters, finds every buffer given back.
    payload_ = payload();
    answer_ = reply(reason::internal);
}

asio::awaitable<void> session::run() {
    if (admitted()) {
        error_code ended = co_await receive(socket_, payload_, context_.config, dog_);
        received(ended);
    }
    decode();
    if (undecided()) co_await handle();
    encode();
    if (!send_reply_at_once()) co_await send_rest_of_reply();
    if (outcome_ == outcome::refused) co_await send_refusal();
    close();
}

bool session::admitted() {
    if (context_.log.enabled(log_level::debug)) {
        const std::string peer = to_string(client_.peer);
        const std::string local = to_string(client_.local);
        context_.log(log_level::debug, "accepted",
                     {{"id", id_.text()}, {"family", client_.peer.is_v6() ? "AF_INET6" : "AF_INET"},
                      {"type", "SOCK_STREAM"}, {"local", local}, {"remote", peer}});
    }
    if (client_.refusal) refuse(*client_.refusal);
    return undecided();
}

void session::received(error_code ended) {
    received_ = payload_.size();
    received_at_ = watchdog::clock::now();
    eof_ = !ended;
    context_.counters.payload_bytes.add(received_);
    const bool refusable = ended.category() == reason_category();
    if (received_ == 0 && (!ended || !refusable || ended == reason::receive_timeout))
        outcome_ = outcome::probe;
    else if (refusable && ended)
        refuse(to_reason(ended));
    else if (ended)
        abort("aborted_read");
}

void session::decode() {
    if (!undecided() || context_.config.decode == codec::none) return;
    const auto decoded = base64::decode(payload_.bytes(), payload_.data());
    if (decoded.error) {
        context_.log(log_level::debug, "bad encoding",
                     {{"id", id_.text()}, {"cause", decoded.error->cause},
                      {"offset", static_cast<std::int64_t>(decoded.error->offset)}});
        return refuse(reason::bad_encoding);
    }
    payload_.truncate(decoded.size);
    if (payload_.empty()) refuse(reason::empty);
}

asio::awaitable<void> session::handle() {
    if (context_.config.on_client_reset == client_reset_policy::cancel) watch_for_reset();
    request asked(std::move(payload_), client_.peer, client_.local, id_, dog_);
    try {
        dog_.rest(); // the handler says itself how long it may take
        reply given = co_await context_.answer(std::move(asked));
        answer_ = std::move(given);
    } catch (const std::exception& bug) {
        context_.log(log_level::error, "handler failed", {{"id", id_.text()}, {"what", bug.what()}});
    } catch (...) {
        context_.log(log_level::error, "handler failed", {{"id", id_.text()}, {"what", "unknown"}});
    }
    dog_.rest();
    if (reset_watch_) *reset_watch_ = nullptr;
    answered_at_ = watchdog::clock::now();
    context_.counters.upstream_seconds.record(answered_at_ - received_at_);
    if (client_gone_) abort("aborted_handle");
    else if (answer_.refused()) refuse(answer_.why());
}

void session::encode() {
    if (!undecided() || context_.config.encode == codec::none) return;
    payload text(&context_.budget);
    const std::size_t size = base64::encoded_size(answer_.bytes().size());
    if (!text.reserve(size)) return refuse(reason::busy);
    text.commit(base64::encode(answer_.bytes().bytes(), reinterpret_cast<char*>(text.room().data())));
    answer_.bytes() = std::move(text);
}

// True when nothing is left to send: nearly every reply fits into the kernel's buffer.
bool session::send_reply_at_once() {
    if (!undecided()) return true;
    const error_code failed = write_at_once(socket_, answer_.bytes().bytes(), written_);
    if (failed == asio::error::would_block) return false;
    replied(failed);
    return true;
}

asio::awaitable<void> session::send_rest_of_reply() {
    const auto data = answer_.bytes().bytes();
    const duration total = context_.config.reply_total;
    error_code failed = co_await write_all(socket_, data, total, dog_, written_);
    replied(failed);
}

void session::replied(error_code failed) {
    context_.counters.reply_bytes.add(written_);
    if (!failed) {
        outcome_ = outcome::replied;
    } else if (failed.category() != reason_category()) {
        client_gone_ = true;
        abort("aborted_reply");
    } else if (dog_.stopped() && written_ == 0) {
        refuse(reason::draining); // not a byte of the answer is out: a refusal can still be read
    } else {
        abort("aborted_reply"); // a cut reply must not look complete
    }
}

asio::awaitable<void> session::send_refusal() {
    if (context_.config.on_refusal == refusal_style::reset) co_return;
    if (context_.config.on_refusal == refusal_style::line) {
        const std::string line = refusal_line(why_, id_);
        const auto data = std::as_bytes(std::span(line));
        error_code failed = co_await write_all(socket_, data, context_.config.linger, dog_, written_);
        client_gone_ = client_gone_ || (failed && failed.category() != reason_category());
    }
    record(); // what is drained now changes nothing any more
    if (eof_ || client_gone_) co_return;
    socket_.shutdown_send();
    co_await drain_input(socket_, context_.config.linger, dog_);
}

void session::close() noexcept {
    record();
    const bool cut = outcome_ == outcome::aborted || outcome_ == outcome::none;
    const bool rude = outcome_ == outcome::refused &&
                      context_.config.on_refusal == refusal_style::reset;
    if (cut || rude) socket_.reset();
    else socket_.close(); // after the EOF everything was read, so this is a FIN
}

void session::refuse(reason why) {
    outcome_ = outcome::refused;
    why_ = why;
    // Give the buffers back at once: nothing of them is sent any more.
    payload_ = payload(&context_.budget);
    answer_.bytes() = payload(&context_.budget);
}

void session::abort(std::string_view why) {
    outcome_ = outcome::aborted;
    aborted_why_ = why;
}

void session::on_drain() {
    if (!eof_ && payload_.empty() && outcome_ == outcome::none) dog_.stop(reason::draining);
}

void session::watch_for_reset() {
    reset_watch_ = std::make_shared<session*>(this);
    socket_.when_reset([watch = reset_watch_](error_code ec) {
        session* self = *watch;
        if (ec || self == nullptr) return;
        self->client_gone_ = true;
        self->dog_.stop(reason::internal);
    });
}

// Before the client can see the end, so that whoever has read a reply finds it counted and logged.
void session::record() noexcept {
    if (recorded_) return;
    recorded_ = true;
    metrics& counters = context_.counters;
    if (client_gone_) counters.client_gone.add();
    if (outcome_ != outcome::probe)
        counters.exchange_seconds.record(watchdog::clock::now() - client_.at);
    switch (outcome_) {
    case outcome::probe: counters.probes.add(); break;
    case outcome::replied: counters.replied.add(); break;
    case outcome::aborted: counters.aborted.add(); break;
    case outcome::none: // an exception cut the session: refused by a RST
    case outcome::refused: counters.refused_for(why_).add(); break;
    }
    try {
        if (outcome_ != outcome::probe) return write_access_line();
        if (context_.log.enabled(log_level::debug)) {
            const std::string peer = to_string(client_.peer);
            context_.log(log_level::debug, "probe", {{"peer", peer}});
        }
    } catch (...) {
        // No memory for a log line: the counters tell.
    }
}

std::string_view session::outcome_word() const noexcept {
    switch (outcome_) {
    case outcome::replied: return "replied";
    case outcome::aborted: return "aborted";
    case outcome::probe: return "probe";
    case outcome::none:
    case outcome::refused: break;
    }
    return "refused";
}

void session::write_access_line() {
    const access_log wanted = context_.config.access_log;
    const bool refused = outcome_ == outcome::refused || outcome_ == outcome::none;
    if (wanted == access_log::off || (wanted == access_log::refused && !refused)) return;
    if (!context_.log.enabled(log_level::info)) return;
    const auto now = watchdog::clock::now();
    const auto received = std::max(received_at_, client_.at);
    const auto answered = std::max(answered_at_, received);
    const std::string peer = to_string(client_.peer);
    const std::array<log_field, 12> fields{{
        {"id", id_.text()},
        {"peer", peer},
        {"bytes_in", static_cast<std::int64_t>(received_)},
        {"bytes_out", static_cast<std::int64_t>(written_)},
        {"outcome", outcome_word()},
        {"reason", refused ? to_string(why_) : aborted_why_},
        {"upstream", std::string_view(answer_.upstream())},
        {"status", static_cast<std::int64_t>(answer_.status())},
        {"receive_ms", milliseconds(received - client_.at)},
        {"upstream_ms", milliseconds(answered - received)},
        {"reply_ms", milliseconds(now - answered)},
        {"client_gone", client_gone_},
    }};
    context_.log(log_level::info, "exchange", fields);
}

} // namespace finpost
