#pragma once

#include "policy/reply_budget.hpp"

#include "finpost/handler.hpp"

namespace finpost::detail {

/// What the gateway and its own forwarder see of a request, and other handlers do not.
struct request_access {
    static void replies(request& of, reply_budget& budget) noexcept { of.reply_budget_ = &budget; }

    /// What decides about files; null for a request that no gateway made.
    static const spill_policy* files(const request& of) noexcept {
        // Nobody else sets it.
        return of.reply_budget_ == nullptr
                   ? nullptr
                   : &static_cast<const reply_budget*>(of.reply_budget_)->files();
    }
    /// What a delivery asks and is told; null for other requests.
    static void notes(request& of, delivery_notes* notes) noexcept { of.notes_ = notes; }
    static delivery_notes* notes(const request& of) noexcept { return of.notes_; }
    static void same_replies(request& to, const request& from) noexcept {
        to.reply_budget_ = from.reply_budget_;
    }
};

} // namespace finpost::detail
