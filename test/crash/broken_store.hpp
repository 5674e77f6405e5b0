#pragma once

#include "finpost/queue_store.hpp"

#include <memory>

namespace finpost::test {

/// What a store does wrong with puts while its disk is slow. What checks a store must notice each.
enum class broken_put {
    none,
    early_receipt,        ///< it acknowledges what is not stored yet
    withdrawn_when_begun, ///< of what it stores it says that it was withdrawn in time
    never_withdrawn,      ///< who gives up is told nothing
};

/// `store`, broken.
std::unique_ptr<queue_store> make_broken(std::unique_ptr<queue_store> store, broken_put how);

} // namespace finpost::test
