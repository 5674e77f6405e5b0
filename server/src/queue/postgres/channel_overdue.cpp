// An answer that is overdue: whether another server has taken over meanwhile.
#include "async/report_bug.hpp"
#include "queue/postgres/channel.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>

#include <new>
#include <string>
#include <utility>

namespace asio = boost::asio;

namespace finpost::detail {

void postgres_channel::expect_answer() noexcept {
    overdue_->set(clock::now() + patience_of(*settings_));
}

// The clock rings outside the sequence.
void postgres_channel::post_look() noexcept {
    try {
        asio::post(sequence_, [self = shared_from_this()] { self->look(); });
    } catch (const std::bad_alloc&) {
        expect_answer();
    }
}

void postgres_channel::look() noexcept {
    if (!sent_ || !connection_ || looking_) return;
    looking_ = true;
    try {
        asio::co_spawn(sequence_, look_elsewhere(shared_from_this(), connection_), report_bug);
    } catch (const std::bad_alloc&) {
        looking_ = false;
        expect_answer();
    }
}

// A server that hangs keeps its TCP connection. It is left only for another one that takes writes:
// where there is none it may be waiting for a standby, and each new connection would leave one more
// backend that waits.
asio::awaitable<void> postgres_channel::look_elsewhere(std::shared_ptr<postgres_channel> /*self*/,
                                                       std::shared_ptr<postgres_connection> slow) {
    std::string why; // to leave it
    try {
        const postgres_settings in_order = settings_with_last(slow->place());
        postgres_server server;
        auto made = co_await connect_postgres(sequence_, in_order, needed_tables::all, server);
        if (made && (*made)->address() != slow->address())
            why = "no answer, and " + (*made)->place() + " takes writes";
    } catch (const std::bad_alloc&) {
        why.clear();
    }
    looking_ = false;
    if (slow != connection_ || !sent_) co_return;
    if (why.empty())
        expect_answer();
    else
        slow->give_up(std::move(why));
}

} // namespace finpost::detail
