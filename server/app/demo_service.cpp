#include "demo_service.hpp"

#include <limits>
#include <utility>

namespace finpost {

http_answer answer_demo(http_query query) {
    http_answer out;
    if (query.method != "POST") {
        out.status = 405;
        out.allow = "POST";
        out.body = "this service answers a POST with its own body\n";
        return out;
    }
    if (!query.content_type.empty()) out.content_type = std::move(query.content_type);
    out.body = std::move(query.body);
    return out;
}

std::unique_ptr<small_http_server> make_demo_service(boost::asio::any_io_executor executor,
                                                     std::uint64_t max_body, bool tells,
                                                     logger log) {
    small_http_server::limits most;
    // The gateway's pool is the limit, and it closes what is idle before this does.
    most.connections = std::numeric_limits<std::size_t>::max();
    most.read = std::chrono::seconds(60);
    most.write = std::chrono::seconds(60);
    most.body = max_body;
    most.read_ahead = 64 << 10;
    const socket_address any_port = parse_socket_address("127.0.0.1:0").value();
    const auto answer = [tells, log](http_query query) {
        const auto bytes = static_cast<std::int64_t>(query.body.size());
        http_answer out = answer_demo(std::move(query));
        if (tells && out.status == 200) log(log_level::info, "demo request", {{"bytes", bytes}});
        return out;
    };
    return std::make_unique<small_http_server>(std::move(executor), any_port, most, answer, log);
}

} // namespace finpost
