#pragma once

#include "finpost/error.hpp"
#include "finpost/queue_error.hpp"
#include "finpost/queued_payload.hpp"
#include "finpost/request_id.hpp"

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace finpost::test {

/// Where a payload stands, as far as it matters after a loss of power.
struct standing {
    bool there = false;
    queue_state state = queue_state::waiting;
    std::optional<std::string> last_error = {}; ///< nothing: whatever it is

    bool allows(const standing& seen) const;
};

/// What was found of a payload.
struct found_payload {
    standing is;
    std::string body;
};
using found_payloads = std::map<request_id, found_payload>;

/// What a store was asked for, when, and when it has told that this is done. A time is a position:
/// the number of changes of the disk before it.
class power_ledger {
public:
    /// One operation of a store's, on some payloads.
    struct operation {
        std::size_t begun = 0;
        std::optional<std::size_t> told = {};
        bool refused = false; ///< then nothing of it has happened
    };
    using handle = std::shared_ptr<operation>;

    /// A payload that is put, in a batch.
    void put(const handle& what, const request_id& id, std::string body);
    /// A payload that will stand like this, if it is there at all; `there` false: it will not be.
    void change(const handle& what, const request_id& id, standing to);

    const std::string& body_of(const request_id& id) const { return known_.at(id).body; }
    std::size_t acknowledged() const noexcept { return acknowledged_; }
    void tell(const handle& what, std::size_t at, const error_code& ec);

    /// What is wrong with what was found after a loss of power at `cut`; empty when nothing is.
    std::string problem_with(const found_payloads& found, std::size_t cut) const;
    /// What was found is what there is: another recording begins.
    void begin_anew(const found_payloads& found);

private:
    struct change_of {
        handle by;
        standing to;
        bool puts = false;
    };
    struct story {
        std::string body;
        standing first;
        std::vector<change_of> changes;
    };
    static std::vector<standing> possible(const story& of, std::size_t cut);
    std::string broken_batch(const found_payloads& found, std::size_t cut) const;

    std::map<request_id, story> known_;
    std::size_t acknowledged_ = 0;
};

} // namespace finpost::test
