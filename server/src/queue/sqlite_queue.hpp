#pragma once

#include "queue/payload_files.hpp"
#include "queue/queue_directory.hpp"
#include "queue/reserve_file.hpp"
#include "queue/sqlite.hpp"
#include "queue/sqlite_statements.hpp"

#include "finpost/logger.hpp"
#include "finpost/queue_error.hpp"
#include "finpost/queued_payload.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::detail {

struct sqlite_queue_options {
    std::uint64_t max_bytes = std::uint64_t{1} << 30; ///< of the bodies
    std::size_t file_above = 256 << 10;               ///< larger bodies are files
    bool ordered = false;                             ///< of a source one after another
    bool keep_order = false;                          ///< as the database is, if there is one
    /// No payload has to wait for longer: what seems to is due (a clock was set back meanwhile).
    std::chrono::milliseconds longest_wait = std::chrono::hours(24);
    /// How long a start may look for damaged pages. The pages themselves are looked at without a
    /// stop, 500 MB a second or so: larger databases are not.
    std::chrono::milliseconds check_for = std::chrono::seconds(1);
    std::uint64_t check_up_to = std::uint64_t{256} << 20;
    /// The log is moved into the database from so many pages on: 8 MiB.
    int long_log = 2'000;
    /// Pages that nobody uses and that are kept for what comes next.
    std::int64_t spare_pages = 4'096;
    std::function<queue_entry::time_point()> now; ///< never null
    logger log;
};

/// A queue in a SQLite database, done at once: the transactions and what happens in them. It knows
/// no threads. Whoever uses it begins a group, does some operations, commits. Every result is an
/// `error_code` of `queue_category`, which leaves the group as it was before the operation, or of
/// another category: the group cannot be committed then, and is rolled back.
///
/// Not thread safe. `directory` outlives it.
class sqlite_queue {
public:
    using milliseconds = std::chrono::milliseconds;

    enum class leases { release, keep };
    /// Opens or makes it, and puts right what an end in the middle has left behind. `release`: the
    /// process that held leases has ended. Fails in words.
    static parsed<std::unique_ptr<sqlite_queue>>
    open(const queue_directory& directory, const sqlite_queue_options& options, leases held);

    error_code begin();
    /// All of the group is on stable storage afterwards. Where it failed, `is_full` says that
    /// nothing of it is there, anything else that nobody knows.
    error_code commit();
    /// Nothing of the group has happened.
    void rollback();

    result<void> put(const std::vector<new_payload>& batch);
    result<claimed_payloads> claim(std::size_t most, milliseconds lease, const std::string& owner,
                                   const std::string& upstream);
    result<std::size_t> delivered(const std::vector<request_id>& ids);
    result<void> failed(const held_payload& held, milliseconds retry_in,
                        const attempt_failure& why);
    result<void> dead(const held_payload& held, const attempt_failure& why);
    result<std::vector<queue_entry>> list(const queue_filter& filter, queue_page page);
    result<std::optional<stored_payload>> show(const request_id& id);
    result<std::size_t> replay(const queue_filter& filter, queue_page page);
    result<std::size_t> drop(const queue_filter& filter, queue_page page);
    result<queue_stats> stats();

    /// How often a payload could not be read, for a reason that may pass. A group that has failed
    /// with it (`is_unread`) may be tried again: its claims pass that payload over.
    std::uint64_t unread() const noexcept { return times_unread_; }
    /// A group has failed with `is_unread`, and was rolled back. When that has gone on for two
    /// minutes, this is what calls for `salvage`, which does without what cannot be read.
    error_code page_unread(const error_code& why);

    /// After a group that met a damaged page (SQLITE_CORRUPT) and was rolled back: makes the
    /// database anew from what can be read of it, and keeps the old one beside it. Whether that was
    /// done, so that the group may be tried again.
    bool salvage();
    bool may_salvage() const noexcept; ///< it tries that three times

    /// The disk is full: from now on puts are refused, and the reserve is there for everything
    /// else, until there is room for it again.
    void disk_is_full();

    /// Between groups: moves a long log into the database. Fails as a commit does.
    error_code checkpoint_when_long();
    /// While there is nothing else to do: gives a part of what nobody uses back to the file system,
    /// and says whether there is more. Fails as a commit does.
    result<bool> give_back_space();
    /// Before a good end: empties the log.
    void finish();

private:
    // A payload that could not be read. The next time is not before `until`.
    struct unread_payload {
        int times = 0;
        std::int64_t until = 0;
        error_code why = {};
        bool row = false; // not even what is known of it
    };
    // What is needed to take a row out.
    struct stored_row {
        std::uint64_t sequence;
        std::uint64_t size;
        queue_state state;
        std::string peer;
        std::string file;
    };

    sqlite_queue(const queue_directory& directory, const sqlite_queue_options& options);

    parsed<void> start(leases held);
    error_code prepare(leases held);
    void remove_remains() const noexcept;
    parsed<void> make_anew();
    parsed<void> open_anew();
    error_code first_write(leases held);
    error_code settle_files();
    error_code set_aside_without_file(const std::set<std::string>& missing);
    error_code read_totals();
    void check_pages();

    std::int64_t now() const { return options_.now().time_since_epoch().count(); }
    bool has_room(std::uint64_t bytes);
    result<std::optional<payload_files::written>> write_file(const new_payload& from);
    error_code insert(const new_payload& from, const std::optional<payload_files::written>& file);
    void forget_new_files(std::size_t from);
    void count(queue_state state, std::int64_t payloads, std::int64_t bytes);

    result<stored_row> find(const request_id& id);
    error_code remove(const stored_row& found);
    error_code release_next(const stored_row& left);
    result<std::vector<stored_row>> choose(const queue_filter& filter, queue_page page,
                                           bool ended_only);

    result<std::vector<std::uint64_t>> due_rows(std::size_t most, const std::string& upstream);
    result<std::optional<stored_payload>> take(std::uint64_t sequence, std::int64_t until,
                                               const std::string& owner);
    result<queue_entry> read_row(std::uint64_t sequence, std::string& file);
    result<payload> read_body(std::uint64_t sequence, const std::string& file);
    error_code read_whole(stored_payload& into, const std::string& file);
    error_code set_aside(const queue_entry& what, std::string_view why);
    const unread_payload* unread_now(std::uint64_t sequence) const;
    void note_unread(std::uint64_t sequence, std::string_view id, const error_code& why);
    error_code row_unread(std::uint64_t sequence, const error_code& why);
    error_code put_off(const queue_entry& what);
    result<std::optional<milliseconds>> next_due(const std::string& upstream);

    const queue_directory& directory_;
    sqlite_queue_options options_;
    payload_files files_;
    reserve_file reserve_;
    std::unique_ptr<sqlite_database> database_;
    sqlite_statements statements_; // after the database: they go first
    queue_stats totals_;           // with what the group has changed
    queue_stats committed_;
    int salvages_ = 0;
    std::map<std::uint64_t, unread_payload> unread_; // by sequence
    std::uint64_t times_unread_ = 0;
    bool gives_up_unread_ = false;           // the next salvage
    bool removed_ = true;                    // rows, since space was given back
    std::vector<std::string> new_files_;     // of the group: they go when it is rolled back
    std::vector<std::string> removed_files_; // of the group: they go when it is committed
};

} // namespace finpost::detail
