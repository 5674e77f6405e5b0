#pragma once

#include <array>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace finpost {

/// Small blocks of memory that one thread has freed, kept for its next allocations.
///
/// An exchange allocates some twenty small blocks, most of them coroutine frames, and dozens of
/// exchanges are in flight. The C library keeps seven blocks of a size for a thread, none above 1
/// KiB; whatever is beyond takes its slow path, which was a fifth of the instructions of an
/// exchange.
class block_store {
public:
    static constexpr std::size_t largest = 1272;
    static constexpr std::size_t most = 128; // of a size

    block_store() = default;
    block_store(const block_store&) = delete;
    block_store& operator=(const block_store&) = delete;
    ~block_store() {
        for (list& blocks : lists_)
            while (blocks.first != nullptr) std::free(pop(blocks));
    }

    /// At least `size` bytes, aligned as `std::malloc` does it; null when there is no memory.
    void* take(std::size_t size) noexcept {
        if (size > largest) return std::malloc(size);
        const std::size_t which = list_of(size);
        list& from = lists_[which];
        return from.first != nullptr ? pop(from) : std::malloc(size_of(which));
    }

    /// Takes back what `take` gave for `size`, by whatever thread.
    void give(void* memory, std::size_t size) noexcept {
        if (memory == nullptr) return;
        if (size > largest) return std::free(memory);
        list& to = lists_[list_of(size)];
        if (to.count >= most) return std::free(memory);
        to.first = new (memory) block{to.first};
        ++to.count;
    }

    /// The same by the block's whole size, which may be of any allocator: for who does not know
    /// what was asked for.
    void give_whole(void* memory, std::size_t usable) noexcept {
        if (usable < size_of(0)) return std::free(memory);
        give(memory, usable - (usable - size_of(0)) % 16);
    }

    /// How many blocks are kept that an allocation of `size` could have.
    std::size_t kept(std::size_t size) const noexcept {
        return size > largest ? 0 : lists_[list_of(size)].count;
    }

private:
    struct block {
        block* next;
    };
    struct list {
        block* first = nullptr;
        std::size_t count = 0;
    };

    // In steps of 16 bytes up to 24, 40, 56 and so on: what the C library's blocks hold without
    // waste.
    static constexpr std::size_t list_of(std::size_t size) noexcept {
        return size <= 24 ? 0 : (size - 9) / 16;
    }
    static constexpr std::size_t size_of(std::size_t which) noexcept { return 16 * which + 24; }

    static void* pop(list& from) noexcept {
        block* const first = from.first;
        from.first = first->next;
        --from.count;
        return first;
    }

    std::array<list, (largest - 24) / 16 + 1> lists_{};
};

} // namespace finpost
