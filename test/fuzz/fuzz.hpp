#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

// Each harness defines it. Where several are one program, CMake gives every one a name of its own.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace finpost::fuzz {

/// What has to be true whatever the input. Ends the process with the words otherwise, which is a
/// finding.
inline void must(bool holds, std::string_view what) {
    if (holds) return;
    std::fprintf(stderr, "DOES NOT HOLD: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

/// The bytes that were drawn: a text, and behind it those that decide what is done with it. They
/// stand at the end, so that a file of a corpus shows its text. The text is memory of its own, in
/// which a sanitizer sees each byte that is read beyond it.
class input {
public:
    input(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

    /// The last byte that was not taken yet; 0 when there is none.
    unsigned byte() noexcept { return size_ > 0 ? data_[--size_] : 0u; }
    unsigned two_bytes() noexcept {
        const unsigned high = byte();
        return high << 8 | byte();
    }
    /// A number of 64 bits, as often near an end or a power of two as not.
    std::uint64_t number() noexcept {
        const unsigned shape = byte();
        std::uint64_t value = 0;
        for (unsigned i = 0; i <= (shape & 7); ++i) value = value << 8 | byte();
        return (shape & 8) != 0 ? ~value : value << (shape >> 4);
    }

    /// What is left; no byte is taken afterwards.
    std::string_view text() {
        text_ = std::make_unique<char[]>(size_);
        std::copy_n(data_, size_, text_.get());
        return {text_.get(), size_};
    }

private:
    const std::uint8_t* data_;
    std::size_t size_;
    std::unique_ptr<char[]> text_;
};

inline std::span<const std::byte> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// Where a text is split: up to seven sizes of pieces, over and over.
class splits {
public:
    explicit splits(input& from) : count_(from.byte() % 8) {
        for (std::size_t i = 0; i < count_; ++i) sizes_[i] = from.byte() + 1;
    }
    /// Nowhere.
    splits() = default;

    /// The size of the next piece of what has `left` bytes, at least one.
    std::size_t next(std::size_t left) noexcept {
        return count_ == 0 ? left : std::min(left, sizes_[at_++ % count_]);
    }

private:
    std::size_t count_ = 0, at_ = 0;
    std::array<std::size_t, 8> sizes_{};
};

/// Calls `use` with each piece of a text.
template <class Use>
void each_piece(std::string_view text, splits where, Use use) {
    while (!text.empty()) {
        const std::size_t n = where.next(text.size());
        use(text.substr(0, n));
        text.remove_prefix(n);
    }
}

/// Whether people can read it on one line, and no terminal does what it says.
inline bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

/// A copy that is memory of its own, in which a sanitizer sees each byte that is read beyond it.
class exact_copy {
public:
    explicit exact_copy(std::string_view of)
        : memory_(std::make_unique<char[]>(of.size())), size_(of.size()) {
        std::copy(of.begin(), of.end(), memory_.get());
    }
    std::string_view text() const { return {memory_.get(), size_}; }
    std::span<std::byte> bytes() { return {reinterpret_cast<std::byte*>(memory_.get()), size_}; }

private:
    std::unique_ptr<char[]> memory_;
    std::size_t size_;
};

} // namespace finpost::fuzz
