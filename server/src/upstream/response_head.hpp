#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace finpost::detail {

/// What the name of a field consists of (RFC 9110 §5.6.2).
bool is_token(std::string_view text) noexcept;

class content_codings;

/// What the head of a response says about the connection and the body behind it (RFC 9112 §4-§6).
struct response_head {
    int status = 0; ///< 100 to 599
    bool http_1_0 = false;
    bool keep_alive = false;             ///< the connection may carry another exchange
    bool chunked = false;                ///< Transfer-Encoding is exactly "chunked"
    bool foreign_coding = false;         ///< a Content-Encoding that was not asked for
    std::optional<std::uint64_t> length; ///< Content-Length

    /// Retry-After, as it stands there; empty without one, or one that is longer than a date.
    std::string_view retry_after() const noexcept { return {retry_text.data(), retry_size}; }
    std::array<char, 29> retry_text{}; // of a date (RFC 9110 §5.6.7)
    std::uint8_t retry_size = 0;
};

/// Reads the head of a response as it comes, from its status line to its empty line. What cannot
/// become the head of an HTTP/1.x response is refused at its first wrong byte or line, not at a
/// head's end that a service of another kind never sends.
///
/// Refused is what RFC 9112 does not allow, or allows although others may read it differently: a
/// bare CR, a folded line, white space before a colon, a control character, a version other
/// than 1.0 and 1.1, a status outside 100-599, a second Content-Length, one that is not digits
/// only, another transfer coding than chunked, chunked in HTTP/1.0, or both a length and a coding.
/// A bare LF ends a line too (RFC 9112 §2.2): scripts behind small servers write it. Such a
/// connection is not used again.
///
/// Beside Beast, whose parser builds a map of all fields for the four that matter here, and lets
/// pass half of what is refused here: that was a tenth of an exchange's instructions and the checks
/// had to be made all the same.
class response_head_reader {
public:
    enum class state { more, done, failed };

    /// `accepted`: the content codings a body may have; null: any. It outlives the reader.
    explicit response_head_reader(const content_codings* accepted = nullptr) noexcept
        : accepted_(accepted) {}

    /// `text` begins with the head's first byte: what it was at the call before, and more.
    state read(std::string_view text);

    /// When done: the head, how many bytes it has, and whether a line of it ended in a bare LF.
    const response_head& head() const noexcept { return head_; }
    std::size_t size() const noexcept { return line_; }
    bool bare_lf() const noexcept { return bare_lf_; }

    /// When failed: what is wrong, and where in the head that byte or line begins.
    std::string_view what() const noexcept { return what_; }
    std::size_t offset() const noexcept { return line_; }

private:
    std::string_view status_line(std::string_view line);
    std::string_view field(std::string_view line);
    std::string_view length(std::string_view value);
    std::string_view transfer_coding(std::string_view value);
    void retry_after(std::string_view value) noexcept;
    void connection(std::string_view value);
    state begun(std::string_view text);
    state fail(std::string_view what) noexcept;

    const content_codings* accepted_;
    response_head head_;
    std::size_t line_ = 0;    // where the line begins that is read next
    std::size_t scanned_ = 0; // what holds no end of it
    bool close_ = false, stay_ = false, bare_lf_ = false;
    std::string_view what_;
};

/// A field line, its end taken off: name and value, or what is wrong with it. A trailer has the
/// same lines (RFC 9110 §6.5).
struct field_line {
    std::string_view name, value, fault;
};
field_line read_field(std::string_view line);

/// Whether a text holds no control character but the tab (RFC 9110 §5.5).
bool is_text(std::string_view text);

} // namespace finpost::detail
