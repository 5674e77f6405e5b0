#include "config/configure.hpp"

#include "config/config_file.hpp"
#include "config/option_table.hpp"
#include "config/secret_reference.hpp"
#include "listener_parts.hpp"
#include "quoted.hpp"
#include "upstream/upstream_parts.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace finpost {

using namespace detail;

namespace {

bool is_word(char c) { return (c >= 'a' && c <= 'z') || c == '_'; }

// A message of `validate` may name other fields: people know them by their flags.
std::string with_flags(const std::string& message) {
    std::string out;
    for (std::size_t i = 0; i < message.size();) {
        std::size_t end = i;
        while (end < message.size() && is_word(message[end])) ++end;
        const std::string word = message.substr(i, end - i);
        const auto table = option_table();
        const bool field = std::any_of(table.begin(), table.end(), [&](const option_row& row) {
            return word.find('_') != word.npos && row.key() == word;
        });
        out += field ? flag_of(word) : word;
        if (end < message.size()) out += message[end++];
        i = end;
    }
    return out;
}

using strings = std::vector<std::string>;
using problem_list = strings;

// What a flag says to several tables is wrong only once.
void add_once(problem_list& problems, std::string text) {
    if (std::find(problems.begin(), problems.end(), text) == problems.end())
        problems.push_back(std::move(text));
}

// What an image sets for everybody is left to the file by an empty variable: a container cannot
// unset one.
bool emptied(const given_value& value) {
    return !value.variable.empty() && value.texts == strings{""};
}

// Sets what is given, and remembers where it stood and what of it was wrong.
class table_reader {
public:
    table_reader(const given_values& flags, problem_list& problems)
        : flags_(flags), problems_(problems) {}

    void read(daemon_config& into, option_scope scope, const given_values& file,
              written_values& written) {
        for (const option_row& row : option_table()) {
            if (row.scope() != scope) continue;
            const bool by_flag = flags_.count(row.flag) > 0;
            const bool left = by_flag && emptied(flags_.at(row.flag)) && file.count(row.flag) > 0;
            const given_values& source = by_flag && !left ? flags_ : file;
            const auto found = source.find(row.flag);
            if (found == source.end()) continue;
            const auto& [texts, where, variable] = found->second;
            where_.emplace(row.flag, where);
            if (!variable.empty()) variables_.emplace(row.flag, variable);
            if (texts.empty()) wrong_.emplace(row.flag);
            row.field.clear(into);
            for (const std::string& text : texts) {
                std::string problem = row.field.set(into, text);
                const bool list =
                    row.repeatable() && row.flag != "--header" && text.find(',') != text.npos;
                if (!problem.empty() && list) problem += one_by_one(where);
                if (!problem.empty()) report(row.flag, problem);
            }
            written.emplace(row.flag, texts);
        }
    }

    // Only in a variable do commas separate.
    static std::string one_by_one(const std::string& where) {
        return where.starts_with("--") ? ": give the flag twice for two of them"
                                       : ": two of them are an array";
    }

    bool wrong(std::string_view flag) const { return wrong_.count(flag) > 0; }

    void report(std::string_view flag, const std::string& message) {
        add_once(problems_, about(flag, message));
        wrong_.emplace(flag);
    }

    // A message with the place where the setting was given.
    std::string about(std::string_view flag, const std::string& message) const {
        const auto found = where_.find(flag);
        return (found == where_.end() ? std::string(flag) : found->second) + ": " + message +
               source(flag);
    }

    // What `validate` has found. `table` is where a setting would stand that nobody gave.
    void report(const std::vector<config_problem>& found, const std::string& table = {}) {
        for (const config_problem& problem : found) {
            const std::string flag = flag_of(problem.field);
            // A field whose value could not even be read still holds its default.
            if (wrong(flag)) continue;
            std::string where = flag;
            if (const auto known = where_.find(flag); known != where_.end())
                where = known->second;
            else if (!table.empty())
                where = table + ": " + row_of(flag).table_key();
            const bool of_flag = where.starts_with("--");
            add_once(problems_, where + ": " +
                                    (of_flag ? with_flags(problem.message) : problem.message) +
                                    source(flag));
        }
    }

    // The same, or what was made.
    template <class Parts>
    made_once<Parts> take(checked<Parts> made, const std::string& table = {}) {
        if (made) return {std::make_shared<const Parts>(std::move(*made))};
        report(made.error(), table);
        return {};
    }

private:
    // A user who gave the variable would not look for a flag.
    std::string source(std::string_view flag) const {
        const auto found = variables_.find(flag);
        return found == variables_.end() ? "" : " (from " + found->second + ')';
    }

    const given_values& flags_;
    problem_list& problems_;
    std::map<std::string_view, std::string, std::less<>> where_, variables_;
    std::set<std::string, std::less<>> wrong_;
};

bool is_every_address(const socket_address& address) {
    return address.host() == "0.0.0.0" || address.host() == "::";
}

// Whether the second of two sockets could not listen. An IPv6 socket is for IPv6 only.
bool collide(const socket_address& a, const socket_address& b) {
    if (a.port() == 0 || a.port() != b.port() || a.is_v6() != b.is_v6()) return false;
    return a == b || is_every_address(a) || is_every_address(b);
}

// What the start would find out when it binds: addresses that this configuration itself has taken
// already.
void report_collisions(table_reader& reader, const daemon_config& config,
                       const std::vector<socket_address>& listen) {
    for (std::size_t i = 0; i < listen.size(); ++i) {
        for (std::size_t k = 0; k < i; ++k) {
            if (collide(listen[i], listen[k]) &&
                listen[i] != listen[k]) // equal ones: see `validate`
                reader.report("--listen",
                              to_string(listen[i]) + " and " + to_string(listen[k]) +
                                  " cannot stand together: one of them is all addresses");
        }
        for (const listener_config& earlier : config.listeners) {
            for (const socket_address& taken : earlier.gateway.listen) {
                if (!collide(listen[i], taken)) continue;
                reader.report("--listen",
                              to_string(listen[i]) + " is in an earlier table as well" +
                                  (taken == listen[i] ? ""
                                                      : ", as a part of " + to_string(taken) +
                                                            " or the whole of it"));
            }
        }
        if (config.admin && collide(listen[i], *config.admin))
            reader.report("--listen", to_string(listen[i]) + " and the admin port, " +
                                          to_string(*config.admin) + ", cannot stand together");
    }
}

void report_delivery(table_reader& reader, const daemon_config& process, const daemon_config& read,
                     const std::string& table = {}) {
    if (read.of_listener.mode == delivery_mode::relay) return;
    if (!process.queue.there_is_one() && !reader.wrong("--queue-dir"))
        reader.report("--delivery", "needs a queue: --queue-dir names its directory, or "
                                    "--queue-database its database");
    if (read.gateway.stream_above)
        reader.report({{"stream_above", "does not go together with a delivery by the queue, which "
                                        "stores whole payloads"}},
                      table);
}

// From here on the values of header fields hold what their references stand for.
void read_secrets(table_reader& reader, upstream_config& upstream, written_config& written) {
    add_files(written.files, upstream);
    for (http_header& header : upstream.headers) {
        resolved_value value = resolve_references(header.value);
        const std::string name = in_quotes(header.name) + ": ";
        for (const std::string& problem : value.problems) reader.report("--header", name + problem);
        for (const std::string& warning : value.warnings)
            add_once(written.warnings, reader.about("--header", name + warning));
        header.value = std::move(value.text);
    }
}

// All upstreams have one queue.
void report_orders(problem_list& problems, const daemon_config& config) {
    for (const named_upstream& upstream : config.upstreams)
        if (upstream.delivery.order != config.upstreams.front().delivery.order)
            return add_once(problems, "--delivery-order: is the same for all upstreams, which "
                                      "have one queue");
}

// One listener group and one upstream.
void read_short_form(daemon_config& config, const given_values& flags, const config_file& file,
                     problem_list& problems) {
    written_config& written = config.written;
    written.listeners.resize(1);
    written.upstreams.resize(1);
    table_reader reader(flags, problems);
    reader.read(config, option_scope::process, file.top.values, written.process);
    reader.read(config, option_scope::listener, file.top.values, written.listeners[0]);
    reader.read(config, option_scope::upstream, file.top.values, written.upstreams[0]);
    if (config.demo && !config.upstream.endpoints.empty())
        reader.report("--demo", "is an upstream itself and cannot stand beside --upstream");
    if (!config.demo && config.upstream.endpoints.empty() && !reader.wrong("--upstream"))
        reader.report("--upstream", "no URL is given, so there is nowhere to send payloads to; "
                                    "--demo brings a service of its own");
    read_secrets(reader, config.upstream, written);
    // The demo's address is known once it listens.
    upstream_config upstream = config.upstream;
    if (upstream.endpoints.empty())
        upstream.endpoints = {parse_http_url("http://127.0.0.1:1/").value()};
    add_files(written.files, config.gateway);
    auto listener = reader.take(make_listener_parts(config.gateway));
    report_collisions(reader, config, config.gateway.listen);
    auto behind = reader.take(make_upstream_parts(upstream));
    reader.report(validate(config.of_upstream.queue));
    reader.report(validate(config.queue));
    report_delivery(reader, config, config);
    config.listeners = {{config.gateway, "default", std::move(listener), config.of_listener}};
    config.upstreams = {{"default", config.upstream, std::move(behind), config.of_upstream}};
}

std::string list_of(const std::vector<file_table>& upstreams) {
    std::string names;
    for (const file_table& upstream : upstreams)
        names += (names.empty() ? "" : ", ") + printable(upstream.name.texts.front());
    return names;
}

// The upstream that a listener's table names, or the only one there is.
std::string upstream_of(const file_table& listener, const config_file& file,
                        problem_list& problems) {
    const auto& all = file.upstreams;
    if (listener.name.texts.empty()) {
        if (listener.name.where.empty() && all.size() == 1) return all[0].name.texts.front();
        if (listener.name.where.empty() && !all.empty())
            problems.push_back(listener.where +
                               ": upstream: is needed, as there are several: "
                               "expected one of " +
                               list_of(all));
        return {};
    }
    const std::string& name = listener.name.texts.front();
    const bool known = std::any_of(all.begin(), all.end(), [&](const file_table& upstream) {
        return upstream.name.texts.front() == name;
    });
    // Without any, the file as a whole is told so.
    if (!known && !all.empty())
        problems.push_back(listener.name.where + ": there is no table [upstreams." +
                           printable(name) + "]: expected one of " + list_of(all));
    return name;
}

void read_long_form(daemon_config& config, given_values flags, const config_file& file,
                    problem_list& problems) {
    config.written.long_form = true;
    for (const char* flag : {"--listen", "--upstream", "--demo"}) {
        const auto found = flags.find(flag);
        if (found == flags.end()) continue;
        const bool left = emptied(found->second);
        flags.erase(found);
        if (!left)
            problems.push_back(std::string(flag) +
                               ": cannot stand beside a file with [[listeners]]"
                               " tables, which say that themselves; nor can " +
                               row_of(flag).environment());
    }
    table_reader process(flags, problems);
    process.read(config, option_scope::process, file.top.values, config.written.process);
    process.report(validate(config.queue));
    for (const file_table& table : file.upstreams) {
        daemon_config read;
        table_reader reader(flags, problems);
        reader.read(read, option_scope::upstream, table.values,
                    config.written.upstreams.emplace_back());
        read_secrets(reader, read.upstream, config.written);
        auto made = reader.take(make_upstream_parts(read.upstream), table.where);
        reader.report(validate(read.of_upstream.queue), table.where);
        config.upstreams.push_back(
            {table.name.texts.front(), read.upstream, std::move(made), read.of_upstream});
    }
    report_orders(problems, config);
    for (const file_table& table : file.listeners) {
        daemon_config read;
        read.gateway.listen.clear(); // each table says its own
        table_reader reader(flags, problems);
        reader.read(read, option_scope::listener, table.values,
                    config.written.listeners.emplace_back());
        read.gateway.max_buffered = config.gateway.max_buffered;
        add_files(config.written.files, read.gateway);
        auto made = reader.take(make_listener_parts(read.gateway), table.where);
        report_collisions(reader, config, read.gateway.listen);
        report_delivery(reader, config, read, table.where);
        config.listeners.push_back(
            {read.gateway, upstream_of(table, file, problems), std::move(made), read.of_listener});
    }
}

} // namespace

daemon_config configure(const given_values& flags, const config_file& file,
                        std::vector<std::string>& problems) {
    daemon_config config;
    if (file.long_form())
        read_long_form(config, flags, file, problems);
    else
        read_short_form(config, flags, file, problems);
    return config;
}

daemon_config load_config(const given_values& flags, const std::string& path,
                          std::vector<std::string>& problems, config_file* parsed) {
    config_file file;
    std::vector<file_stamp> files;
    if (!path.empty()) {
        files.push_back(stamp_of(path)); // before it is read
        std::vector<std::string> found;
        file = read_config_file(path, found);
        if (parsed != nullptr) *parsed = file;
        problems.insert(problems.end(), found.begin(), found.end());
        // Of a file that could not be read nothing is known, so nothing is missing in it either.
        if (file.top.where.empty() && !found.empty()) {
            daemon_config unknown;
            unknown.written.files = std::move(files);
            return unknown;
        }
    }
    daemon_config config = configure(flags, file, problems);
    config.written.files.insert(config.written.files.begin(), files.begin(), files.end());
    return config;
}

} // namespace finpost
