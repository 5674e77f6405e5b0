#include "lint/co_await_lint.hpp"

#include <algorithm>
#include <span>
#include <sstream>

namespace finpost::test {

namespace {

using tokens = std::span<const token>;

// What nests at a place in the code, and where the statement began that is being read there.
struct level {
    char bracket; // '{' for the file itself
    std::size_t statement;
};

bool opens(const token& one) { return one == "(" || one == "[" || one == "{"; }
bool closes(const token& one) { return one == ")" || one == "]" || one == "}"; }

// Behind the bracket that closes the one at `at`.
std::size_t behind_brackets(tokens all, std::size_t at) {
    std::size_t depth = 0;
    for (; at < all.size(); ++at) {
        if (opens(all[at])) ++depth;
        if (closes(all[at]) && --depth == 0) return at + 1;
    }
    return at;
}

// A block ends a statement; the braces of a value or a lambda do not, and something follows them.
bool goes_on_with(const token& next) {
    if (is_name(next)) return false;
    return !opens(next) && next != "}" && next != "*" && next != "::" && next != "++" &&
           next != "--";
}

// Drops what may stand before a statement: conditions and labels.
tokens bare_statement(tokens statement) {
    for (;;) {
        if (statement.empty()) return statement;
        const token& first = statement.front();
        if (first == "else" || first == "do") {
            statement = statement.subspan(1);
        } else if (first == "if" || first == "for" || first == "while" || first == "switch") {
            std::size_t at = 1;
            if (at < statement.size() && statement[at] == "constexpr") ++at;
            statement = statement.subspan(behind_brackets(statement, at));
        } else if (first == "case" || first == "default") {
            const auto colon = std::find(statement.begin(), statement.end(), ":");
            if (colon == statement.end()) return statement;
            statement = statement.subspan(static_cast<std::size_t>(colon - statement.begin()) + 1);
        } else {
            return statement;
        }
    }
}

// "auto x =", "auto [ec, n] =", "const result<int>& r =", "failed =", "now.status =".
bool is_target(tokens before) {
    if (before.empty()) return true;
    if (before.back() != "=") return false;
    before = before.first(before.size() - 1);
    if (before.empty() || !(is_name(before.back()) || before.back() == "]")) return false;
    if (before.front() == "return" || before.front() == "co_return") return false;
    return std::all_of(before.begin(), before.end(), [](const token& one) {
        return is_name(one) || one == "::" || one == "<" || one == ">" || one == "," ||
               one == "&" || one == "&&" || one == "*" || one == "[" || one == "]" || one == "." ||
               one == "->";
    });
}

// "name", "name(...)", "a.b().c<T>(...)": nothing is computed with it, nothing is built in it.
std::string fault_of_operand(tokens operand) {
    if (operand.empty() || !(is_name(operand.front()) || operand.front() == "::"))
        return "co_await is not followed by a name";
    std::size_t depth = 0; // of ( and [
    std::size_t angles = 0;
    for (std::size_t i = 0; i < operand.size(); ++i) {
        const token& one = operand[i];
        if (one == "co_await") return "a second co_await in one statement";
        if (one == "?") return "?: beside co_await";
        const bool after_value = i > 0 && (is_name(operand[i - 1]) || closes(operand[i - 1]));
        if (one == "[" && !after_value) return "a lambda beside co_await";
        if (one == "{") return "a temporary built with braces beside co_await";
        if (one == "(" || one == "[") ++depth;
        if (one == ")" || one == "]") --depth;
        if (depth > 0 || closes(one)) continue;
        if (one == "<" && is_name(operand[i - 1]))
            ++angles;
        else if (one == ">")
            angles -= angles > 0 ? 1 : 0;
        else if (!(is_name(one) || one == "::" || one == "." || one == "->" || angles > 0))
            return "something is computed with what co_await gives: name it first";
    }
    return {};
}

std::string fault_of_statement(tokens statement) {
    statement = bare_statement(statement);
    const auto found = std::find(statement.begin(), statement.end(), "co_await");
    const auto at = static_cast<std::size_t>(found - statement.begin());
    const tokens before = statement.first(at);
    if (std::find(before.begin(), before.end(), "?") != before.end()) return "?: beside co_await";
    if (!is_target(before)) return "not of the form [auto x =] co_await name(named, arguments);";
    return fault_of_operand(statement.subspan(at + 1));
}

// From `from` to the semicolon that ends the statement at the same depth; empty when a bracket that
// was open before closes first.
tokens statement_from(tokens all, std::size_t from) {
    for (std::size_t i = from; i < all.size();) {
        if (all[i] == ";") return all.subspan(from, i - from);
        if (closes(all[i])) break;
        i = opens(all[i]) ? behind_brackets(all, i) : i + 1;
    }
    return {};
}

std::string fault_at(tokens all, std::size_t at, const level& here) {
    if (here.bracket != '{') return "co_await within parentheses or brackets";
    const tokens statement = statement_from(all, here.statement);
    if (statement.empty()) return "co_await within the braces of a value";
    if (statement.data() + statement.size() <= &all[at]) return "co_await behind a statement";
    return fault_of_statement(statement);
}

// What a macro hides cannot be judged where it is used.
std::vector<finding> check_macros(std::string_view source) {
    std::vector<finding> findings;
    std::istringstream lines{std::string(source)};
    std::string text;
    bool inside = false;
    for (std::size_t line = 1; std::getline(lines, text); ++line) {
        const std::size_t first = std::min(text.find_first_not_of(" \t"), text.size());
        inside = inside || std::string_view(text).substr(first).starts_with("#define");
        if (inside && text.find("co_await") != text.npos)
            findings.push_back({line, "co_await in a macro"});
        inside = inside && text.ends_with('\\');
    }
    return findings;
}

} // namespace

std::vector<finding> check_co_await(std::string_view source) {
    const std::string code = only_code(source);
    const std::vector<token> all = tokens_of(code);
    std::vector<finding> findings = check_macros(source);
    std::vector<level> levels{{'{', 0}};
    for (std::size_t i = 0; i < all.size(); ++i) {
        const token& one = all[i];
        if (opens(one)) {
            levels.push_back({one.text.front(), i + 1});
        } else if (closes(one)) {
            if (levels.size() > 1) levels.pop_back();
            const bool last = i + 1 == all.size();
            if (one == "}" && levels.back().bracket == '{' && (last || !goes_on_with(all[i + 1])))
                levels.back().statement = i + 1;
        } else if (one == ";") {
            levels.back().statement = i + 1;
        } else if (one == "co_await") {
            const std::string fault = fault_at(all, i, levels.back());
            if (!fault.empty()) findings.push_back({one.line, fault});
        }
    }
    return findings;
}

} // namespace finpost::test
