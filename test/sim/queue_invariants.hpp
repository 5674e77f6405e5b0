// What must hold where payloads are stored before they are delivered.
#pragma once

#include "sim/invariants.hpp"

namespace finpost::sim {

bool stores(const rules_plan& rules);

/// The id in a receipt; empty when `got` is none.
std::string_view receipt_in(std::string_view got);

sentences who_has_a_receipt_has_a_payload(const history& all);
sentences what_is_delivered_was_taken(const history& all);
sentences stored_payloads_are_read_or_refused(const history& all);
sentences a_key_is_of_one_payload(const history& all);
sentences the_books_of_the_queue_balance(const history& all);
sentences a_fair_queue_delivers_all(const history& all);

} // namespace finpost::sim
