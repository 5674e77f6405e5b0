#pragma once

#include "queue/deliverer.hpp"

#include "finpost/delivery_queue.hpp"
#include "finpost/handler.hpp"
#include "finpost/queue_store.hpp"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>

namespace finpost {
struct metrics;
}

namespace finpost::detail {

/// Which listener a payload came to, and what its key is.
struct receipt_place {
    std::string listener;
    idempotency_key key = idempotency_key::id;
};

/// Stores payloads and gives receipts for them. Thread safe. The `owner` of each call keeps it
/// alive.
class receipt_office {
public:
    receipt_office(std::shared_ptr<queue_store> store, handler relay, std::string upstream,
                   duration timeout, metrics& counters, std::shared_ptr<deliverer> wakes);

    /// The payload is stored: a receipt. Otherwise a refusal that says what is known.
    boost::asio::awaitable<reply> store(std::shared_ptr<const void> owner,
                                        std::shared_ptr<const receipt_place> place,
                                        request request) const;
    /// The service's answer where there is one that lasts, else as `store`.
    boost::asio::awaitable<reply> relay_or_store(std::shared_ptr<const void> owner,
                                                 std::shared_ptr<const receipt_place> place,
                                                 request request) const;

private:
    boost::asio::awaitable<error_code> choose_key(new_payload& of, const payload& body,
                                                  idempotency_key key) const;
    new_payload describe(const receipt_place& place, const request& request) const;
    boost::asio::awaitable<reply> put(new_payload& one, exchange_deadline& deadline) const;

    const std::shared_ptr<queue_store> store_;
    const handler relay_;
    const std::string upstream_;
    const duration timeout_;
    metrics& counters_;
    const std::shared_ptr<deliverer> wakes_;
};

} // namespace finpost::detail
