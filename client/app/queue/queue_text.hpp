#pragma once

#include <boost/json/object.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace finpost {

/// A list of payloads for people: aligned columns, and nothing that a terminal would obey.
///
/// It is written page by page, so the columns are as wide as what was seen of them until then.
class queue_table {
public:
    /// The lines of some more payloads (`to_json(queue_entry)`), each with its line end; the head
    /// is before the first. Throws std::exception when one is not what it should be.
    std::string page(const std::vector<boost::json::object>& rows);

private:
    static constexpr std::size_t columns = 11;
    using cells = std::array<std::string, columns>;
    static cells cells_of(const boost::json::object& row);
    void widen(const cells& by);
    std::string line(const cells& of) const;

    std::array<std::size_t, columns> widths_{};
    bool begun_ = false;
};

/// "12 payloads", "1 payload".
std::string payloads_text(std::uint64_t n);

/// What is in a queue, and what is known of a payload, line by line.
std::string stats_text(const boost::json::object& stats);
std::string entry_text(const boost::json::object& entry);

} // namespace finpost
