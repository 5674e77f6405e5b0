#include "config/secret_reference.hpp"

#include "net/unique_fd.hpp"
#include "quoted.hpp"

#include "finpost/result.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace finpost {

using namespace detail;

namespace {

constexpr std::size_t largest_file = 64u << 10;

struct reference {
    std::size_t begin = 0, end = 0; // of the whole, braces included
    bool file = false;
    std::string name;
};

// Everything else in braces is left to the template.
std::optional<reference> next_reference(std::string_view text, std::size_t from) {
    for (std::size_t i = from; i < text.size(); ++i) {
        if (text[i] != '{') continue;
        if (i + 1 < text.size() && text[i + 1] == '{') {
            ++i; // a plain brace
            continue;
        }
        const std::size_t end = text.find_first_of("{}", i + 1);
        if (end == text.npos || text[end] == '{') continue;
        const std::string_view inside = text.substr(i + 1, end - i - 1);
        for (const std::string_view kind : {"file:", "env:"})
            if (inside.starts_with(kind))
                return reference{i, end + 1,
                                 kind == "file:", std::string(inside.substr(kind.size()))};
    }
    return std::nullopt;
}

bool is_printable(char c) { return c >= ' ' && c <= '~'; }

parse_error system_problem() {
    return {"cannot be read: " + std::generic_category().message(errno)};
}

// What there is, and one byte more than there may be.
bool read_whole(int fd, std::string& into) {
    std::array<char, 4096> buffer;
    while (into.size() <= largest_file) {
        const ssize_t n = ::read(fd, buffer.data(), buffer.size());
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return n == 0;
        into.append(buffer.data(), static_cast<std::size_t>(n));
    }
    return true;
}

parsed<std::string> read_file(const std::string& path, bool& open_to_all) {
    // A FIFO must not hold up the start.
    const unique_fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    struct stat about {};
    if (!fd || ::fstat(fd.get(), &about) != 0) return system_problem();
    if (!S_ISREG(about.st_mode)) return parse_error{"is not a regular file"};
    open_to_all = (about.st_mode & S_IROTH) != 0;
    std::string text;
    if (!read_whole(fd.get(), text)) return system_problem();
    if (text.size() > largest_file) return parse_error{"is larger than 64 KiB"};
    if (text.ends_with('\n')) {
        text.pop_back();
        if (text.ends_with('\r')) text.pop_back();
    }
    return {boost::system::in_place_value, std::move(text)};
}

parsed<std::string> read(const reference& what, bool& open_to_all) {
    if (what.name.empty() || !std::all_of(what.name.begin(), what.name.end(), is_printable))
        return parse_error{what.file ? "the path of a file is needed"
                                     : "the name of a variable is needed"};
    if (what.file) return read_file(what.name, open_to_all);
    // Nothing changes the environment. NOLINTNEXTLINE(concurrency-mt-unsafe)
    const char* const variable = std::getenv(what.name.c_str());
    if (variable == nullptr) return parse_error{"is not set"};
    return {boost::system::in_place_value, variable};
}

// Why it cannot be a part of a header field; empty when it can. The bytes are not repeated.
std::string fault_of(std::string_view text) {
    if (text.empty()) return "is empty";
    const auto odd = std::find_if_not(text.begin(), text.end(), is_printable);
    if (odd == text.end()) return {};
    return "byte " + std::to_string(odd - text.begin() + 1) +
           " is not printable ASCII, which a header field must be";
}

void append_plain(std::string& text, std::string_view value) {
    for (const char c : value) {
        text += c;
        if (c == '{' || c == '}') text += c;
    }
}

} // namespace

resolved_value resolve_references(std::string_view value) {
    resolved_value out;
    std::size_t from = 0;
    while (const auto found = next_reference(value, from)) {
        out.text += value.substr(from, found->begin - from);
        const std::string_view whole = value.substr(found->begin, found->end - found->begin);
        from = found->end;
        bool open_to_all = false;
        const auto text = read(*found, open_to_all);
        const std::string fault = text ? fault_of(*text) : text.error().message;
        if (!fault.empty()) out.problems.push_back(printable(whole) + ": " + fault);
        if (open_to_all)
            out.warnings.push_back(printable(whole) +
                                   ": every user of this machine can read the file");
        if (text) append_plain(out.text, *text);
    }
    out.text += value.substr(from);
    return out;
}

std::vector<std::string> referenced_files(std::string_view value) {
    std::vector<std::string> files;
    for (auto found = next_reference(value, 0); found; found = next_reference(value, found->end))
        if (found->file) files.push_back(found->name);
    return files;
}

bool only_refers(std::string_view value) {
    for (const std::string_view scheme : {"Basic ", "Bearer ", "Token "})
        if (value.starts_with(scheme)) value.remove_prefix(scheme.size());
    const auto found = next_reference(value, 0);
    return found && found->begin == 0 && found->end == value.size();
}

} // namespace finpost
