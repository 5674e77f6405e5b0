#pragma once

#include "queue/queue_door.hpp"
#include "queue/store_client.hpp"

#include "finpost/postgres_queue.hpp"

#include <boost/asio/thread_pool.hpp>

namespace finpost {

/// A queue that is opened here: in a directory that no gateway has now, which is locked meanwhile
/// and where nothing is delivered; or in a database, beside the gateways that use it.
class direct_queue final : public queue_door {
public:
    /// Fails in words when another process has it, or there is none and `make` is false.
    static parsed<std::unique_ptr<direct_queue>> open(const std::string& directory, bool make);
    /// The one in a database. `make`: also the tables, where there are none.
    static parsed<std::unique_ptr<direct_queue>> open(postgres_queue_config config, bool make);
    ~direct_queue() override;

    parsed<boost::json::object> stats() override;
    parsed<queue_rows> list(const queue_filter& filter, std::uint64_t after) override;
    parsed<std::optional<boost::json::object>> show(const request_id& id) override;
    parsed<bool> read(const request_id& id, const take_bytes& take) override;
    parsed<std::size_t> replay(const std::vector<request_id>& ids) override;
    parsed<std::size_t> drop(const std::vector<request_id>& ids) override;
    boost::asio::io_context& loop() override { return loop_; }

    /// The store itself, for who moves payloads.
    store_client& store() { return *client_; }
    /// A failure of it in words.
    parse_error problem(const error_code& ec) const;

private:
    explicit direct_queue(std::string place) : place_(std::move(place)) {}

    const std::string place_;
    boost::asio::io_context loop_;
    boost::asio::thread_pool disk_{1};
    std::unique_ptr<queue_store> store_;
    std::optional<store_client> client_;
};

/// Gives the bytes of `body` to `take`, piece by piece.
parsed<void> read_pieces(const payload& body, const queue_door::take_bytes& take);

} // namespace finpost
