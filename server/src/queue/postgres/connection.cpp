#include "queue/postgres/connection.hpp"

#include "async/use_tuple_awaitable.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

namespace {

using descriptor = asio::posix::stream_descriptor;

constexpr std::size_t most_prepared = 8;

} // namespace

postgres_connection::postgres_connection(const asio::any_io_executor& sequence)
    : socket_(sequence), alarm_(sequence) {}

void postgres_connection::closer::operator()(pg_conn* connection) const noexcept {
    PQfinish(connection);
}

postgres_connection::~postgres_connection() { close(); }

void postgres_connection::close() noexcept {
    if (socket_.is_open()) socket_.release();
    connection_.reset();
    prepared_.clear();
}

// The last one since the last answer: with a COMMIT it says that this is not what it seems.
void postgres_connection::take_notice(void* self, const pg_result* notice) noexcept {
    const char* const severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity == nullptr || std::strcmp(severity, "WARNING") != 0) return;
    std::string& warning = static_cast<postgres_connection*>(self)->warning_;
    try {
        const char* const text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
        warning = one_line(text == nullptr ? "a warning" : text);
    } catch (const std::bad_alloc&) {
        warning = "a warning"; // needs no memory
    }
}

// While it connects, libpq opens one socket after another.
bool postgres_connection::follow_socket() {
    const int now = PQsocket(connection_.get());
    if (now < 0) return false;
    error_code failed;
    socket_.assign(now, failed);
    return !failed;
}

void postgres_connection::set_limit(clock::time_point until) {
    late_ = false;
    alarm_.expires_at(until);
    alarm_.async_wait([weak = weak_from_this()](const error_code& ec) {
        const auto self = weak.lock();
        if (ec || !self) return;
        self->late_ = true;
        error_code ignored;
        if (self->socket_.is_open()) self->socket_.cancel(ignored);
    });
}

void postgres_connection::give_up(std::string why) noexcept {
    given_up_ = std::move(why);
    error_code ignored;
    if (socket_.is_open()) socket_.cancel(ignored);
}

std::string postgres_connection::failure(const char* otherwise) const {
    if (!given_up_.empty()) return given_up_;
    if (late_) return "no answer in time";
    const char* const text = connection_ ? PQerrorMessage(connection_.get()) : "";
    return one_line(*text == '\0' ? otherwise : text);
}

asio::awaitable<parsed<void>> postgres_connection::open(const parameters& to,
                                                        clock::time_point until) {
    close();
    std::vector<const char*> keywords, values;
    for (const auto& [keyword, value] : to) {
        keywords.push_back(keyword.c_str());
        values.push_back(value.c_str());
    }
    keywords.push_back(nullptr);
    values.push_back(nullptr);
    connection_.reset(PQconnectStartParams(keywords.data(), values.data(), 0));
    if (!connection_) throw std::bad_alloc();
    PQsetNoticeReceiver(connection_.get(), &postgres_connection::take_notice, this);
    set_limit(until);
    auto next = PQstatus(connection_.get()) == CONNECTION_BAD ? PGRES_POLLING_FAILED
                                                              : PGRES_POLLING_WRITING;
    while (next == PGRES_POLLING_READING || next == PGRES_POLLING_WRITING) {
        if (!follow_socket()) break;
        const auto what =
            next == PGRES_POLLING_READING ? descriptor::wait_read : descriptor::wait_write;
        auto [ec] = co_await socket_.async_wait(what, use_tuple_awaitable);
        static_cast<void>(ec); // of the socket libpq knows more
        socket_.release();
        if (late_) break;
        next = PQconnectPoll(connection_.get());
    }
    clear_limit();
    if (late_) co_return parse_error{failure("")};
    if (next != PGRES_POLLING_OK || !follow_socket())
        co_return parse_error{failure("it cannot be reached")};
    const bool ready =
        PQsetnonblocking(connection_.get(), 1) == 0 && PQenterPipelineMode(connection_.get()) == 1;
    if (!ready) co_return parse_error{failure("no memory")};
    note_place();
    co_return parsed<void>();
}

void postgres_connection::lose(postgres_outcome& out) {
    out.lost = true;
    out.why = failure("the connection is lost");
    close();
}

bool postgres_connection::send(const postgres_statements& what) {
    preparing_.clear();
    answered_ = 0;
    std::size_t asked = 0;
    for (const postgres_statement& each : what)
        if (!send(each, asked)) return false;
    return PQpipelineSync(connection_.get()) == 1;
}

bool postgres_connection::send(const postgres_statement& one, std::size_t& asked) {
    ++asked;
    const auto known = std::find(prepared_.begin(), prepared_.end(), one.sql());
    const bool is_new = known == prepared_.end();
    if (!one.keeps_plan() || (is_new && prepared_.size() == most_prepared))
        return one.send(connection_.get());
    const std::string name = "finpost" + std::to_string(known - prepared_.begin());
    if (is_new) {
        prepared_.push_back(one.sql());
        preparing_.push_back(asked++ - 1);
        if (!one.prepare(connection_.get(), name.c_str())) return false;
    }
    return one.send(connection_.get(), name.c_str());
}

// Behind what was refused nothing is prepared.
bool postgres_connection::is_prepared(const postgres_answer& answer) {
    const auto found = std::find(preparing_.begin(), preparing_.end(), answered_++);
    if (found == preparing_.end()) return false;
    if (answer.good()) return true;
    prepared_.resize(prepared_.size() - static_cast<std::size_t>(preparing_.end() - found));
    preparing_.erase(found, preparing_.end());
    return false;
}

// Whether the last one is there, or no more will come.
bool postgres_connection::take_answers(postgres_outcome& out) {
    int nothing = 0; // in a row: one stands behind each answer
    while (nothing < 3) {
        if (PQstatus(connection_.get()) == CONNECTION_BAD) break;
        if (PQisBusy(connection_.get()) != 0) return false;
        PGresult* const next = PQgetResult(connection_.get());
        nothing = next == nullptr ? nothing + 1 : 0;
        if (next == nullptr) continue;
        if (PQresultStatus(next) == PGRES_PIPELINE_SYNC) {
            PQclear(next);
            return true;
        }
        postgres_answer answer(next);
        if (is_prepared(answer)) continue;
        out.answers.push_back(std::move(answer));
        out.warning = std::exchange(warning_, {});
    }
    lose(out);
    return true;
}

asio::awaitable<void> postgres_connection::exchange(const postgres_statements& what,
                                                    postgres_outcome& out) {
    out = postgres_outcome();
    out.answers.reserve(what.size() + 1);
    warning_.clear();
    if (!connection_ || !send(what)) {
        lose(out);
        co_return;
    }
    for (int left = 1; left != 0;) {
        left = PQflush(connection_.get());
        if (left == 0) break;
        error_code failed;
        if (left > 0) {
            // Answers are short until all was sent: the server does not wait for us to read.
            auto [ec] = co_await socket_.async_wait(descriptor::wait_write, use_tuple_awaitable);
            failed = ec;
        }
        if (left < 0 || failed || !given_up_.empty()) {
            lose(out);
            co_return;
        }
    }
    while (!take_answers(out)) {
        auto [ec] = co_await socket_.async_wait(descriptor::wait_read, use_tuple_awaitable);
        if (ec || !given_up_.empty() || PQconsumeInput(connection_.get()) == 0) {
            lose(out);
            co_return;
        }
    }
}

asio::awaitable<void> postgres_connection::idle(postgres_outcome& out) {
    out = postgres_outcome();
    woken_ = false;
    while (!woken_) {
        auto [ec] = co_await socket_.async_wait(descriptor::wait_read, use_tuple_awaitable);
        if (woken_) co_return;
        // Unasked a server sends notices and settings, or says that it goes.
        if (ec || PQconsumeInput(connection_.get()) == 0) {
            lose(out);
            co_return;
        }
        PQisBusy(connection_.get());
        if (PQstatus(connection_.get()) == CONNECTION_BAD) {
            lose(out);
            co_return;
        }
    }
}

void postgres_connection::wake() noexcept {
    woken_ = true;
    error_code ignored;
    if (socket_.is_open()) socket_.cancel(ignored);
}

void postgres_connection::note_place() {
    const char* const host = PQhost(connection_.get());
    if (host == nullptr) return;
    place_ = host;
    if (*host != '/') (place_ += ':') += PQport(connection_.get());
    const char* const address = PQhostaddr(connection_.get());
    address_ = address == nullptr || *address == '\0'
                   ? place_
                   : std::string(address) + ':' + PQport(connection_.get());
}

int postgres_connection::server_version() const noexcept {
    return PQserverVersion(connection_.get());
}

} // namespace finpost::detail
