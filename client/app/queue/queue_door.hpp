#pragma once

#include "finpost/queued_payload.hpp"
#include "finpost/result.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/json/object.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace finpost {

/// Some payloads of a queue as `to_json(queue_entry)` writes them, in the order of storing.
struct queue_rows {
    std::vector<boost::json::object> rows;
    /// What to ask for next: those behind it. 0: that was the end.
    std::uint64_t next = 0;
};

/// A queue as its operator sees it, wherever it is: the commands know nothing else. Each function
/// waits. A failure is said in words that name the directory; of a change it is then not known
/// whether it was made.
class queue_door {
public:
    virtual ~queue_door() = default;

    virtual parsed<boost::json::object> stats() = 0;
    /// A page: never all of them at once.
    virtual parsed<queue_rows> list(const queue_filter& filter, std::uint64_t after) = 0;
    /// Nothing when there is none of that id.
    virtual parsed<std::optional<boost::json::object>> show(const request_id& id) = 0;
    /// Gives all bytes of a payload to `take`, piece by piece; false when there is none of that id.
    /// Fails with what `take` says, or when the bytes end before their end.
    using take_bytes = std::function<parsed<void>(std::span<const std::byte>)>;
    virtual parsed<bool> read(const request_id& id, const take_bytes& take) = 0;
    static constexpr std::size_t piece_size = 64 << 10; ///< of the largest one
    /// How many of at most 1,000 wait again, or are gone.
    virtual parsed<std::size_t> replay(const std::vector<request_id>& ids) = 0;
    virtual parsed<std::size_t> drop(const std::vector<request_id>& ids) = 0;

    /// What runs while one of these waits.
    virtual boost::asio::io_context& loop() = 0;
};

/// By the control socket of the process that has the queue in `directory`, or by opening it when
/// there is none. `make`: also where there is no queue yet.
parsed<std::unique_ptr<queue_door>> open_queue_door(const std::string& directory,
                                                    bool make = false);

} // namespace finpost
