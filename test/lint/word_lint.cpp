#include "lint/word_lint.hpp"

#include <algorithm>
#include <cctype>

namespace finpost::test {

namespace {

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// What may stand between two words of a phrase that is broken into lines: quotes and comment marks.
bool is_between(char c) {
    return std::isspace(static_cast<unsigned char>(c)) != 0 || c == '"' || c == '/' || c == '#';
}

bool is_part(std::string_view identifier, std::string_view word) {
    if (word.ends_with('_')) return identifier == word;
    for (std::size_t at = identifier.find(word); at != identifier.npos;
         at = identifier.find(word, at + 1)) {
        const std::size_t end = at + word.size();
        if ((at == 0 || identifier[at - 1] == '_') &&
            (end == identifier.size() || identifier[end] == '_'))
            return true;
    }
    return false;
}

bool is_phrase(std::string_view text, std::string_view phrase) {
    std::size_t at = 0;
    for (const char c : phrase) {
        if (at == text.size()) return false;
        if (c == ' ') {
            if (!is_between(text[at])) return false;
            while (at < text.size() && is_between(text[at])) ++at;
        } else if (text[at++] != c) {
            return false;
        }
    }
    return at == text.size() || !is_word(text[at]);
}

} // namespace

const std::vector<old_word>& old_words() {
    static const std::vector<old_word> list{
        {"dog", "deadline"},
        {"watchdog", "exchange_deadline"},
        {"kept_out_", "denied_"},
        {"mute_", "no_refusal_line_"},
        {"part_from_client", "lingering_close"},
        {"say_goodbye", "send_close_notify"},
        {"introduce", "run_preamble"},
        {"session_gate", "session_registry"},
        {"lane", "executor_index"},
        {"blame", "record_failure"},
        {"forgive", "reset"},
        {"demote", "deprioritize"},
        {"as_outcome", "use_tuple_awaitable"},
        {"kept_before", "reused"},
        {"turn_line", "yield_queue"},
        {"from_string", "parse_..."},
        {"parse_refusal", "detect_refusal"},
        {"belongs to no option", "unexpected argument"},
        {"is no option", "unknown option"},
        {"is of no use without", "has no effect without"},
        {"is no path", "is not a path"},
        {"mend the service", "fix the service"},
    };
    return list;
}

std::vector<finding> check_words(std::string_view text) {
    std::vector<finding> findings;
    std::size_t line = 1;
    for (std::size_t at = 0; at < text.size();) {
        if (!is_word(text[at])) {
            line += text[at++] == '\n' ? 1 : 0;
            continue;
        }
        std::size_t end = at;
        while (end < text.size() && is_word(text[end])) ++end;
        for (const old_word& old : old_words()) {
            const bool phrase = old.word.find(' ') != old.word.npos;
            if (phrase ? is_phrase(text.substr(at), old.word)
                       : is_part(text.substr(at, end - at), old.word))
                findings.push_back({line, '"' + std::string(old.word) + "\": say \"" +
                                              std::string(old.instead) + '"'});
        }
        at = end;
    }
    return findings;
}

} // namespace finpost::test
