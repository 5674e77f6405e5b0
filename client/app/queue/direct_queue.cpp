#include "queue/direct_queue.hpp"

#include "control/queue_json.hpp"
#include "queue/postgres/store.hpp"
#include "queue/sqlite_store.hpp"
#include "quoted.hpp"

#include <cerrno>
#include <cstdio>
#include <limits>
#include <utility>
#include <variant>

#include <unistd.h>

namespace json = boost::json;

namespace finpost {

namespace {

constexpr std::size_t page_size = 500;

// What the store has to say is about the disk: people who look after a queue want to see it.
void print_event(log_level, std::string_view event, std::span<const log_field> fields) {
    std::string line = "finpost: ";
    line += event;
    for (const log_field& each : fields) {
        ((line += ' ') += each.name) += '=';
        if (const auto* text = std::get_if<std::string_view>(&each.value))
            line += detail::printable(*text);
        else if (const auto* number = std::get_if<std::int64_t>(&each.value))
            line += std::to_string(*number);
    }
    std::fprintf(stderr, "%s\n", line.c_str());
}

} // namespace

parsed<std::unique_ptr<direct_queue>> direct_queue::open(const std::string& directory, bool make) {
    if (!make && ::access((directory + "/queue.db").c_str(), F_OK) != 0)
        return parse_error{
            directory + (errno == ENOENT || errno == ENOTDIR
                             ? ": there is no queue: finpost queue init --queue-dir makes one"
                             : ": cannot be looked at: " +
                                   error_code(errno, boost::system::system_category()).message())};
    std::unique_ptr<direct_queue> made(new direct_queue(directory));
    detail::sqlite_store_options options;
    options.directory = directory;
    options.executor = made->loop_.get_executor();
    options.thread = made->disk_.get_executor();
    options.max_bytes =
        std::numeric_limits<std::int64_t>::max(); // a gateway's --queue-max is its own
    options.keep_order = true;
    options.log = logger(log_level::warning, print_event);
    auto opened = detail::sqlite_store::open(std::move(options));
    if (!opened) return opened.error();
    made->store_ = std::move(*opened);
    made->client_.emplace(*made->store_, made->loop_);
    return made;
}

parsed<std::unique_ptr<direct_queue>> direct_queue::open(postgres_queue_config config, bool make) {
    config.name = "finpost queue";
    config.max_bytes = std::numeric_limits<std::int64_t>::max(); // of a gateway, as above
    const auto good = make ? make_postgres_queue(config) : check_postgres_queue(config);
    if (!good) return good.error();
    std::unique_ptr<direct_queue> made(new direct_queue(config.url));
    const boost::asio::any_io_executor loop = made->loop_.get_executor();
    const bool keep_order = true;
    auto opened = detail::postgres_store::open(config, loop, loop, nullptr,
                                               logger(log_level::warning, print_event), keep_order);
    if (!opened) return opened.error();
    made->store_ = std::move(*opened);
    made->client_.emplace(*made->store_, made->loop_);
    return made;
}

direct_queue::~direct_queue() {
    store_.reset();
    loop_.restart();
    loop_.run();  // the connections are closed then
    disk_.join(); // the directory is free then
}

parse_error direct_queue::problem(const error_code& ec) const {
    if (const auto fatal = store_->fatal()) return {place_ + ": " + *fatal};
    if (ec == queue_error::full)
        return {place_ + ": the disk is full: nothing was stored, nothing was changed"};
    const std::string why = store_->unavailable().value_or("the queue failed");
    return {place_ + ": " + why + ": it is not known whether it was done"};
}

parsed<json::object> direct_queue::stats() {
    const auto now = client_->stats();
    if (!now) return problem(now.error());
    json::object out = to_json(*now);
    out["max_bytes"] = nullptr; // of the gateway, which does not run
    return out;
}

parsed<queue_rows> direct_queue::list(const queue_filter& filter, std::uint64_t after) {
    const auto entries = client_->list(filter, {after, page_size});
    if (!entries) return problem(entries.error());
    queue_rows out;
    for (const queue_entry& each : *entries) out.rows.push_back(to_json(each));
    if (!entries->empty()) out.next = entries->back().sequence;
    return out;
}

parsed<std::optional<json::object>> direct_queue::show(const request_id& id) {
    const auto found = client_->show(id);
    if (!found) return problem(found.error());
    std::optional<json::object> out;
    if (*found) out = to_json((*found)->entry);
    return out;
}

parsed<bool> direct_queue::read(const request_id& id, const take_bytes& take) {
    const auto found = client_->show(id);
    if (!found) return problem(found.error());
    if (!*found) return false;
    const auto taken = read_pieces((*found)->body, take);
    if (!taken) return taken.error();
    return true;
}

parsed<std::size_t> direct_queue::replay(const std::vector<request_id>& ids) {
    queue_filter filter;
    filter.ids = ids;
    const auto n = client_->replay(filter, {0, ids.size()});
    if (!n) return problem(n.error());
    return *n;
}

parsed<std::size_t> direct_queue::drop(const std::vector<request_id>& ids) {
    queue_filter filter;
    filter.ids = ids;
    const auto n = client_->drop(filter, {0, ids.size()});
    if (!n) return problem(n.error());
    return *n;
}

parsed<void> read_pieces(const payload& body, const queue_door::take_bytes& take) {
    std::vector<std::byte> piece(std::min(queue_door::piece_size, body.size()));
    for (std::uint64_t at = 0; at < body.size();) {
        const auto n = body.read(at, piece);
        if (!n || *n == 0)
            return parse_error{"byte " + std::to_string(at) + " cannot be read: " +
                               (n ? std::string("the file is shorter") : n.error().message())};
        const auto taken = take(std::span<const std::byte>(piece).first(*n));
        if (!taken) return taken.error();
        at += *n;
    }
    return {};
}

} // namespace finpost
