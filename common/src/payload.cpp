#include "finpost/payload.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace finpost {

namespace {

constexpr std::size_t smallest = 1 << 10;
constexpr std::size_t largest = std::numeric_limits<std::ptrdiff_t>::max();

} // namespace

payload::payload(std::string_view text) {
    append(std::as_bytes(std::span(text)));
}

payload::payload(payload&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      begin_(std::exchange(other.begin_, 0)),
      size_(std::exchange(other.size_, 0)),
      capacity_(std::exchange(other.capacity_, 0)),
      budget_(other.budget_) {}

payload& payload::operator=(payload&& other) noexcept {
    if (this == &other) return *this;
    release();
    memory_ = std::exchange(other.memory_, nullptr);
    begin_ = std::exchange(other.begin_, 0);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    budget_ = other.budget_; // the memory goes back to where it was taken from
    return *this;
}

payload::~payload() {
    release();
}

void payload::release() noexcept {
    std::free(memory_);
    // After the memory: giving back wakes those who wait for it.
    if (budget_ != nullptr && capacity_ != 0) budget_->give_back(capacity_);
    memory_ = nullptr;
    begin_ = size_ = capacity_ = 0;
}

bool payload::reserve(std::size_t n) {
    if (n <= capacity_ - begin_ - size_) return true;
    const auto compact = [this] {
        if (begin_ == 0) return;
        std::memmove(memory_, memory_ + begin_, size_);
        begin_ = 0;
    };
    if (n <= capacity_ - size_) {
        compact();
        return true;
    }
    if (n > largest - size_) {
        if (budget_ != nullptr) return false;
        throw std::bad_alloc();
    }

    const std::size_t needed = size_ + n;
    const std::size_t doubled = capacity_ > largest / 2 ? largest : 2 * capacity_;
    std::size_t wanted = std::max({needed, doubled, smallest});
    if (budget_ != nullptr && !budget_->try_take(wanted - capacity_)) {
        // Not enough for growing ahead is no reason to refuse what is needed now.
        if (wanted == needed || !budget_->try_take(needed - capacity_)) return false;
        wanted = needed;
    }
    // realloc, not new and copy: the C library moves big blocks by remapping their pages.
    compact();
    void* const grown = std::realloc(memory_, wanted);
    if (grown == nullptr) {
        if (budget_ != nullptr) budget_->give_back(wanted - capacity_);
        throw std::bad_alloc();
    }
    memory_ = static_cast<std::byte*>(grown);
    capacity_ = wanted;
    return true;
}

bool payload::append(std::span<const std::byte> data) {
    if (data.empty()) return true; // there may be no memory yet, and memcpy takes no null pointer
    if (!reserve(data.size())) return false;
    std::memcpy(memory_ + begin_ + size_, data.data(), data.size());
    size_ += data.size();
    return true;
}

} // namespace finpost
