#pragma once

#include "finpost/exchange_deadline.hpp"

#include <boost/asio/awaitable.hpp>

#include <cstddef>
#include <tuple>

namespace finpost::detail {

/// How much of one exchange is moved at once, from memory, to memory or by a file, before others of
/// its event loop go on: some 0.2 ms. Smaller turns cost large payloads speed.
constexpr std::size_t quantum = 512 << 10;

/// An exchange of which more than this is there is a large one: it waits for its turns.
constexpr std::size_t yields_above = 64 << 10;

/// What a large exchange awaits before each of its turns. In one pass of an event loop
/// (`execution_context`) one turn is taken, in the order in which it was asked for, however many
/// large exchanges are ready: a small exchange, which needs five or six passes, waits for as many
/// turns and not for those of everybody. Completes at once where nobody else had one in this pass.
/// Not cancelled: the queue moves whatever happens, so look at the exchange_deadline afterwards.
boost::asio::awaitable<void> fair_yield();

/// For whoever waits and has what it waits for: others come first, nothing is waited for.
boost::asio::awaitable<std::tuple<error_code>> yield();

/// The same as `fair_yield()` for an upload, whose client is not late for as long as it is us who
/// do not read: `idle` begins again afterwards, and the whole ends at `until`. Nothing happens when
/// the exchange_deadline has said why it ends already.
boost::asio::awaitable<void> fair_yield(exchange_deadline& deadline,
                                        exchange_deadline::duration idle,
                                        exchange_deadline::clock::time_point until);

} // namespace finpost::detail
