#pragma once

#include "queue/postgres/statement.hpp"

#include "finpost/result.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace finpost::detail {

/// What statements were answered with, one after another.
struct postgres_outcome {
    /// The connection is gone: what was not answered was done or not, nobody knows.
    bool lost = false;
    /// Why, in one line.
    std::string why = {};
    /// What the server warned of with the last answer; empty when it did not.
    std::string warning = {};
    std::vector<postgres_answer> answers = {};
};

/// A connection to one PostgreSQL, which blocks nobody. Held by shared_ptr; everything runs in its
/// sequence, one coroutine at a time, and throws std::bad_alloc.
class postgres_connection : public std::enable_shared_from_this<postgres_connection> {
public:
    using clock = std::chrono::steady_clock;
    using parameters = std::vector<std::pair<std::string, std::string>>;

    explicit postgres_connection(const boost::asio::any_io_executor& sequence);
    ~postgres_connection();
    postgres_connection(const postgres_connection&) = delete;
    postgres_connection& operator=(const postgres_connection&) = delete;

    /// Connects by libpq's parameters; `until` is the longest. A `host` that is a name needs a
    /// `hostaddr` beside it: libpq would look it up, and wait. Fails in words.
    boost::asio::awaitable<parsed<void>> open(const parameters& to, clock::time_point until);
    /// What is not answered by then has lost the connection; without a limit it waits.
    void set_limit(clock::time_point until);
    void clear_limit() { alarm_.cancel(); }
    /// An exchange that is under way loses the connection, for this reason.
    void give_up(std::string why) noexcept;
    /// Sends all of `what` at once and waits for the answers. Behind one that is refused nothing
    /// more is done.
    boost::asio::awaitable<void> exchange(const postgres_statements& what, postgres_outcome& out);
    /// Waits until `wake`, or until the connection is lost, which `out` says.
    boost::asio::awaitable<void> idle(postgres_outcome& out);
    void wake() noexcept;

    /// Where it is, or was, connected to: "db1.test:5432" or a socket's folder.
    const std::string& place() const noexcept { return place_; }
    /// The same in numbers, whatever name it was reached by.
    const std::string& address() const noexcept { return address_; }
    int server_version() const noexcept;
    bool is_open() const noexcept { return connection_ != nullptr; }

private:
    struct closer {
        void operator()(pg_conn* connection) const noexcept;
    };
    static void take_notice(void* self, const pg_result* notice) noexcept;

    void close() noexcept;
    bool follow_socket();
    void note_place();
    std::string failure(const char* otherwise) const;
    void lose(postgres_outcome& out);
    bool send(const postgres_statements& what);
    bool send(const postgres_statement& one, std::size_t& asked);
    bool is_prepared(const postgres_answer& answer);
    bool take_answers(postgres_outcome& out);

    boost::asio::posix::stream_descriptor socket_; // libpq's: released, never closed
    boost::asio::steady_timer alarm_;
    std::unique_ptr<pg_conn, closer> connection_;
    std::string warning_;
    std::string place_, address_;
    std::vector<std::string> prepared_;  // the texts of statements that the server knows by number
    std::vector<std::size_t> preparing_; // which of the answers are to their preparation
    std::size_t answered_ = 0;           // so many have come
    std::string given_up_;               // why
    bool late_ = false;
    bool woken_ = false;
};

} // namespace finpost::detail
