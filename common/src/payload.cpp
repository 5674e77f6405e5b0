#include "finpost/payload.hpp"

#include "of_each_thread.hpp"
#include "page_store.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <new>
#include <utility>

namespace finpost {

using namespace detail;

namespace {

constexpr std::size_t smallest = 1 << 10;
constexpr std::size_t large = 16 << 10;
constexpr std::size_t largest_size = std::numeric_limits<std::ptrdiff_t>::max();

// Sanitizers see each buffer as new memory of the C library's.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool keeps = false;
#else
constexpr bool keeps = true;
#endif

// The buffer of a first read is taken and given back several times an exchange, and is too large
// for the allocator's own thread cache. A few of them stay with the thread: that was a tenth of an
// exchange's instructions.
class block_cache {
public:
    static constexpr std::size_t block = 4 << 10;

    ~block_cache() {
        while (count_ > 0) std::free(blocks_[--count_]);
    }
    void* take() noexcept { return count_ > 0 ? blocks_[--count_] : std::malloc(block); }
    void give(void* memory) noexcept {
        if (keeps && count_ < blocks_.size())
            blocks_[count_++] = memory;
        else
            std::free(memory);
    }

private:
    std::array<void*, 16> blocks_{};
    std::size_t count_ = 0;
};

// Null when there is no memory for them, which is when there is little to keep.
block_cache* blocks() noexcept { return of_each_thread<block_cache>::get(); }
page_store* pages() noexcept { return of_each_thread<page_store>::get(); }

constexpr bool in_pages(std::size_t size) noexcept { return keeps && size >= page_store::smallest; }

// Twice as much while buffers are small, a sixteenth more later: what is grown ahead is counted in
// the budget, whether it gets filled or not, and large blocks grow without a copy.
std::size_t grown_from(std::size_t capacity) noexcept {
    if (capacity <= (1u << 20)) return 2 * capacity;
    const std::size_t more = std::max<std::size_t>(1 << 20, capacity / 16);
    return capacity > largest_size - more ? largest_size : capacity + more;
}

void free_memory(void* memory, std::size_t size) noexcept {
    if (in_pages(size)) {
        page_store* const store = pages();
        return store != nullptr ? store->give(memory, size) : page_store().give(memory, size);
    }
    block_cache* const cache = size == block_cache::block ? blocks() : nullptr;
    if (cache != nullptr)
        cache->give(memory);
    else
        std::free(memory);
}

// Large buffers grow by remapping their pages: nothing is copied.
void* grow_pages(page_store& store, void* memory, std::size_t size, std::size_t wanted,
                 std::size_t used) noexcept {
    if (in_pages(size)) return store.grow(memory, size, wanted, used);
    void* const grown = store.take(wanted);
    if (grown == nullptr || memory == nullptr) return grown;
    std::memcpy(grown, memory, used);
    free_memory(memory, size);
    return grown;
}

// Null when there is no memory, and what was there stays.
void* grow_memory(void* memory, std::size_t size, std::size_t wanted, std::size_t used) noexcept {
    if (in_pages(size) || in_pages(wanted)) {
        if (page_store* const store = pages())
            return grow_pages(*store, memory, size, wanted, used);
        page_store none;
        return grow_pages(none, memory, size, wanted, used);
    }
    block_cache* const cache =
        memory == nullptr && wanted == block_cache::block ? blocks() : nullptr;
    return cache != nullptr ? cache->take() : std::realloc(memory, wanted);
}

} // namespace

payload::payload(std::string_view text) { append(std::as_bytes(std::span(text))); }

void payload::adopt(std::string&& text) {
    adopted_ = new std::string(std::move(text));
    memory_ = reinterpret_cast<std::byte*>(adopted_->data());
    size_ = capacity_ = adopted_->size();
}

payload& payload::operator=(payload&& other) noexcept {
    if (this == &other) return *this;
    if (memory_ != nullptr || file_) release();
    memory_ = std::exchange(other.memory_, nullptr);
    begin_ = std::exchange(other.begin_, 0);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    adopted_ = std::exchange(other.adopted_, nullptr);
    budget_ = other.budget_; // the memory goes back to where it was taken from
    file_ = std::move(other.file_);
    return *this;
}

void payload::release() noexcept {
    if (adopted_ != nullptr)
        delete std::exchange(adopted_, nullptr);
    else
        free_memory(memory_, capacity_);
    // After the memory: giving back wakes those who wait for it.
    if (budget_ != nullptr && capacity_ != 0) budget_->give_back(capacity_);
    memory_ = nullptr;
    begin_ = size_ = capacity_ = 0;
    file_.reset();
}

counted_bytes payload::leave_budget() noexcept {
    byte_budget* const budget = std::exchange(budget_, nullptr);
    return file_ ? file_->leave_space() : counted_bytes(budget, capacity_);
}

bool payload::reserve(std::size_t n) {
    if (file_) return n == 0;
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
    if (n > largest_size - size_) {
        if (budget_ != nullptr) return false;
        throw std::bad_alloc();
    }

    const std::size_t needed = size_ + n;
    std::size_t wanted = std::max({needed, grown_from(capacity_), smallest});
    if (budget_ != nullptr && !budget_->try_take(wanted - capacity_)) {
        // Not enough for growing ahead is no reason to refuse what is needed now.
        if (wanted == needed || !budget_->try_take(needed - capacity_)) return false;
        wanted = needed;
    }
    compact();
    void* const grown = adopted_ != nullptr ? grow_memory(nullptr, 0, wanted, 0)
                                            : grow_memory(memory_, capacity_, wanted, size_);
    if (grown == nullptr) {
        if (budget_ != nullptr) budget_->give_back(wanted - capacity_);
        throw std::bad_alloc();
    }
    if (adopted_ != nullptr) {
        std::memcpy(grown, memory_, size_);
        delete std::exchange(adopted_, nullptr);
    }
    memory_ = static_cast<std::byte*>(grown);
    capacity_ = wanted;
    return true;
}

void payload::release_writable() noexcept {
    if (file_) return;
    if (size_ == 0) return release();
    if (adopted_ != nullptr) return;
    if (capacity_ == size_ || capacity_ > large) return;
    void* const exact = std::malloc(size_);
    if (exact == nullptr) return; // then it stays as large as it was
    std::memcpy(exact, memory_ + begin_, size_);
    free_memory(memory_, capacity_);
    if (budget_ != nullptr) budget_->give_back(capacity_ - size_);
    memory_ = static_cast<std::byte*>(exact);
    begin_ = 0;
    capacity_ = size_;
}

error_code payload::write(std::span<const std::byte> data) {
    if (data.empty()) return {}; // there may be no memory yet, and memcpy takes no null pointer
    if (file_) return write_to_file(data);
    const bool for_file = budget_ != nullptr && budget_->spills(size_ + data.size());
    if (for_file || !reserve(data.size())) {
        if (budget_ == nullptr) return reason::busy;
        const error_code failed = budget_->spill(*this);
        return failed ? failed : write_to_file(data);
    }
    std::memcpy(memory_ + begin_ + size_, data.data(), data.size());
    size_ += data.size();
    return {};
}

error_code payload::write_to_file(std::span<const std::byte> data) {
    error_code failed = file_->truncate(begin_ + size_); // it may have been made shorter
    if (!failed) failed = file_->append(data);
    if (failed) return budget_ != nullptr ? budget_->spill_error(failed) : failed;
    size_ += data.size();
    return {};
}

result<std::size_t> payload::read(std::uint64_t offset, std::span<std::byte> into) const noexcept {
    if (offset >= size_) return std::size_t{0};
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(into.size(), size_ - offset));
    if (file_) return file_->read(begin_ + offset, into.first(n));
    std::memcpy(into.data(), memory_ + begin_ + offset, n);
    return n;
}

error_code payload::spill(std::unique_ptr<spill_file> file) noexcept {
    const auto there = static_cast<std::size_t>(file->size());
    const error_code failed = file->append({memory_ + begin_ + there, size_ - there});
    if (failed) return failed;
    const std::size_t size = size_;
    release();
    size_ = size;
    file_ = std::move(file);
    return {};
}

} // namespace finpost
