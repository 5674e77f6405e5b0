#include "queue/postgres/target.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>
#include <new>
#include <sstream>
#include <string_view>

#include <sys/stat.h>

namespace finpost::detail {

namespace {

constexpr std::size_t longest_password = 64 << 10;

struct option_freer {
    void operator()(PQconninfoOption* options) const noexcept { PQconninfoFree(options); }
};
using options = std::unique_ptr<PQconninfoOption, option_freer>;

std::vector<std::string> split_at_commas(std::string_view list) {
    std::vector<std::string> out;
    for (;;) {
        const std::size_t comma = list.find(',');
        out.emplace_back(list.substr(0, comma));
        if (comma == list.npos) return out;
        list.remove_prefix(comma + 1);
    }
}

parsed<std::vector<postgres_target::host>> hosts_of(std::string_view names,
                                                    std::string_view ports) {
    std::vector<postgres_target::host> out;
    const std::vector<std::string> port = split_at_commas(ports);
    const std::vector<std::string> name = split_at_commas(names);
    if (port.size() > 1 && port.size() != name.size())
        return parse_error{"it has as many ports as hosts, or one"};
    for (std::size_t i = 0; i < name.size(); ++i)
        out.push_back({name[i], port.size() == 1 ? port[0] : port[i]});
    return out;
}

// A text is also what an error is made of.
parsed<std::string> as_it_is(std::string text) {
    return {boost::system::in_place_value, std::move(text)};
}

bool has(const postgres_connection::parameters& all, std::string_view keyword) {
    return std::any_of(all.begin(), all.end(),
                       [&](const auto& each) { return each.first == keyword; });
}

// A connection that nobody answers any more is noticed in time, whatever the URL leaves open.
void add_defaults(postgres_connection::parameters& to, const postgres_queue_config& config) {
    const auto patience =
        std::max<std::chrono::milliseconds>(config.timeout, std::chrono::seconds(1));
    const std::initializer_list<std::pair<const char*, std::string>> defaults{
        {"application_name", "finpost " + config.name},
        {"client_encoding", "UTF8"},
        {"target_session_attrs", "read-write"},
        {"tcp_user_timeout", std::to_string(patience.count())},
        {"keepalives_idle", "10"},
        {"keepalives_interval", "5"},
        {"keepalives_count", "3"},
        // libpq asks for tickets of Kerberos, and waits.
        {"gssencmode", "disable"},
    };
    for (const auto& [keyword, value] : defaults)
        if (!has(to, keyword)) to.emplace_back(keyword, value);
}

} // namespace

std::string to_string(const postgres_target::host& host) {
    if (host.name.empty()) return "the local PostgreSQL";
    if (host.name.front() == '/') return host.name;
    return host.name + ':' + (host.port.empty() ? "5432" : host.port);
}

parsed<postgres_target> read_target(const postgres_queue_config& config) {
    const std::string_view url = config.url;
    if (!url.starts_with("postgresql://") && !url.starts_with("postgres://"))
        return parse_error{"expected postgresql://USER@HOST/DATABASE"};
    if (config.name.empty() || config.name.size() > 63)
        return parse_error{"the gateway's name has 1 to 63 bytes"};
    if (config.timeout.count() <= 0) return parse_error{"the timeout is above zero"};
    char* message = nullptr;
    const options read(PQconninfoParse(config.url.c_str(), &message));
    const std::unique_ptr<char, void (*)(void*)> freed(message, PQfreemem);
    // Not libpq's words: they quote the part that they did not understand.
    if (!read) return parse_error{"it is not a URL as libpq reads it"};
    postgres_target target;
    std::string names, ports;
    for (const PQconninfoOption* each = read.get(); each->keyword != nullptr; ++each) {
        if (each->val == nullptr) continue;
        const std::string_view keyword = each->keyword;
        if (keyword == "password")
            return parse_error{"a password does not belong into the URL, which others can see: "
                               "into --queue-password-file"};
        if (keyword == "hostaddr") return parse_error{"hostaddr: write the address as the host"};
        if (keyword == "host")
            names = each->val;
        else if (keyword == "port")
            ports = each->val;
        else
            target.common.emplace_back(keyword, each->val);
    }
    auto hosts = hosts_of(names, ports);
    if (!hosts) return hosts.error();
    target.hosts = std::move(*hosts);
    add_defaults(target.common, config);
    return target;
}

parsed<std::string> read_password(const std::string& file) {
    if (file.empty()) return as_it_is({});
    struct stat is {};
    if (::stat(file.c_str(), &is) != 0)
        return parse_error{file + ": " +
                           error_code(errno, boost::system::system_category()).message()};
    if (!S_ISREG(is.st_mode)) return parse_error{file + ": it is not a file"};
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
    if (!in) return parse_error{file + ": it cannot be read"};
    std::string password = std::move(text).str();
    if (password.ends_with('\n')) password.pop_back();
    if (password.ends_with('\r')) password.pop_back();
    if (password.empty()) return parse_error{file + ": it is empty"};
    if (password.size() > longest_password || password.find('\0') != password.npos)
        return parse_error{file + ": it is not a password"};
    return as_it_is(std::move(password));
}

} // namespace finpost::detail

namespace finpost {

parsed<void> validate(const postgres_queue_config& config) {
    const auto target = detail::read_target(config);
    if (!target) return target.error();
    return {};
}

} // namespace finpost
