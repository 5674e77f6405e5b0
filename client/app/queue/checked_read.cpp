#include "queue/checked_read.hpp"

#include "queue/crc32c.hpp"

#include <exception>

namespace json = boost::json;

namespace finpost {

parsed<request_id> id_of(const json::object& row) {
    const json::value* const id = row.if_contains("id");
    if (id == nullptr || !id->is_string()) return parse_error{"a payload of the list has no id"};
    return parse_request_id(id->as_string());
}

std::uint64_t number_of(const json::object& row, std::string_view name) {
    const json::value* const number = row.if_contains(name);
    if (number == nullptr) return 0;
    json::error_code none;
    const auto read = number->to_number<std::uint64_t>(none);
    return none ? 0 : read;
}

parsed<checked_bytes> read_checked(queue_door& queue, const json::object& row,
                                   const queue_door::take_bytes& take) {
    const auto id = id_of(row);
    if (!id) return id.error();
    detail::crc32c sum;
    std::uint64_t size = 0;
    const auto there = queue.read(*id, [&](std::span<const std::byte> bytes) {
        sum.update(bytes);
        size += bytes.size();
        return take(bytes);
    });
    if (!there) return there.error();
    if (!*there) return checked_bytes::gone;
    const bool good = size == number_of(row, "size") && sum.value() == number_of(row, "crc32c");
    return good ? checked_bytes::good : checked_bytes::damaged;
}

} // namespace finpost
