#include "finpost/config.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace finpost {

namespace {

// One year: what any limit is below, so that adding it to a time point cannot overflow.
constexpr duration longest = std::chrono::hours(24 * 365);

class checker {
public:
    void require(bool good, std::string_view field, std::string message) {
        if (!good) problems_.push_back({std::string(field), std::move(message)});
    }
    void positive(duration value, std::string_view field) {
        require(value > duration::zero() && value <= longest, field,
                "must be above zero and at most a year");
    }
    std::vector<config_problem> done() { return std::move(problems_); }

private:
    std::vector<config_problem> problems_;
};

bool is_field_value(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
        return c >= ' ' && c <= '~';
    });
}

std::string sum_up(const std::vector<config_problem>& problems) {
    std::string text;
    for (const config_problem& problem : problems) {
        if (!text.empty()) text += "; ";
        text += problem.field + ": " + problem.message;
    }
    return text;
}

// Sizes are added and doubled in size_t and ssize_t: far below their end is far enough for anyone.
constexpr std::uint64_t largest = std::uint64_t{1} << 46;

} // namespace

config_error::config_error(std::vector<config_problem> problems)
    : std::invalid_argument(sum_up(problems)), problems_(std::move(problems)) {}

std::vector<config_problem> validate(const gateway_config& config) {
    checker check;
    check.require(!config.listen.empty(), "listen", "at least one address is needed");
    for (std::size_t i = 0; i < config.listen.size(); ++i) {
        const socket_address& address = config.listen[i];
        const bool twice = address.port() != 0 &&
                           std::count(config.listen.begin(), config.listen.begin() +
                                      static_cast<std::ptrdiff_t>(i), address) > 0;
        check.require(!twice, "listen", to_string(address) + " is given twice");
    }
    check.require(config.max_payload > 0 && config.max_payload <= largest, "max_payload",
                  "must be above zero and at most 64 TiB");
    check.require(config.max_buffered >= config.max_payload && config.max_buffered <= largest,
                  "max_buffered", "must be at least max_payload (" +
                  format_size(config.max_payload) + ") and at most 64 TiB");
    check.require(config.max_connections > 0, "max_connections", "must be above zero");
    check.positive(config.receive_idle, "receive_idle");
    check.positive(config.receive_total, "receive_total");
    check.positive(config.reply_total, "reply_total");
    check.positive(config.linger, "linger");
    return check.done();
}

std::vector<config_problem> validate(const upstream_config& config) {
    checker check;
    check.require(!config.endpoints.empty(), "endpoints", "at least one URL is needed");
    for (const http_url& url : config.endpoints) {
        check.require(url.scheme == "http", "endpoints",
                      to_string(url) + ": https:// is not supported yet, only http://");
        check.require(url.target == config.endpoints.front().target, "endpoints",
                      to_string(url) + ": endpoints of one upstream have the same path, " +
                      config.endpoints.front().target);
        const auto same = std::count(config.endpoints.begin(), config.endpoints.end(), url);
        check.require(same == 1 || &url == &config.endpoints.front(), "endpoints",
                      to_string(url) + " is given twice");
    }
    check.require(is_field_value(config.content_type), "content_type",
                  "must be printable ASCII and not empty");
    check.positive(config.connect, "connect");
    check.positive(config.total, "total");
    check.require(config.max_reply > 0 && config.max_reply <= largest, "max_reply",
                  "must be above zero and at most 64 TiB");
    check.require(config.max_connections > 0, "max_connections", "must be above zero");
    check.positive(config.keep_alive, "keep_alive");
    check.positive(config.resolve_every, "resolve_every");
    return check.done();
}

} // namespace finpost
