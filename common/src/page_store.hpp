#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>

#include <sys/mman.h>

namespace finpost::detail {

/// Large buffers, taken from the system in whole pages, and some of those that one thread has given
/// back for its next ones.
///
/// From the C library they would cost either way. Where it gives them back to the system, each one
/// is a page fault for every 4 KiB: half of the CPU of a 256 KiB exchange. Where it keeps them,
/// they leave holes, and the process is larger than what `max_buffered` counts. Here the holes are
/// pages of the system's, and what is kept is bounded.
class page_store {
public:
    static constexpr std::size_t smallest = 64 << 10; // of a buffer that belongs here
    static constexpr std::size_t most = 2 << 20;      // bytes kept

    page_store() = default;
    page_store(const page_store&) = delete;
    page_store& operator=(const page_store&) = delete;
    ~page_store() {
        while (count_ > 0) give_up_oldest();
    }

    /// Null when there is no memory.
    void* take(std::size_t size) noexcept {
        size = whole_pages(size);
        if (void* const kept = take_kept(size)) return kept;
        void* const fresh =
            ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        return fresh == MAP_FAILED ? nullptr : fresh;
    }

    /// Makes `memory`, of `size` bytes, one of `wanted`, which is more, and keeps the first `used`
    /// bytes. Null when there is no memory, and it stays as it is.
    void* grow(void* memory, std::size_t size, std::size_t wanted, std::size_t used) noexcept {
        wanted = whole_pages(wanted);
        if (void* const kept = take_kept(wanted)) {
            std::memcpy(kept, memory, used);
            give(memory, size);
            return kept;
        }
        void* const grown = ::mremap(memory, whole_pages(size), wanted, MREMAP_MAYMOVE);
        return grown == MAP_FAILED ? nullptr : grown;
    }

    /// Takes back what `take` or `grow` gave for `size`, by whatever thread.
    void give(void* memory, std::size_t size) noexcept {
        size = whole_pages(size);
        if (size > most) {
            ::munmap(memory, size);
            return;
        }
        while (bytes_ + size > most || count_ == blocks_.size()) give_up_oldest();
        blocks_[count_++] = {memory, size};
        bytes_ += size;
    }

    /// Bytes kept now.
    std::size_t kept() const noexcept { return bytes_; }

private:
    struct block {
        void* memory;
        std::size_t size;
    };

    static constexpr std::size_t whole_pages(std::size_t size) noexcept {
        constexpr std::size_t page = 4096;
        return (size + page - 1) / page * page;
    }

    // The one that was given back last is in the processor's cache, as far as it fits there.
    void* take_kept(std::size_t size) noexcept {
        for (std::size_t i = count_; i-- > 0;) {
            if (blocks_[i].size != size) continue;
            void* const found = blocks_[i].memory;
            remove(i);
            return found;
        }
        return nullptr;
    }

    void give_up_oldest() noexcept {
        ::munmap(blocks_[0].memory, blocks_[0].size);
        remove(0);
    }

    void remove(std::size_t i) noexcept {
        bytes_ -= blocks_[i].size;
        std::move(blocks_.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                  blocks_.begin() + static_cast<std::ptrdiff_t>(count_),
                  blocks_.begin() + static_cast<std::ptrdiff_t>(i));
        --count_;
    }

    std::array<block, most / smallest> blocks_{}; // the oldest first
    std::size_t count_ = 0;
    std::size_t bytes_ = 0;
};

} // namespace finpost::detail
