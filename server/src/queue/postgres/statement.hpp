#pragma once

#include "finpost/payload.hpp"
#include "finpost/request_id.hpp"
#include "finpost/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// libpq's, whose header is nobody's but that of these files.
struct pg_conn;
struct pg_result;

namespace finpost::detail {

/// A statement, and the values of its parameters $1, $2 ..., which go beside its text in the order
/// of the calls. Texts are made valid UTF-8 without zeros, which is all that PostgreSQL takes.
/// Every function throws std::bad_alloc.
class postgres_statement {
public:
    explicit postgres_statement(std::string_view sql) : sql_(sql) {}

    postgres_statement& text(std::string_view value);
    postgres_statement& number(std::int64_t value);
    postgres_statement& null_text();
    postgres_statement& null_number();
    postgres_statement& texts(const std::vector<std::string>& values);
    postgres_statement& numbers(const std::vector<std::int64_t>& values);
    /// Copies the bytes. Fails when one cannot be read.
    error_code bodies(const std::vector<const payload*>& values);
    /// As texts: `$1::uuid[]`.
    postgres_statement& ids(const std::vector<request_id>& values);

    /// A connection parses and plans it once. For what is asked often, and whose plan is right
    /// however large the tables are.
    postgres_statement& keep_plan() {
        keeps_plan_ = true;
        return *this;
    }
    bool keeps_plan() const noexcept { return keeps_plan_; }

    /// Hands it to libpq, to be sent; `prepared` is the name under which the server knows it, if it
    /// does. False when that has no memory, or no connection.
    bool send(pg_conn* connection, const char* prepared = nullptr) const;
    /// Before it is sent under this name for the first time; is answered by itself.
    bool prepare(pg_conn* connection, const char* name) const;
    const std::string& sql() const noexcept { return sql_; }

private:
    struct parameter {
        unsigned type;
        bool null;
        std::string bytes;
    };
    std::vector<unsigned> types_of_values() const;

    std::string sql_;
    std::vector<parameter> values_;
    bool keeps_plan_ = false;
};

using postgres_statements = std::vector<postgres_statement>;

/// What a statement was answered with: rows, or an error. Numbers are read from columns of type
/// int8, texts from text and bytea.
class postgres_answer {
public:
    explicit postgres_answer(pg_result* taken) noexcept : result_(taken) {}

    /// Whether the statement was done.
    bool good() const noexcept;
    /// The SQLSTATE of an error; empty when it did not come from the server.
    std::string_view state() const noexcept;
    /// An error in one line.
    std::string message() const;
    /// As "COMMIT" or "INSERT 0 1".
    std::string_view tag() const noexcept;

    std::size_t rows() const noexcept;
    int columns() const noexcept;
    bool null(std::size_t row, int column) const noexcept;
    std::int64_t number(std::size_t row, int column) const noexcept;
    bool truth(std::size_t row, int column) const noexcept;
    std::string_view text(std::size_t row, int column) const noexcept;

private:
    struct clearer {
        void operator()(pg_result* result) const noexcept;
    };
    std::unique_ptr<pg_result, clearer> result_;
};

/// Of libpq or a server, in one line.
std::string one_line(std::string_view text);
/// Valid UTF-8 without zeros: each byte that is neither becomes U+FFFD.
std::string storable_text(std::string_view text);

} // namespace finpost::detail
