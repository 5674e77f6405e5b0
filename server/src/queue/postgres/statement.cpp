#include "queue/postgres/statement.hpp"

#include "utf8.hpp"

#include <libpq-fe.h>

#include <cerrno>
#include <cstring>

namespace finpost::detail {

namespace {

// Of the types that are sent (pg_type.dat).
constexpr unsigned bytea_type = 17, int8_type = 20, text_type = 25;
constexpr unsigned bytea_array = 1001, text_array = 1009, int8_array = 1016;

template <class Integer>
void add_big_endian(std::string& to, Integer value) {
    for (int shift = 8 * (static_cast<int>(sizeof(Integer)) - 1); shift >= 0; shift -= 8)
        to.push_back(static_cast<char>(value >> shift & 0xff));
}

// What an array begins with (array_recv): dimensions, nulls, type, and of the one: size, first.
std::string array_of(unsigned type, std::size_t size, std::size_t bytes) {
    std::string out;
    out.reserve(20 + size * 4 + bytes);
    add_big_endian(out, std::uint32_t{1});
    add_big_endian(out, std::uint32_t{0});
    add_big_endian(out, std::uint32_t{type});
    add_big_endian(out, static_cast<std::uint32_t>(size));
    add_big_endian(out, std::uint32_t{1});
    return out;
}

void add_element(std::string& to, std::string_view bytes) {
    add_big_endian(to, static_cast<std::uint32_t>(bytes.size()));
    to += bytes;
}

error_code add_element(std::string& to, const payload& body) {
    if (!body.spilled()) {
        add_element(to, body.text());
        return {};
    }
    // Read, not mapped: pages that the disk does not give end in a SIGBUS.
    add_big_endian(to, static_cast<std::uint32_t>(body.size()));
    const std::size_t before = to.size();
    to.resize(before + body.size());
    const auto into = std::as_writable_bytes(std::span(to).subspan(before));
    const auto n = body.read(0, into);
    if (!n) return n.error();
    if (*n != into.size()) return {EIO, boost::system::system_category()};
    return {};
}

} // namespace

std::string storable_text(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t n = text.front() == '\0' ? 0 : utf8_length(text);
        if (n == 0)
            out += "\xef\xbf\xbd";
        else
            out += text.substr(0, n);
        text.remove_prefix(n == 0 ? 1 : n);
    }
    return out;
}

std::string one_line(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '\n' || c == '\t' || c == '\r' || c == ' ') {
            if (!out.empty() && out.back() != ' ') out += ' ';
        } else {
            out += c;
        }
    }
    while (!out.empty() && out.back() == ' ') out.pop_back();
    return out;
}

postgres_statement& postgres_statement::text(std::string_view value) {
    values_.push_back({text_type, false, storable_text(value)});
    return *this;
}

postgres_statement& postgres_statement::number(std::int64_t value) {
    std::string bytes;
    add_big_endian(bytes, static_cast<std::uint64_t>(value));
    values_.push_back({int8_type, false, std::move(bytes)});
    return *this;
}

postgres_statement& postgres_statement::null_text() {
    values_.push_back({text_type, true, {}});
    return *this;
}

postgres_statement& postgres_statement::null_number() {
    values_.push_back({int8_type, true, {}});
    return *this;
}

postgres_statement& postgres_statement::texts(const std::vector<std::string>& values) {
    std::string array = array_of(text_type, values.size(), 0);
    for (const std::string& each : values) add_element(array, storable_text(each));
    values_.push_back({text_array, false, std::move(array)});
    return *this;
}

postgres_statement& postgres_statement::numbers(const std::vector<std::int64_t>& values) {
    std::string array = array_of(int8_type, values.size(), values.size() * 8);
    for (const std::int64_t each : values) {
        add_big_endian(array, std::uint32_t{8});
        add_big_endian(array, static_cast<std::uint64_t>(each));
    }
    values_.push_back({int8_array, false, std::move(array)});
    return *this;
}

error_code postgres_statement::bodies(const std::vector<const payload*>& values) {
    std::size_t bytes = 0;
    for (const payload* each : values) bytes += each->size();
    std::string array = array_of(bytea_type, values.size(), bytes);
    for (const payload* each : values)
        if (const error_code failed = add_element(array, *each)) return failed;
    values_.push_back({bytea_array, false, std::move(array)});
    return {};
}

postgres_statement& postgres_statement::ids(const std::vector<request_id>& values) {
    std::string array = array_of(text_type, values.size(), values.size() * 36);
    for (const request_id& each : values) add_element(array, each.text());
    values_.push_back({text_array, false, std::move(array)});
    return *this;
}

bool postgres_statement::send(pg_conn* connection, const char* prepared) const {
    constexpr int binary = 1;
    std::vector<const char*> bytes;
    std::vector<int> lengths;
    std::vector<int> formats(values_.size(), binary);
    for (const parameter& each : values_) {
        bytes.push_back(each.null ? nullptr : each.bytes.data());
        lengths.push_back(static_cast<int>(each.bytes.size()));
    }
    const int n = static_cast<int>(values_.size());
    if (prepared != nullptr)
        return PQsendQueryPrepared(connection, prepared, n, bytes.data(), lengths.data(),
                                   formats.data(), binary) == 1;
    return PQsendQueryParams(connection, sql_.c_str(), n, types_of_values().data(), bytes.data(),
                             lengths.data(), formats.data(), binary) == 1;
}

bool postgres_statement::prepare(pg_conn* connection, const char* name) const {
    const std::vector<Oid> types = types_of_values();
    return PQsendPrepare(connection, name, sql_.c_str(), static_cast<int>(types.size()),
                         types.data()) == 1;
}

std::vector<unsigned> postgres_statement::types_of_values() const {
    std::vector<Oid> out;
    for (const parameter& each : values_) out.push_back(each.type);
    return out;
}

void postgres_answer::clearer::operator()(pg_result* result) const noexcept { PQclear(result); }

int postgres_answer::columns() const noexcept { return PQnfields(result_.get()); }

bool postgres_answer::good() const noexcept {
    const ExecStatusType status = PQresultStatus(result_.get());
    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

std::string_view postgres_answer::state() const noexcept {
    const char* const state = PQresultErrorField(result_.get(), PG_DIAG_SQLSTATE);
    return state == nullptr ? std::string_view() : std::string_view(state);
}

std::string postgres_answer::message() const {
    const char* const primary = PQresultErrorField(result_.get(), PG_DIAG_MESSAGE_PRIMARY);
    return one_line(primary == nullptr ? PQresultErrorMessage(result_.get()) : primary);
}

std::string_view postgres_answer::tag() const noexcept { return PQcmdStatus(result_.get()); }

std::size_t postgres_answer::rows() const noexcept {
    return static_cast<std::size_t>(PQntuples(result_.get()));
}

bool postgres_answer::null(std::size_t row, int column) const noexcept {
    return PQgetisnull(result_.get(), static_cast<int>(row), column) != 0;
}

std::int64_t postgres_answer::number(std::size_t row, int column) const noexcept {
    const std::string_view bytes = text(row, column);
    if (bytes.size() != 8) return 0;
    std::uint64_t value = 0;
    for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
    return static_cast<std::int64_t>(value);
}

bool postgres_answer::truth(std::size_t row, int column) const noexcept {
    const std::string_view bytes = text(row, column);
    return !bytes.empty() && bytes.front() != '\0';
}

std::string_view postgres_answer::text(std::size_t row, int column) const noexcept {
    const int at = static_cast<int>(row);
    if (PQgetisnull(result_.get(), at, column) != 0) return {};
    return {PQgetvalue(result_.get(), at, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), at, column))};
}

} // namespace finpost::detail
