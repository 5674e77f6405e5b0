#include "load_frame.hpp"

#include "frame_writer.hpp"

#include <algorithm>
#include <span>

namespace finpost {

using namespace detail;

namespace {

// Of any payload that the frame can carry, so of the shortest.
std::string trailer_of(const frame_spec& spec, std::size_t check_size) {
    constexpr std::byte one{'A'};
    frame_writer writer(spec);
    writer.wrap({&one, 1});
    return std::string(writer.trailer().substr(0, writer.trailer().size() - check_size));
}

std::string header_of(const frame_spec& spec, std::size_t size) {
    frame_writer writer(spec);
    writer.begin(size);
    return std::string(writer.header());
}

} // namespace

load_frame::load_frame(const frame_spec& spec, const load_payloads& payloads)
    : payloads_(payloads), spec_(spec), check_size_(frame_check(spec.check).size()),
      header_(header_of(spec, payloads.size())), trailer_(trailer_of(spec, check_size_)) {}

std::size_t load_frame::size() const noexcept {
    return header_.size() + payloads_.size() + trailer_.size() + check_size_;
}

load_frame::check load_frame::check_of(const load_payloads::variant& which) const noexcept {
    if (check_size_ == 0) return {};
    frame_check sum(spec_.check);
    for (std::size_t offset = 0; offset < payloads_.size();) {
        std::array<iovec, 2> parts;
        const auto count = static_cast<std::size_t>(payloads_.rest(which, offset, parts));
        for (const iovec& each : std::span(parts).first(count)) {
            sum.add({static_cast<const std::byte*>(each.iov_base), each.iov_len});
            offset += each.iov_len;
        }
    }
    sum.add_etx();
    return sum.text();
}

std::size_t load_frame::rest(const load_payloads::variant& which, const check& sum,
                             std::size_t offset, pieces& into) const noexcept {
    std::size_t used = 0;
    // What `offset` leaves of the next part: a gathered write only reads through its pointers.
    const auto put = [&](const char* part, std::size_t size) {
        if (offset < size) into[used++] = {const_cast<char*>(part) + offset, size - offset};
        offset -= std::min(offset, size);
    };
    put(header_.data(), header_.size());
    if (offset < payloads_.size()) {
        const std::size_t first = used;
        const std::span<iovec> room(into);
        used +=
            static_cast<std::size_t>(payloads_.rest(which, offset, room.subspan(first).first<2>()));
        for (const iovec& each : room.subspan(first, used - first)) offset += each.iov_len;
        if (offset < payloads_.size()) return used; // only the beginning of a large one
    }
    offset -= payloads_.size();
    put(trailer_.data(), trailer_.size());
    put(sum.data(), check_size_);
    return used;
}

} // namespace finpost
