#include "control/control_request.hpp"

#include "control/queue_json.hpp"
#include "quoted.hpp"

#include <charconv>
#include <string>
#include <string_view>
#include <utility>

namespace finpost {

using namespace detail;

namespace {

using action = control_request::action;

control_request refused(unsigned status, std::string what) {
    control_request out;
    out.refusal = control_refusal(status, std::move(what));
    return out;
}

std::optional<unsigned> digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return std::nullopt;
}

// Percent-encoding (RFC 3986 §2.1), and `+` as forms write a space; nothing when it is none.
std::optional<std::string> decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i] == '+' ? ' ' : text[i];
            continue;
        }
        if (i + 2 >= text.size()) return std::nullopt;
        const auto high = digit(text[i + 1]), low = digit(text[i + 2]);
        if (!high || !low) return std::nullopt;
        out += static_cast<char>(*high * 16 + *low);
        i += 2;
    }
    return out;
}

template <class Number>
bool read_number(std::string_view text, Number& into) {
    const char* const end = text.data() + text.size();
    const auto [at, failed] = std::from_chars(text.data(), end, into);
    return failed == std::errc() && at == end;
}

// What is wrong with it; empty when nothing is.
std::string take_parameter(std::string_view name, const std::string& value, control_request& into) {
    if (name == "state") {
        const auto state = parse_queue_state(value);
        if (!state) return "state: " + state.error().message;
        into.filter.state = *state;
    } else if (name == "listener") {
        into.filter.listener = value;
    } else if (name == "upstream") {
        into.filter.upstream = value;
    } else if (name == "after") {
        if (!read_number(value, into.page.after)) return "after: must be a number";
    } else if (name == "most") {
        const bool number = read_number(value, into.page.most);
        if (!number || into.page.most < 1 || into.page.most > longest_control_page)
            return "most: must be 1 to 1000";
    } else {
        return "unknown parameter " + in_quotes(name);
    }
    return {};
}

control_request list_request(std::string_view parameters) {
    control_request out;
    out.what = action::list;
    out.page.most = 500;
    while (!parameters.empty()) {
        const std::string_view one = parameters.substr(0, parameters.find('&'));
        parameters.remove_prefix(std::min(parameters.size(), one.size() + 1));
        const std::size_t equals = std::min(one.find('='), one.size());
        const auto value = decoded(one.substr(std::min(one.size(), equals + 1)));
        if (!value) return refused(400, "a parameter is not percent-encoded");
        const std::string wrong = take_parameter(one.substr(0, equals), *value, out);
        if (!wrong.empty()) return refused(400, wrong);
    }
    return out;
}

control_request one_payload(std::string_view rest) {
    const std::string_view word = rest.substr(0, rest.find('/'));
    const std::string_view part = rest.substr(word.size());
    if (!part.empty() && part != "/body") return refused(404, "there is no such page of a payload");
    const auto id = parse_request_id(word);
    if (!id) return refused(404, "there is no payload of that id: " + id.error().message);
    control_request out;
    out.what = part.empty() ? action::show : action::body;
    out.id = *id;
    return out;
}

control_request change(action what, const std::string& body) {
    auto ids = parse_ids(body);
    if (!ids) return refused(400, ids.error().message);
    control_request out;
    out.what = what;
    out.page.most = ids->size();
    out.filter.ids = std::move(*ids);
    return out;
}

control_request not_allowed(const char* method) {
    control_request out = refused(405, std::string(method) + " only");
    out.refusal.allow = method == std::string_view("GET") ? "GET, HEAD" : method;
    return out;
}

} // namespace

http_answer control_refusal(unsigned status, std::string what) {
    http_answer out;
    out.status = status;
    out.body = std::move(what) += '\n';
    return out;
}

control_request read_control_request(const http_query& query) {
    const std::string_view target = query.target;
    const std::string_view path = target.substr(0, target.find('?'));
    const std::string_view parameters =
        target.substr(std::min(target.size(), path.size() + 1)); // behind the question mark
    const bool changes = path == "/replay" || path == "/drop";
    constexpr std::string_view payloads = "/payloads/";
    if (!changes && path != "/queue" && path != "/payloads" && !path.starts_with(payloads))
        return refused(404, "not found: there are /queue /payloads /payloads/ID "
                            "/payloads/ID/body /replay /drop");
    if (changes && query.method != "POST") return not_allowed("POST");
    if (!changes && query.method != "GET" && query.method != "HEAD") return not_allowed("GET");
    if (path == "/replay") return change(action::replay, query.body);
    if (path == "/drop") return change(action::drop, query.body);
    if (path == "/payloads") return list_request(parameters);
    if (path.starts_with(payloads)) return one_payload(path.substr(payloads.size()));
    control_request out;
    out.what = action::stats;
    return out;
}

} // namespace finpost
