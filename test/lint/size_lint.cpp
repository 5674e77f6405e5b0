#include "lint/size_lint.hpp"

#include <algorithm>
#include <span>

namespace finpost::test {

namespace {

using tokens = std::span<const token>;

// A brace that is open: where its statement begins, and whether it is a function's.
struct block {
    std::size_t statement;
    bool function;
};

bool has(tokens all, std::string_view text) {
    return std::find(all.begin(), all.end(), text) != all.end();
}

// A function's body stands behind a parameter list; a class, a namespace or a table has none. What
// is in a function is a part of it, lambdas included.
bool begins_function(tokens before) {
    if (!has(before, "(") || has(before, "namespace")) return false;
    const auto list = std::find(before.begin(), before.end(), "(");
    const tokens head(before.begin(), list);
    return !has(head, "=") && !has(head, "class") && !has(head, "struct") && !has(head, "enum") &&
           before.back() != "," && before.back() != "(";
}

std::size_t columns_of(std::string_view line) {
    // Bytes that go on with a character of UTF-8 take no column.
    return static_cast<std::size_t>(std::count_if(line.begin(), line.end(), [](char c) {
        return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
    }));
}

} // namespace

std::size_t lines_of(std::string_view source) {
    return static_cast<std::size_t>(std::count(source.begin(), source.end(), '\n'));
}

std::vector<finding> check_columns(std::string_view source) {
    const std::string code = only_code(source); // byte by byte the same places
    std::vector<finding> findings;
    std::size_t number = 1;
    for (std::size_t at = 0; at < source.size(); ++number) {
        const std::size_t end = std::min(source.find('\n', at), source.size());
        const std::string_view line = source.substr(at, end - at);
        const std::size_t columns = columns_of(line);
        const bool literal = code.substr(at, end - at) != line && line.find("//") == line.npos;
        if (columns > 100 && !literal && line.find("://") == line.npos)
            findings.push_back({number, std::to_string(columns) + " columns, at most 100"});
        at = end + 1;
    }
    return findings;
}

std::vector<finding> check_functions(std::string_view source, std::size_t most) {
    const std::string code = only_code(source);
    const std::vector<token> all = tokens_of(code);
    std::vector<finding> findings;
    std::vector<block> open;
    std::size_t statement = 0;
    std::size_t depth = 0; // of parentheses
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (all[i] == "(") ++depth;
        if (all[i] == ")" && depth > 0) --depth;
        if (all[i] == ";" && depth == 0) statement = i + 1;
        if (all[i] == "{") {
            const bool inside = std::any_of(open.begin(), open.end(),
                                            [](const block& each) { return each.function; });
            const bool function = !inside && depth == 0 && i > statement &&
                                  begins_function(tokens(all).subspan(statement, i - statement));
            open.push_back({statement, function});
            if (depth == 0) statement = i + 1;
        } else if (all[i] == "}" && !open.empty()) {
            const block closed = open.back();
            open.pop_back();
            const std::size_t first = all[closed.statement].line;
            const std::size_t lines = all[i].line - first + 1;
            if (closed.function && lines > most)
                findings.push_back({first, "a function of " + std::to_string(lines) +
                                               " lines, at most " + std::to_string(most)});
            if (depth == 0) statement = i + 1;
        }
    }
    return findings;
}

} // namespace finpost::test
