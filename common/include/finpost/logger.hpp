#pragma once

#include "finpost/export.hpp"
#include "finpost/result.hpp"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string_view>
#include <variant>

namespace finpost {

enum class log_level { trace, debug, info, warning, error, off };

/// The name of the enumerator: "trace", "debug" ... A string literal.
FINPOST_EXPORT std::string_view to_string(log_level level) noexcept;
/// Reads what `to_string` writes, and nothing else.
FINPOST_EXPORT parsed<log_level> parse_log_level(std::string_view word);

/// One named value of a log record. It borrows name and text, for the call of the sink: a sink that
/// keeps them copies them.
struct FINPOST_EXPORT log_field {
    std::string_view name;
    std::variant<std::string_view, std::int64_t, double, bool> value;

    log_field(std::string_view n, std::string_view v) : name(n), value(v) {}
    log_field(std::string_view n, const char* v) : name(n), value(std::string_view(v)) {}
    log_field(std::string_view n, std::int64_t v) : name(n), value(v) {}
    log_field(std::string_view n, double v) : name(n), value(v) {}
    log_field(std::string_view n, bool v) : name(n), value(v) {}
};

/// Where the library writes its log: a level and a function. The default logger writes nothing.
///
/// Threads: the function is called from any thread that runs the gateway, several at once, and in
/// the middle of its work. It must not throw, should not block, and does not call the gateway.
/// Lifetime: copies share the function, which lives until the last of them goes: with the gateway's
/// last session.
/// Trust: text in fields may come from a peer. A sink escapes what is not printable.
class FINPOST_EXPORT logger {
public:
    using sink = std::function<void(log_level level, std::string_view event,
                                    std::span<const log_field> fields)>;

    /// Writes nothing.
    logger() noexcept = default;

    /// Passes records at `threshold` and above to `write`; `off` passes none. Throws
    /// std::bad_alloc.
    logger(log_level threshold, sink write);

    /// Whether a record of `level` would be passed on. For records that cost something to make.
    bool enabled(log_level level) const noexcept { return level >= threshold_ && write_; }

    /// `event` says what happened in one or two fixed words ("ready", "exchange"); values are
    /// fields.
    void operator()(log_level level, std::string_view event,
                    std::initializer_list<log_field> fields = {}) const;
    void operator()(log_level level, std::string_view event,
                    std::span<const log_field> fields) const;

private:
    log_level threshold_ = log_level::off;
    std::shared_ptr<const sink> write_;
};

} // namespace finpost
