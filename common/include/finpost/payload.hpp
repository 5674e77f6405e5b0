#pragma once

#include "finpost/byte_budget.hpp"
#include "finpost/export.hpp"
#include "finpost/spill_file.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace finpost {

/// Bytes that grow at the end: what a client sent, or what it is sent.
///
/// A movable buffer of uninitialised storage in the manner of a dynamic buffer: `reserve`
/// space, fill `writable()`, `commit` what was filled. Growth is geometric, so accumulating is
/// linear in the size. What it allocates is taken from its budget and given back when it goes.
/// Sizes and offsets are bytes.
///
/// Where a gateway spills (`gateway_config::spill_above`), the bytes of a large payload are in a
/// file and not in memory: `spilled()`. Readers need not know. `bytes()`, `text()` and `data()` are
/// then the file's pages, mapped at the first call, which the kernel reads in as they are touched
/// and can drop again. `read` gets them piece by piece, without a mapping. A payload in a file
/// grows with `append` and `write` only: it has no `writable`.
///
/// Threads: not thread safe. One payload may change threads between calls.
/// Lifetime: `data`, `bytes`, `text` and `writable` are valid until the payload grows, is spilled
/// or is moved from. A payload that was moved from is empty and keeps its budget.
class FINPOST_EXPORT payload {
public:
    /// Empty, without a budget.
    payload() noexcept = default;

    /// Empty; every allocation is taken from `budget`, which outlives the payload. Null: unlimited.
    explicit payload(byte_budget* budget) noexcept : budget_(budget) {}

    /// A copy of `text`, without a budget: for replies made on the spot and for tests. Throws
    /// std::bad_alloc.
    explicit payload(std::string_view text);
    explicit payload(const char* text) : payload(std::string_view(text)) {}

    /// `text` itself, taken over without a copy and without a budget. Growing copies it. Throws
    /// std::bad_alloc.
    explicit payload(std::string&& text) { adopt(std::move(text)); }

    /// All of `file`, which is not null and is its own from now on: it is spilled from the
    /// beginning.
    explicit payload(std::unique_ptr<spill_file> file) noexcept
        : size_(static_cast<std::size_t>(file->size())), file_(std::move(file)) {}

    payload(payload&& other) noexcept
        : memory_(std::exchange(other.memory_, nullptr)), begin_(std::exchange(other.begin_, 0)),
          size_(std::exchange(other.size_, 0)), capacity_(std::exchange(other.capacity_, 0)),
          budget_(other.budget_), adopted_(std::exchange(other.adopted_, nullptr)),
          file_(std::move(other.file_)) {}
    payload& operator=(payload&& other) noexcept;
    ~payload() {
        if (memory_ != nullptr || file_) release();
    }

    std::size_t size() const noexcept { return size_; }
    bool empty() const noexcept { return size_ == 0; }
    /// Of the memory it holds, with what `remove_prefix` has dropped; 0 when spilled.
    std::size_t capacity() const noexcept { return capacity_; }
    /// `data`, `bytes` and `text` throw std::system_error when a spilled payload cannot be mapped,
    /// and only then. They block while a page of the file is read from the disk.
    const std::byte* data() const { return (file_ ? file_->map() : memory_) + begin_; }
    std::byte* data() { return (file_ ? file_->map() : memory_) + begin_; }
    std::span<const std::byte> bytes() const { return {data(), size_}; }
    std::string_view text() const { return {reinterpret_cast<const char*>(data()), size_}; }

    /// Copies bytes from `offset` on to `into` until that is full, and says how many. Fewer than
    /// `into` has are the end; 0 is an offset at or beyond it. Fails only when spilled, with what
    /// the system says.
    result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const noexcept;

    /// Moves the bytes to `file`, which is its own from now on, and gives the memory back. As many
    /// as the file has already, from the first on, are not written again. On a failure, which is
    /// what the system says, nothing has changed but the file, which is gone. `file` is not null,
    /// and the payload is not spilled yet.
    error_code spill(std::unique_ptr<spill_file> file) noexcept;
    /// Whether the bytes are in a file.
    bool spilled() const noexcept { return file_ != nullptr; }
    /// Where the bytes are when spilled, from `file_offset()` on; null otherwise. It belongs to the
    /// payload.
    const spill_file* file() const noexcept { return file_.get(); }
    std::uint64_t file_offset() const noexcept { return begin_; }

    /// Makes space for at least `n` more bytes behind the end. False when the budget has not that
    /// much left, and when spilled; nothing has changed then. Throws std::bad_alloc when memory
    /// runs out.
    bool reserve(std::size_t n);

    /// The space behind the end: what `reserve` made, to be filled and then committed. Empty when
    /// spilled.
    std::span<std::byte> writable() noexcept {
        if (file_) return {};
        return {memory_ + begin_ + size_, capacity_ - begin_ - size_};
    }

    /// The first `n` bytes of `writable()` become part of the payload. `n` is at most its size, or
    /// the behaviour is undefined.
    void commit(std::size_t n) noexcept { size_ += n; }

    /// Gives back the space behind the end, which nothing needs while the payload waits for its
    /// bytes. Buffers above 16 KiB keep theirs: there it is a small part, and giving it back costs
    /// more than it brings.
    void release_writable() noexcept;

    /// Drops `n` bytes at the front, or keeps only the first `n`; no memory moves. `n` is at most
    /// `size()`, or the behaviour is undefined.
    void remove_prefix(std::size_t n) noexcept {
        begin_ += n;
        size_ -= n;
    }
    void truncate(std::size_t n) noexcept { size_ = n; }

    /// Copies `data` behind the end. False when `write` fails. Throws as it does.
    bool append(std::span<const std::byte> data) { return !write(data); }
    /// The same, and why it failed: `reason::busy` when the budget has not that much left and has
    /// no files, else what the system says about the file (`byte_budget::spill_error`). The payload
    /// has all of `data` or none of it. Throws std::bad_alloc when memory runs out. Blocks for as
    /// long as the page cache does when spilled.
    error_code write(std::span<const std::byte> data);

    /// The budget its memory is taken from; null: unlimited.
    byte_budget* budget() const noexcept { return budget_; }
    /// From now on takes from and gives to `same`, another view of the budget its memory was taken
    /// from.
    void budget(byte_budget* same) noexcept { budget_ = same; }
    /// From now on it has no budget and may outlive the one that it had, its file's as well. Its
    /// bytes stay taken for as long as the result lives.
    counted_bytes leave_budget() noexcept;

private:
    void release() noexcept;
    void adopt(std::string&& text);
    error_code write_to_file(std::span<const std::byte> data);

    std::byte* memory_ = nullptr;
    std::size_t begin_ = 0;
    std::size_t size_ = 0;
    std::size_t capacity_ = 0;
    byte_budget* budget_ = nullptr;
    std::string* adopted_ = nullptr;   // owned: when there, `memory_` is its bytes
    std::unique_ptr<spill_file> file_; // when there, it has all of the bytes, and `memory_` is null
};

} // namespace finpost
