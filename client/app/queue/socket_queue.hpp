#pragma once

#include "queue/queue_door.hpp"

#include <boost/asio/io_context.hpp>

namespace finpost {

/// The queue of a gateway that runs, by its control socket: a connection for each question.
class socket_queue final : public queue_door {
public:
    /// Null where nobody listens at `DIR/control.sock`; fails where that cannot be found out.
    static parsed<std::unique_ptr<socket_queue>> connect(const std::string& directory);
    explicit socket_queue(std::string path) : path_(std::move(path)) {}

    parsed<boost::json::object> stats() override;
    parsed<queue_rows> list(const queue_filter& filter, std::uint64_t after) override;
    parsed<std::optional<boost::json::object>> show(const request_id& id) override;
    parsed<bool> read(const request_id& id, const take_bytes& take) override;
    parsed<std::size_t> replay(const std::vector<request_id>& ids) override;
    parsed<std::size_t> drop(const std::vector<request_id>& ids) override;
    boost::asio::io_context& loop() override { return loop_; }

private:
    struct answer {
        unsigned status = 0;
        std::string body;
    };
    class connection;
    parsed<answer> ask(const std::string& target, const std::string& body = {});
    parsed<boost::json::object> ask_object(const std::string& target, const std::string& body = {});
    parsed<std::size_t> change(const std::string& what, const std::vector<request_id>& ids);
    parse_error problem(const std::string& what) const;

    const std::string path_;
    boost::asio::io_context loop_;
};

} // namespace finpost
