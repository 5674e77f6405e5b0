#include "lint/include_lint.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace finpost::test {

namespace {

struct room {
    std::string_view name;
    std::vector<std::string_view> files;       // a folder ends with a slash
    std::vector<std::string_view> may_include; // beside itself; a name
};

// From left to right. What the arrows leave open, this table decides:
// - `handler` is the door between a session and whatever answers it; upstreams stand behind it and
//   know nothing of sessions, receiving and replying know nothing of each other.
// - `queue commands` look into a queue as the gateway does; what sends and measures knows none.
// - `base` is what the server's rooms share: configuration, counters, limits of an exchange.
const std::vector<room>& rooms() {
    static const std::vector<room> table{
        {"queue words", {"server/app/control/queue_json."}, {"queue store", "base", "common"}},
        {"server app",
         {"server/app/"},
         {"queue words", "gateway", "listener set", "listener parts", "session", "delivery",
          "embedded store", "shared store", "queue store", "upstream", "net", "handler", "policy",
          "async", "base", "common"}},
        {"queue commands",
         {"client/app/queue/"},
         {"client app", "queue words", "queue store", "embedded store", "shared store",
          "store parts", "net", "base", "common"}},
        {"client app", {"client/app/"}, {"queue commands", "client", "common"}},
        {"examples",
         {"server/examples/", "client/examples/"},
         {"gateway", "upstream", "handler", "base", "client", "common"}},
        {"client", {"client/src/", "client/include/"}, {"common"}},
        {"gateway",
         {"server/include/finpost/gateway.hpp", "server/src/gateway.",
          "server/src/gateway_access."},
         {"listener set", "listener rules", "listener parts", "registry", "net", "handler", "async",
          "base", "common"}},
        {"listener set",
         {"server/include/finpost/listener_group.hpp", "server/src/checked_group.",
          "server/src/listener_set."},
         {"listener plan", "listener rules", "listener parts", "address listener",
          "accepted client", "registry", "net", "handler", "async", "base", "common"}},
        {"listener plan", {"server/src/listener_plan."}, {"common"}},
        {"listener parts",
         {"server/src/listener_parts."},
         {"reply format", "net", "base", "common"}},
        {"listener rules",
         {"server/src/listener_rules."},
         {"listener parts", "accepted client", "registry", "net", "handler", "policy", "base",
          "common"}},
        {"address listener",
         {"server/src/address_listener."},
         {"acceptor", "policy", "base", "common"}},
        {"acceptor",
         {"server/src/acceptor.", "server/src/accept_permits.", "server/src/accept_shortage.",
          "server/src/early_refusal."},
         {"session", "exchange", "outcome", "reply", "reply format", "accepted client", "registry",
          "net", "policy", "async", "base", "common"}},
        {"session",
         {"server/src/session/session.", "server/src/session/spawn_session."},
         {"exchange", "accepted client", "registry", "preamble", "input", "reply", "reply format",
          "outcome", "client socket", "handler", "policy", "async", "base", "common"}},
        {"exchange",
         {"server/src/session/exchange.", "server/src/session/exchange_log.",
          "server/src/session/exchange_record.", "server/src/session/exchange_streamed.",
          "server/src/session/exchange_forms."},
         {"request access", "reply format", "accepted client", "input", "receive", "stream",
          "reply", "outcome", "codec", "client socket", "handler", "policy", "async", "base",
          "common"}},
        {"accepted client",
         {"server/src/session/accepted_client.", "server/src/session/session_context."},
         {"registry", "preamble", "net", "handler", "policy", "base", "common"}},
        {"registry",
         {"server/src/session/session_registry."},
         {"policy", "async", "base", "common"}},
        {"preamble",
         {"server/src/session/preamble."},
         {"client socket", "policy", "async", "base", "common"}},
        {"receive",
         {"server/src/session/receive", "server/src/session/upload."},
         {"input", "client socket", "codec", "net", "policy", "async", "base", "common"}},
        {"input",
         {"server/src/session/payload_input."},
         {"client socket", "net", "base", "common"}},
        {"reply",
         {"server/src/session/reply"},
         {"reply format", "accepted client", "codec", "client socket", "net", "handler", "policy",
          "async", "base", "common"}},
        {"reply format", {"server/src/reply_format/"}, {"base", "common"}},
        {"stream",
         {"server/src/session/client_stream."},
         {"input", "client socket", "codec", "handler", "policy", "async", "base", "common"}},
        {"outcome", {"server/src/session/outcome."}, {"policy", "base", "common"}},
        {"codec",
         {"server/src/session/payload_codec.", "server/src/session/payload_text."},
         {"net", "base", "common"}},
        {"upstream",
         {"server/src/upstream/", "server/include/finpost/http_upstream.hpp"},
         {"request access", "upstream socket", "net", "handler", "policy", "async", "base",
          "common"}},
        {"delivery",
         {"server/include/finpost/delivery_queue.hpp", "server/src/queue/delivery_queue.",
          "server/src/queue/deliver", "server/src/queue/receipts.",
          "server/src/queue/deadline_timer.", "server/src/queue/payload_digest."},
         {"delivery rules", "queue store", "upstream", "request access", "handler", "policy", "net",
          "async", "base", "common"}},
        {"delivery rules",
         {"server/src/queue/delivery_circuit.", "server/src/queue/delivery_schedule.",
          "server/src/queue/retry_after."},
         {"base", "common"}},
        {"queue store",
         {"server/include/finpost/queue_store.hpp", "server/include/finpost/queued_payload.hpp",
          "server/include/finpost/sqlite_queue.hpp", "server/include/finpost/queue_error.hpp",
          "server/include/finpost/postgres_queue.hpp"},
         {"base", "common"}},
        {"store parts",
         {"server/src/queue/crc32c.", "server/src/queue/operation_end.",
          "server/src/queue/store_limits."},
         {"base", "common"}},
        {"shared store",
         {"server/src/queue/postgres/"},
         {"store parts", "queue store", "async", "base", "common"}},
        {"embedded store",
         {"server/src/queue/"},
         {"store parts", "queue store", "net", "base", "common"}},
        {"client socket", {"server/src/net/client_socket."}, {"net", "async", "base", "common"}},
        {"upstream socket",
         {"server/src/net/upstream_stream."},
         {"net", "async", "base", "common"}},
        {"net", {"server/src/net/"}, {"async", "base", "common"}},
        {"handler",
         {"server/include/finpost/handler.hpp", "server/include/finpost/shared_function.hpp",
          "server/include/finpost/exchange_stream.hpp",
          "server/include/finpost/deadline_cancellation.hpp"},
         {"base", "common"}},
        {"request access", {"server/src/request_access."}, {"handler", "policy", "base", "common"}},
        {"policy", {"server/src/policy/"}, {"async", "base", "common"}},
        {"async", {"server/src/async/"}, {"base", "common"}},
        {"base",
         {"server/include/finpost/config.hpp", "server/include/finpost/config_problem.hpp",
          "server/include/finpost/upstream_config.hpp", "server/src/config.",
          "server/src/config_checker.", "server/include/finpost/event_loops.hpp",
          "server/src/event_loops.", "server/include/finpost/metrics.hpp", "server/src/metrics.",
          "server/include/finpost/exchange_deadline.hpp", "server/src/exchange_deadline.",
          "server/include/finpost/request_id.hpp", "server/src/request_id.",
          "server/include/finpost/session_view.hpp", "server/src/session_view.",
          "server/src/random.", "server/src/single_writer_counter."},
         {"common"}},
        {"common", {"common/include/", "common/src/"}, {}},
        {"test", {"test/"}, {"*"}},
    };
    return table;
}

const room* find_room(std::string_view path) {
    for (const room& each : rooms())
        for (const std::string_view file : each.files)
            if (path.starts_with(file)) return &each;
    return nullptr;
}

// The file that `#include "name"` in `path` means: beside it, or in a folder that is searched.
std::optional<std::string> file_named(std::string_view name, std::string_view path,
                                      const std::set<std::string>& files) {
    constexpr std::array<std::string_view, 9> searched{
        "common/include/", "server/include/", "client/include/", "server/src/", "client/src/",
        "test/",           "server/app/",     "client/app/",     "common/src/"};
    std::vector<std::string> candidates{std::string(path.substr(0, path.rfind('/') + 1)) +
                                        std::string(name)};
    for (const std::string_view folder : searched)
        candidates.push_back(std::string(folder) + std::string(name));
    for (const std::string& each : candidates)
        if (files.count(each) > 0) return each;
    return std::nullopt;
}

bool one_of(std::string_view text, std::initializer_list<std::string_view> all) {
    return std::find(all.begin(), all.end(), text) != all.end();
}

// What a library's header may not be included for here; empty when it may.
std::string fault_of_library(std::string_view path, const room& here, std::string_view name) {
    const bool public_header = path.find("/include/") != path.npos;
    const bool app = one_of(here.name, {"server app", "queue words", "client app", "queue commands",
                                        "examples", "test"});
    if (name.starts_with("<boost/beast")) {
        if (public_header) return "Beast in a public header";
        // It is compiled there once, for everyone.
        if (here.name == "common" && path != "common/src/beast.cpp") return "Beast in common";
    }
    if (app) return {};
    if (name.starts_with("<boost/log/")) return "Boost.Log outside of an app";
    if (name.starts_with("<CLI/")) return "CLI11 outside of an app";
    if (name.starts_with("<prometheus/")) return "prometheus-cpp outside of an app";
    // sendfile cannot be told not to raise SIGPIPE: one thread holds it back for the length of a
    // call.
    const bool no_sigpipe = path == "server/src/net/spill_io.cpp" && name == "<signal.h>";
    if (one_of(name, {"<csignal>", "<signal.h>", "<boost/asio/signal_set.hpp>"}) && !no_sigpipe)
        return "signals outside of an app";
    // What a thread keeps for itself ends with it, whoever has made it.
    const bool keeps = path == "common/src/of_each_thread.hpp" && name == "<pthread.h>";
    if ((one_of(name, {"<thread>", "<boost/asio/thread_pool.hpp>", "<pthread.h>"}) && !keeps) ||
        name.starts_with("<boost/thread"))
        return "threads outside of an app";
    return {};
}

std::string fault_of_file(std::string_view path, const room& here, std::string_view name,
                          const std::set<std::string>& files) {
    const auto file = file_named(name, path, files);
    if (!file) return "names no file of the project";
    const room* const there = find_room(*file);
    if (there == nullptr || there == &here) return {}; // a file without a room is reported itself
    const auto& may = here.may_include;
    if (std::find(may.begin(), may.end(), "*") != may.end()) return {};
    if (std::find(may.begin(), may.end(), there->name) != may.end()) return {};
    return std::string(here.name) + " must not include " + std::string(there->name);
}

} // namespace

std::string room_of(std::string_view path) {
    const room* const found = find_room(path);
    return found == nullptr ? std::string() : std::string(found->name);
}

std::vector<finding> check_includes(std::string_view path, std::string_view source,
                                    const std::set<std::string>& files) {
    const room* const here = find_room(path);
    if (here == nullptr) return {{1, "is in no room: put it in the table of test/lint"}};
    std::vector<finding> findings;
    for (const inclusion& each : includes_of(source)) {
        const std::string_view name = each.name;
        const std::string_view bare = name.substr(1, name.size() - 2);
        const std::string fault = name.front() == '<' ? fault_of_library(path, *here, name)
                                                      : fault_of_file(path, *here, bare, files);
        if (!fault.empty()) findings.push_back({each.line, each.name + ": " + fault});
    }
    return findings;
}

} // namespace finpost::test
