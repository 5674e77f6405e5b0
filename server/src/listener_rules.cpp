#include "listener_rules.hpp"

#include <utility>

namespace finpost::detail {

shared_resources::shared_resources(const boost::asio::any_io_executor& executor, metrics& counters_,
                                   logger log_)
    : counters(counters_), log(std::move(log_)), budget(0, counters.buffered_bytes),
      files(counters.spilled_bytes), registry(std::make_shared<session_registry>(executor)) {}

listener_rules::listener_rules(std::shared_ptr<shared_resources> shared_, gateway_config config_,
                               listener_parts parts, finpost::handler handler_,
                               finpost::streaming_handler streaming_handler_,
                               std::shared_ptr<admission> admits_)
    : shared(std::move(shared_)), config(std::move(config_)), handler(std::move(handler_)),
      streaming_handler(std::move(streaming_handler_)), admits(std::move(admits_)),
      filter(config.allow, config.deny), handshakes(config.max_handshakes, 0, 0),
      tls(parts.tls.context),
      spills(config.spill_above, std::move(parts.spill_directory), shared->files, shared->log),
      replies(shared->budget, spills),
      forms(std::move(parts.forms)), context{.config = config,
                                             .handler = handler,
                                             .streaming_handler = streaming_handler,
                                             .counters = shared->counters,
                                             .log = shared->log,
                                             .budget = shared->budget,
                                             .registry = *shared->registry,
                                             .admits = *admits,
                                             .filter = filter,
                                             .tls = tls,
                                             .handshakes = handshakes,
                                             .preambles = has_preambles(),
                                             .spills = spills,
                                             .replies = replies,
                                             .forms = forms,
                                             .foreign_warning = shared->foreign_warning} {
    log_warnings(parts.tls, shared->log);
}

std::shared_ptr<const session_context> context_of(std::shared_ptr<const listener_rules> rules) {
    const session_context* const context = &rules->context;
    return {std::move(rules), context};
}

} // namespace finpost::detail
