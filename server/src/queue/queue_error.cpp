#include "finpost/queue_error.hpp"

#include "finpost/queued_payload.hpp"

#include <boost/system/errc.hpp>

#include <array>
#include <string>

namespace finpost {

namespace {

namespace errc = boost::system::errc;

struct error_words {
    const char* sentence;
    errc::errc_t condition;
};

// In the order of the enumerators, which count from 1.
constexpr std::array<error_words, 4> all_error_words{{
    {"the queue is full", errc::no_space_on_device},
    {"unknown whether the queue has done it", errc::io_error},
    {"the queue has no payload of that id", errc::no_such_file_or_directory},
    {"the payload is not held by that claim any more", errc::operation_not_permitted},
}};

// A value that names no error reads as `failed`.
constexpr const error_words& find(int value) noexcept {
    const bool known = value >= 1 && static_cast<std::size_t>(value) <= all_error_words.size();
    return all_error_words[known ? static_cast<std::size_t>(value) - 1 : 1];
}

class queue_error_category final : public boost::system::error_category {
public:
    const char* name() const noexcept override { return "finpost.queue"; }
    std::string message(int value) const override { return find(value).sentence; }
    const char* message(int value, char*, std::size_t) const noexcept override {
        return find(value).sentence;
    }
    boost::system::error_condition default_error_condition(int value) const noexcept override {
        return errc::make_error_condition(find(value).condition);
    }
};

} // namespace

const boost::system::error_category& queue_category() noexcept {
    static const queue_error_category instance;
    return instance;
}

boost::system::error_code make_error_code(queue_error value) noexcept {
    return {static_cast<int>(value), queue_category()};
}

std::string_view to_string(queue_state state) noexcept {
    switch (state) {
    case queue_state::waiting:
        return "waiting";
    case queue_state::dead:
        return "dead";
    case queue_state::set_aside:
        return "set_aside";
    }
    return "";
}

} // namespace finpost
