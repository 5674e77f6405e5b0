#pragma once

#include <cstddef>
#include <span>

namespace finpost::detail {

/// What a client's first bytes are where TLS is due: plain code, no socket inside.
class first_record {
public:
    enum class kind {
        more,   ///< too few to know
        record, ///< TLS (RFC 8446 §5.1), or the ClientHello of old that agrees on it (RFC 5246
                ///< §E.2)
        other,  ///< whatever it is, it is no TLS
    };

    /// `begun` is all that has come, or its first `enough` bytes.
    explicit first_record(std::span<const std::byte> begun) noexcept;
    static constexpr std::size_t enough = 5;

    kind is() const noexcept { return kind_; }
    /// How many bytes are due before it is worth looking again: of a record all of it, its head
    /// included, unless it is longer than any may be.
    std::size_t due() const noexcept { return due_; }

private:
    kind kind_ = kind::more;
    std::size_t due_ = enough;
};

} // namespace finpost::detail
