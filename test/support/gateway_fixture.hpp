#pragma once

#include "support/log_recorder.hpp"
#include "support/raw_client.hpp"
#include "support/scripted_upstream.hpp"

#include "finpost/gateway.hpp"
#include "finpost/http_upstream.hpp"
#include "finpost/metrics.hpp"

#include <cstddef>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace finpost::test {

/// A gateway in this process, in front of a scripted upstream: set what differs, `start`, be a
/// client.
///
/// At the end of every test case (Boost.Test calls `teardown`) it drains and checks what must
/// always hold: no session and no thread left over, accepted + further = replied + refused +
/// aborted + probes, no byte still buffered, upstream connections closed, as many open descriptors
/// as before.
class gateway_fixture {
    const std::size_t descriptors_before_; // counted before anything below opens one

public:
    gateway_fixture();
    ~gateway_fixture();
    void teardown();

    gateway_config config;   ///< without `listen`: 127.0.0.1, any port
    upstream_config service; ///< without `endpoints`: the scripted upstream; kept for a minute
    std::size_t threads = 2; ///< that run one event loop
    std::size_t loops = 0;   ///< above 0: so many event loops instead, each with one thread
    log_level threshold = log_level::debug;
    metrics counters;
    log_recorder log;
    scripted_upstream upstream;

    /// Starts the gateway: in front of `service`, or of a handler of the test's own.
    void start();
    void start(handler answer, streaming_handler streams = {});

    socket_address address(std::size_t listener = 0) const;
    raw_client connect() const { return raw_client(address()); }
    /// Connect, send, half-close, read to the end.
    raw_client::received exchange(std::string_view data) const;

    /// The gateway's drain, running; ready when it has completed.
    std::future<void> drain(duration grace);
    bool accepting() const;
    void stop_gateway();
    std::size_t sessions() const;
    boost::asio::any_io_executor executor() const;
    gateway& door() const;
    http_upstream& forwarder() const;

    /// Waits until `n` sessions have received at least a byte.
    bool wait_for_bytes_in(std::size_t n) const;

    /// Keeps all of the gateway's threads busy until the result goes: what clients do meanwhile
    /// lies ready in the kernel, and is then seen in one go.
    std::shared_ptr<void> hold_threads();

    /// Checks that a client got exactly this refusal and a FIN, and that the access log and the
    /// metrics say the same.
    void expect_refusal(const raw_client::received& got, reason why);

    std::uint64_t refused(reason why) { return counters.refused_for(why).value(); }
    /// The access line of the n-th exchange that ended (from 1); waits for it and throws when it
    /// never comes.
    log_recorder::record access_line(std::size_t n = 1) const;

private:
    void add_loops();
    struct engine; // the io_context, its threads, the gateway and its upstream
    std::unique_ptr<engine> engine_;
};

/// Whether the machine knows the name `localhost`; a bare chroot without /etc/hosts does not. As
/// `can_run` when not.
bool localhost_is_known();

/// How many descriptors this process has open.
std::size_t open_descriptors();

/// `size` bytes that look random and are the same for the same seed.
std::string some_bytes(std::size_t size, unsigned seed = 1);

/// The reason in a refusal line; empty when `bytes` is not exactly one refusal line.
std::string refusal_reason(std::string_view bytes);
/// The request identifier in a refusal line.
std::string refusal_id(std::string_view bytes);

/// Every payload as a client of its own, `at_once` of them at the same time; the replies in the
/// order of the payloads. A client that fails gives `ending::timeout` and the exception's text.
std::vector<raw_client::received> exchange_all(const socket_address& to,
                                               const std::vector<std::string>& payloads,
                                               std::size_t at_once);

/// Waits for the future for at most 20 s; false when the time is up first.
bool completes(std::future<void>& what);

} // namespace finpost::test
