#pragma once

#include "admin/http_query.hpp"
#include "control/control_request.hpp"

#include "finpost/logger.hpp"
#include "finpost/metrics.hpp"
#include "finpost/queue_store.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>

namespace finpost {

/// Does what the requests to a control socket ask for, and answers them. Nothing of it waits for
/// the disk: the store does on its own thread, and files are read on `files`. `dropped` counts what
/// was removed.
class control_answers {
public:
    using answer_ptr = std::shared_ptr<http_answer>;

    control_answers(std::shared_ptr<queue_store> store, boost::asio::any_io_executor files,
                    counter& dropped, logger log);

    /// From any strand, several at once. This lives until the last one has ended.
    boost::asio::awaitable<answer_ptr> answer(std::shared_ptr<const http_query> query);

private:
    using request_ptr = std::shared_ptr<const control_request>;
    boost::asio::awaitable<answer_ptr> stats();
    boost::asio::awaitable<answer_ptr> list(request_ptr asked);
    boost::asio::awaitable<answer_ptr> show(request_ptr asked);
    boost::asio::awaitable<answer_ptr> replay(request_ptr asked);
    boost::asio::awaitable<answer_ptr> drop(request_ptr asked);

    const std::shared_ptr<queue_store> store_;
    const boost::asio::any_io_executor files_;
    counter& dropped_;
    const logger log_;
};

} // namespace finpost
