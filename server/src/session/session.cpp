#include "session/session.hpp"

#include "policy/address_filter.hpp"
#include "session/exchange_log.hpp"
#include "session/reply.hpp"
#include "session/reply_writer.hpp"

#include <optional>
#include <span>
#include <string>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

asio::awaitable<void> serve(std::shared_ptr<const session_context> context,
                            asio::any_io_executor strand, accepted_client client) {
    session connection(*context, strand, client);
    log_accepted(*context, client, connection.exchange_->id());
    if (client.refusal) connection.result().refuse(*client.refusal);
    if (connection.result().undecided() && client.preamble) co_await connection.run_preamble();
    do {
        if (connection.result().undecided()) co_await connection.exchange_->run();
        const outcome::farewell farewell = connection.farewell();
        if (farewell != outcome::farewell::nothing) co_await connection.say(farewell);
    } while (connection.goes_on());
    connection.close();
}

session::session(const session_context& context, asio::any_io_executor strand,
                 accepted_client& client)
    : context_(context), client_(client), deadline_(&context.registry), socket_(strand, client.v6),
      input_(socket_, context.config, context.counters),
      exchange_(std::in_place, context, client, socket_, input_, deadline_, request_id::generate(),
                0),
      registration_(context.registry, strand, *this) {
    socket_.take(client_.socket.hand_over());
    client_.keeps_open.release();
    if (client_.preamble && client_.preamble->tls) result().expect_tls();
    if (!input_.frames()) return;
    exchange_->enter(session_stage::pause);
    socket_.stay(context.config.tcp_keepalive);
}

session::~session() {
    close();
    // Before the registry counts one session less: whoever waits for the last one to end, and then
    // drops the counters, finds every buffer given back.
    exchange_->finish();
}

// Whether there is another exchange: then it is made.
bool session::goes_on() {
    if (!result().keeps_connection()) return false;
    const std::uint64_t before = exchange_->before() + 1;
    const request_id id = request_id::generate();
    exchange_->finish();
    socket_.end_watch();
    input_.next();
    registration_.change(
        [&] { exchange_.emplace(context_, client_, socket_, input_, deadline_, id, before); });
    if (socket_.speaks_tls()) result().handshake_ended({false, true, false});
    return true;
}

asio::awaitable<void> session::run_preamble() {
    exchange_->enter(session_stage::handshake);
    preamble& preamble = *client_.preamble;
    error_code failed;
    if (preamble.header) {
        failed = co_await read_proxy_header(socket_, preamble, context_.config.proxy_protocol,
                                            deadline_);
        if (!failed) identify(*preamble.header);
    }
    if (!failed && result().undecided() && preamble.tls) {
        failed = co_await handshake(socket_, preamble, context_.config.tls_handshake, deadline_);
        result().handshake_ended({failed.failed(), preamble.begun, preamble.is_other});
        if (!failed) client_.tls_peer_name = socket_.peer_name();
    }
    if (failed) preamble_ended(failed);
    client_.preamble.reset(); // others may come in now
    exchange_->begin_receive();
}

// From here on the client is whom the proxy speaks for. Where it does not say whom, it stands for
// itself.
void session::identify(const proxy_parser& header) {
    if (header.whose() == proxy_parser::subject::proxy)
        return; // it only looks, and was let in by name
    if (header.whose() == proxy_parser::subject::client) {
        log_proxied(context_, header.source(), client_.peer, exchange_->id());
        registration_.change([&] {
            client_.peer = header.source();
            client_.local = header.destination();
        });
    }
    if (!context_.filter.admits(client_.peer))
        result().deny();
    else if (!context_.admits.admit_source(client_.permit, client_.peer))
        result().refuse(reason::busy);
}

void session::preamble_ended(error_code failed) {
    result().preamble_ended({failed, client_.preamble->begun});
    if (result().is() != outcome::kind::refused || failed == reason::draining) return;
    const bool header = failed == reason::proxy_protocol;
    std::string_view what = header ? client_.preamble->header->fault() : socket_.failure();
    if (client_.preamble->is_other) what = "the other side does not speak TLS";
    if (what.empty()) what = deadline_.error() ? "it took too long" : "it ended too early";
    log_handshake_failed(context_, client_.peer, exchange_->id(), result().why(), what);
}

outcome::farewell session::farewell() noexcept {
    if (deadline_.stopped()) result().is_last();
    return result().say(socket_.can_speak(), !socket_.failure().empty());
}

asio::awaitable<void> session::say(outcome::farewell what) {
    switch (what) {
    case outcome::farewell::line:
        co_await say_line();
        break;
    case outcome::farewell::http_ok:
        co_await say_http_ok();
        break;
    case outcome::farewell::alert:
        co_await say_alert();
        break;
    case outcome::farewell::wait:
        co_await give_time_to_read();
        break;
    case outcome::farewell::fin:
        if (result().is() == outcome::kind::refused) exchange_->enter(session_stage::refuse);
        co_await lingering_close();
        break;
    case outcome::farewell::nothing:
        break;
    }
}

asio::awaitable<void> session::say_line() {
    exchange_->enter(session_stage::refuse);
    const std::optional<std::string> line = exchange_->refusal();
    if (!line && input_.frames()) {
        co_await say_no_word();
        co_return;
    }
    const auto text = line ? framed(context_.config, *line) : std::nullopt;
    if (!text) { // a reset says that there is no answer
        if (exchange_->before() > 0) co_await give_time_to_read();
        co_return;
    }
    error_code failed = co_await write(*text);
    if (failed && failed.category() != reason_category()) exchange_->note_reset();
    result().farewell_sent(!failed); // a part of the line would be an answer
    if (!failed && !result().keeps_connection()) co_await lingering_close();
}

// Its client has asked for no word of a failure, and goes on. A FIN would be a word.
asio::awaitable<void> session::say_no_word() {
    result().farewell_sent(true);
    if (result().keeps_connection()) co_return;
    co_await give_time_to_read();
    result().farewell_sent(false);
}

// A health check by HTTP gets what it asks for.
asio::awaitable<void> session::say_http_ok() {
    exchange_->enter(session_stage::reply);
    exchange_->record();
    std::string text = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: "
                       "3\r\nConnection: close\r\n\r\n";
    if (!result().without_body()) text += "ok\n";
    error_code failed = co_await write(text);
    result().farewell_sent(!failed);
    if (!failed) co_await lingering_close();
}

// TLS could not be spoken with the client, or not any more. An alert says so, and a reset follows
// once it could be read. A FIN would tell those who do not understand the alert that this was all.
asio::awaitable<void> session::say_alert() {
    if (result().is() == outcome::kind::refused) exchange_->enter(session_stage::refuse);
    if (result().is() == outcome::kind::aborted) {
        log_tls_failed(context_, client_.peer, exchange_->id(), socket_.failure());
    }
    exchange_->record(); // before it reads an end
    socket_.send_alert();
    co_await give_time_to_read();
}

// A reset would overtake what was written.
asio::awaitable<void> session::give_time_to_read() {
    exchange_->record(); // what is drained now changes nothing any more
    socket_.end_tls();   // what it holds unread would end each wait at once
    co_await let_it_read(socket_, context_.config.lingering_close, deadline_);
}

asio::awaitable<error_code> session::write(std::string_view text) {
    const auto data = std::as_bytes(std::span(text));
    const write_limits limits(context_.config.lingering_close);
    const bool marks_end = !input_.frames(); // else `close` does
    error_code failed =
        co_await write_all(socket_, data, limits, deadline_, exchange_->written(), marks_end);
    co_return failed;
}

// Closing while the client is still sending would be a reset.
asio::awaitable<void> session::lingering_close() {
    exchange_->record(); // what is drained now changes nothing any more
    if (!result().lingers()) co_return;
    socket_.shutdown_send();
    co_await drain_input(socket_, context_.config.lingering_close, deadline_);
}

void session::close() noexcept {
    exchange_->record();
    client_.permit.leave_source(); // whoever sees the end may come again at once
    if (result().end() == outcome::ending::reset) return socket_.reset();
    // Input that was not read would make a reset of the FIN. After an EOF there is none.
    if (result().lingers()) static_cast<void>(socket_.discard_some());
    socket_.close();
}

void session::on_drain() {
    result().is_last();
    if (!result().eof_seen() && exchange_->is_idle() && result().undecided())
        deadline_.stop(reason::draining);
}

} // namespace finpost::detail
