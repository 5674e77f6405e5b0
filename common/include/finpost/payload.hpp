#pragma once

#include "finpost/export.hpp"

#include <cstddef>
#include <functional>
#include <span>
#include <string_view>

namespace finpost {

/// A limit on bytes held at once, shared by everything that buffers. Thread safe.
///
/// The null object is no budget at all: a `payload` without one is unlimited.
class FINPOST_EXPORT byte_budget {
public:
    virtual ~byte_budget() = default;
    /// Takes `n` bytes out of the budget; false, and nothing taken, when they are not there.
    virtual bool try_take(std::size_t n) noexcept = 0;
    /// Gives `n` bytes back.
    virtual void give_back(std::size_t n) noexcept = 0;
    /// Calls `wake` once when bytes are given back next, from whatever thread gives them. A budget that
    /// never refuses need not do anything.
    virtual void on_release(std::function<void()> wake) { static_cast<void>(wake); }
};

/// Bytes that grow at the end: what a client sent, or what it is sent.
///
/// A movable buffer of uninitialised storage in the manner of a dynamic buffer: `prepare` room, fill
/// it, `commit` what was filled. Growth is geometric, so accumulating is linear in the size. What it
/// allocates is taken from its budget and given back when it goes. Not thread safe.
class FINPOST_EXPORT payload {
public:
    /// Empty, without a budget.
    payload() noexcept = default;

    /// Empty; every allocation is taken from `budget`, which outlives the payload. Null: unlimited.
    explicit payload(byte_budget* budget) noexcept : budget_(budget) {}

    /// A copy of `text`, without a budget: for replies made on the spot and for tests.
    explicit payload(std::string_view text);

    payload(payload&& other) noexcept;
    payload& operator=(payload&& other) noexcept;
    ~payload();

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    std::size_t capacity() const noexcept { return capacity_; }
    const std::byte* data() const noexcept { return memory_ + begin_; }
    std::byte* data() noexcept { return memory_ + begin_; }
    std::span<const std::byte> bytes() const noexcept { return {data(), size_}; }
    std::string_view text() const noexcept {
        return {reinterpret_cast<const char*>(data()), size_};
    }

    /// Makes room for at least `n` more bytes behind the end. False when the budget has not that much
    /// left; nothing is changed then. Throws std::bad_alloc when memory runs out.
    bool reserve(std::size_t n);

    /// The room behind the end: what `reserve` made, to be filled and then committed.
    std::span<std::byte> room() noexcept {
        return {memory_ + begin_ + size_, capacity_ - begin_ - size_};
    }

    /// The first `n` bytes of the room become part of the payload; `n` is at most `room().size()`.
    void commit(std::size_t n) noexcept { size_ += n; }

    /// Gives back the room, which nothing needs while the payload waits for its bytes. Large buffers
    /// keep theirs: there it is a small part, and giving it back costs more than it brings.
    void release_room() noexcept;

    /// Drops `n` bytes at the front, or keeps only the first `n`; no memory moves.
    void remove_prefix(std::size_t n) noexcept { begin_ += n; size_ -= n; }
    void truncate(std::size_t n) noexcept { size_ = n; }

    /// Copies `data` behind the end. False as in `reserve`.
    bool append(std::span<const std::byte> data);

    byte_budget* budget() const noexcept { return budget_; }

private:
    void release() noexcept;

    std::byte* memory_ = nullptr;
    std::size_t begin_ = 0;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    byte_budget* budget_ = nullptr;
};

} // namespace finpost
