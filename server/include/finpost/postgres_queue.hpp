#pragma once

#include "finpost/asio_settings.hpp"
#include "finpost/export.hpp"
#include "finpost/logger.hpp"
#include "finpost/metrics.hpp"
#include "finpost/queue_store.hpp"
#include "finpost/result.hpp"
#include "finpost/units.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <cstdint>
#include <memory>
#include <string>

namespace finpost {

/// A queue in a PostgreSQL (12 or newer) that several gateways share.
struct postgres_queue_config {
    /// `postgresql://USER@HOST[:PORT][,HOST[:PORT]...]/DATABASE[?sslmode=verify-full...]`: what
    /// libpq reads, without a password. The hosts are tried in this order; the first that takes
    /// writes is used. Names are looked up at each connect.
    std::string url;
    /// A file that holds the password, with or without a line end; read at each connect. Empty:
    /// none is sent but what libpq finds by itself (PGPASSFILE).
    std::string password_file = {};
    /// The name of this gateway: its share of the books, and what the server shows of it. Two
    /// gateways of one name wait for each other, and do no other harm. 1 to 63 bytes.
    std::string name = "finpost";
    /// Stored bytes, of payloads of all gateways; above them a put is `queue_error::full`. What
    /// others store in the same moment is not counted yet: each gateway may go beyond it by what
    /// the others have under way.
    std::uint64_t max_bytes = std::uint64_t{1} << 30;
    /// Whether only the oldest payload of a client address (without its port) is due. The same for
    /// all gateways of a queue: the one that connects last changes it for all.
    bool ordered = false;
    /// The longest that an operation waits, also while the database is away; then it is
    /// `queue_error::failed`. Above zero.
    duration timeout{10'000};
    /// Whether a server is used whose settings let acknowledged payloads be lost.
    bool unsafe = false;

    friend bool operator==(const postgres_queue_config&, const postgres_queue_config&) = default;
};

/// What is wrong with `config`, without asking a server.
FINPOST_EXPORT parsed<void> validate(const postgres_queue_config& config);

/// Opens it. It does not block, and a database that is away is no failure: it connects by itself,
/// now and whenever the connection is lost, with growing pauses up to 5 s. Meanwhile operations
/// wait, `queue_store::unavailable` says what is wrong, and `queue_store::fatal` stays empty.
///
/// What a put is without an error is committed, on the standbys too that the server waits for. A
/// commit whose answer is lost, or that comes with a warning, is put again: a new transaction finds
/// and rewrites what is there, stores what is not, and has to be committed. Where there is no time
/// for that, the put is `queue_error::failed`. Leases run by the database's clock. Payloads are in
/// memory while they are sent and when they are claimed: of a claim's, 16 MiB and one more at most.
///
/// `executor` is where handlers without an executor are called, and where the connections are
/// served. It is an `io_context`'s; it is never blocked, but checksums and copies of payloads are
/// made there. `counters.queue.commit_seconds` counts how long commits take.
///
/// Throws std::runtime_error in words when `config` is wrong.
/// Lifetime: when the last owner has gone, what was asked for is still done, or fails when its time
/// is over; then the connections are closed. `counters` outlives that.
FINPOST_EXPORT std::shared_ptr<queue_store>
open_postgres_queue(const postgres_queue_config& config, boost::asio::any_io_executor executor,
                    metrics& counters, logger log = {});

/// Connects, looks at what a gateway needs (the schema and its version, rights, the settings that
/// keep what was committed) and closes again; blocks meanwhile, for `config.timeout` at the most
/// and as long as a name is looked up. Fails with the one problem that stands in the way, in words
/// without secrets. `away`, where it is not null: whether that may pass by itself. It may not when
/// a server has answered with something that only a person can change.
FINPOST_EXPORT parsed<void> check_postgres_queue(const postgres_queue_config& config,
                                                 bool* away = nullptr);

/// Makes the tables in the database, or checks those that are there: called twice it does nothing
/// the second time. It notes whether the server waits for standbys: from then on a server that does
/// not is refused. Blocks, and fails, as `check_postgres_queue` does. The user needs to be allowed
/// to create tables; a gateway's needs
///
///     grant select, insert, update, delete on finpost_payloads, finpost_totals to GATEWAY;
///     grant select, update on finpost_settings to GATEWAY;
///
FINPOST_EXPORT parsed<void> make_postgres_queue(const postgres_queue_config& config);

} // namespace finpost
