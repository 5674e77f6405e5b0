#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace finpost::detail {

/// The memory of one pending operation, there beforehand: what accepts, watches or tries again has
/// to be able to wait when there is no memory. A second operation at the same time, or one that
/// does not fit, takes its memory from `operator new`, as all others do. Lives as long as the
/// operation.
class operation_memory {
public:
    operation_memory() = default;
    operation_memory(const operation_memory&) = delete;
    operation_memory& operator=(const operation_memory&) = delete;

    void* take(std::size_t size) {
        if (size <= sizeof room_ && !taken_.exchange(true)) return room_;
        return ::operator new(size);
    }
    void give(void* memory, std::size_t size) noexcept {
        if (memory == room_)
            taken_ = false;
        else
            ::operator delete(memory, size);
    }

private:
    alignas(std::max_align_t) std::byte room_[384];
    std::atomic<bool> taken_{false};
};

/// What a completion handler names as its allocator to be kept there.
template <class T = void>
class operation_allocator {
public:
    using value_type = T;

    explicit operation_allocator(operation_memory& memory) noexcept : memory_(&memory) {}
    template <class Other>
    operation_allocator(const operation_allocator<Other>& other) noexcept
        : memory_(other.memory_) {}

    T* allocate(std::size_t n) { return static_cast<T*>(memory_->take(n * sizeof(T))); }
    void deallocate(T* memory, std::size_t n) noexcept { memory_->give(memory, n * sizeof(T)); }

    template <class Other>
    bool operator==(const operation_allocator<Other>& other) const noexcept {
        return memory_ == other.memory_;
    }

private:
    template <class>
    friend class operation_allocator;
    operation_memory* memory_;
};

} // namespace finpost::detail
