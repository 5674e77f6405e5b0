#include "daemon.hpp"

#include "admin.hpp"
#include "demo_service.hpp"
#include "descriptor_limit.hpp"
#include "log_setup.hpp"
#include "metrics_text.hpp"

#include "finpost/gateway.hpp"
#include "finpost/http_upstream.hpp"
#include "finpost/metrics.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <utility>

#include <unistd.h>

namespace asio = boost::asio;

namespace finpost {

namespace {

constexpr std::chrono::milliseconds log_limit{1'000}; // for the last lines, at the exit

std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::size_t threads_of(const daemon_config& config) {
    return config.threads > 0 ? config.threads : std::max(1u, std::thread::hardware_concurrency());
}

template <class Range>
std::string joined(const Range& all) {
    std::string text;
    for (const auto& one : all) text += (text.empty() ? "" : ",") + to_string(one);
    return text;
}

// One more signal while everything is put away must not make a failure of a clean stop.
void block_signals() {
    sigset_t stops;
    ::sigemptyset(&stops);
    for (const int one : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&stops, one);
    ::pthread_sigmask(SIG_BLOCK, &stops, nullptr);
}

// A message for one line: system_error ends its own with brackets full of source positions.
std::string plain_message(const std::exception& error) {
    std::string text = error.what();
    if (const auto* system = dynamic_cast<const boost::system::system_error*>(&error)) {
        const std::string brackets = std::string(" [") + system->code().category().name();
        text.erase(std::min(text.size(), text.rfind(brackets)));
    }
    return text;
}

/// The gateway with everything around it, from start to stop.
class daemon {
public:
    daemon(const daemon_config& config, log_setup& log_output)
        : config_(config), log_output_(log_output), log_(log_output.door()),
          io_(static_cast<int>(threads_of(config))), control_(asio::make_strand(io_)),
          signals_(control_, SIGINT, SIGTERM, SIGHUP), delay_(control_) {}

    /// Binds everything; throws what `finpostd` says before it exits with 1.
    void start() {
        std::signal(SIGPIPE, SIG_IGN);
        fit_into_descriptors();
        if (config_.demo) start_demo();
        upstream_.emplace(io_.get_executor(), config_.upstream, counters_, log_);
        upstream_->start();
        gateway_.emplace(io_.get_executor(), config_.gateway, upstream_->as_handler(), counters_,
                         log_);
        if (config_.admin) start_admin();
        wait_for_signal(); // before anybody can know that this runs
        gateway_->start();
        log_ready();
    }

    /// Serves until a signal has stopped everything.
    void run() {
        std::vector<std::thread> others;
        for (std::size_t i = 1; i < threads_of(config_); ++i)
            others.emplace_back([this] { run_loop(); });
        run_loop();
        for (std::thread& one : others) one.join();
        block_signals();
        const metrics::sessions view = counters_.read_sessions();
        log_(log_level::info, "stopped",
             {{"exchanges", number(view.replied)}, {"refused", number(view.refused)},
              {"aborted", number(view.aborted)}, {"probes", number(view.probes)},
              {"log_dropped", number(log_output_.dropped())}});
    }

private:
    // A bug in one handler must not end the process, nor the thread.
    void run_loop() {
        for (;;) {
            try {
                io_.run();
                return;
            } catch (const std::exception& bug) {
                internal_errors_.add();
                log_(log_level::error, "internal error", {{"what", bug.what()}});
            }
        }
    }

    void fit_into_descriptors() {
        const std::size_t limit = raise_descriptor_limit();
        const connection_limits wanted{config_.gateway.max_connections,
                                       config_.upstream.max_connections};
        const connection_limits given = within_descriptors(limit, wanted, config_.demo);
        if (given.clients < wanted.clients) {
            log_(log_level::warning, "descriptors short",
                 {{"descriptors", number(limit)}, {"max_connections", number(given.clients)},
                  {"wanted", number(wanted.clients)}});
        }
        config_.gateway.max_connections = given.clients;
        config_.upstream.max_connections = given.upstream;
    }

    void start_demo() {
        demo_ = make_demo_service(io_.get_executor(), config_.gateway.max_payload, log_);
        demo_->start();
        const std::string url = "http://" + to_string(demo_->address()) + '/';
        config_.upstream.endpoints = {parse_http_url(url).value()};
    }

    void start_admin() {
        const admin_view view{
            [this] { return not_ready(); },
            [this] {
                return metrics_text(counters_, {FINPOST_VERSION, upstream_->endpoints(),
                                                log_output_.dropped(), internal_errors_.value()});
            }};
        small_http_server::limits most; // small is right; a little body is read to be told 405
        most.body = 64 << 10;
        try {
            admin_ = std::make_unique<small_http_server>(
                io_.get_executor(), *config_.admin, most,
                [view](http_query query) { return answer_admin(query, view); }, log_);
        } catch (const boost::system::system_error& failed) {
            throw std::runtime_error("admin port: " + plain_message(failed));
        }
        admin_->start();
    }

    std::string not_ready() const {
        if (stopping_) return "draining";
        if (!gateway_->accepting()) return "not accepting yet";
        std::string down;
        for (const auto& one : upstream_->endpoints()) {
            if (one.up) return {};
            down += ' ' + one.endpoint;
        }
        return "no endpoint of the upstream is usable:" + down;
    }

    void log_ready() {
        constexpr duration nat_limit{55'000};
        if (config_.upstream.total > nat_limit) {
            log_(log_level::warning, "upstream_total long",
                 {{"upstream_total", format_duration(config_.upstream.total)},
                  {"what", "NATs and sidecars drop a half-closed connection after 60s: keep "
                           "it at 55s or below"}});
        }
        log_(log_level::info, "ready",
             {{"version", FINPOST_VERSION}, {"listen", joined(gateway_->endpoints())},
              {"admin", admin_ ? to_string(admin_->address()) : "off"},
              {"upstream", joined(config_.upstream.endpoints)}, {"demo", config_.demo},
              {"threads", number(threads_of(config_))},
              {"max_connections", number(config_.gateway.max_connections)},
              {"pid", static_cast<std::int64_t>(::getpid())}});
    }

    void wait_for_signal() {
        signals_.async_wait([this](const boost::system::error_code& ec, int number) {
            if (ec) return;
            on_signal(number);
            wait_for_signal();
        });
    }

    void on_signal(int which) {
        if (which == SIGHUP) {
            log_(log_level::warning, "SIGHUP ignored", {{"what", "reloading is not supported"}});
            return;
        }
        const char* const name = which == SIGINT ? "SIGINT" : "SIGTERM";
        switch (++stop_signals_) {
        case 1:
            log_(log_level::info, "draining",
                 {{"signal", name}, {"sessions", number(gateway_->sessions())},
                  {"grace", format_duration(config_.drain)}});
            stopping_ = true;
            asio::co_spawn(control_, stop(), [this](std::exception_ptr failed) {
                if (failed) log_(log_level::error, "drain failed");
                io_.stop();
            });
            return;
        case 2:
            log_(log_level::warning, "stopping now", {{"signal", name}});
            stop_now_ = true;
            delay_.cancel();
            gateway_->stop();
            return;
        default: io_.stop(); // somebody is in more of a hurry than the sessions
        }
    }

    asio::awaitable<void> stop() {
        if (config_.drain_delay > duration::zero()) {
            delay_.expires_after(config_.drain_delay);
            auto [ec] = co_await delay_.async_wait(asio::as_tuple(asio::use_awaitable));
            static_cast<void>(ec); // cut short by the second signal, or not
        }
        const duration grace = stop_now_ ? duration::zero() : config_.drain;
        co_await gateway_->drain(grace);
    }

    daemon_config config_;
    log_setup& log_output_;
    const logger log_;
    metrics counters_; // outlive the event loop and what it still holds
    counter internal_errors_;
    std::atomic<bool> stopping_{false};

    asio::io_context io_;
    asio::strand<asio::io_context::executor_type> control_; // signals and stopping
    asio::signal_set signals_;
    asio::steady_timer delay_;
    int stop_signals_ = 0;
    bool stop_now_ = false;

    std::unique_ptr<small_http_server> demo_;
    std::optional<http_upstream> upstream_;
    std::optional<gateway> gateway_;
    std::unique_ptr<small_http_server> admin_;
};

bool looks_names_up(const daemon_config& config) {
    const auto& urls = config.upstream.endpoints;
    return std::any_of(urls.begin(), urls.end(), [](const http_url& url) {
        return !parse_socket_address(to_string(host_port{url.host, url.port})).has_value();
    });
}

} // namespace

int run_daemon(const daemon_config& config) {
    try {
        log_setup log(config.log);
        daemon one(config, log);
        try {
            one.start();
        } catch (const std::exception& error) {
            if (!config.log.file.empty()) {
                const std::string what = plain_message(error);
                log.door()(log_level::error, "not started", {{"what", what}});
            }
            throw;
        }
        one.run();
        log.stop(log_limit);
        // A name lookup under way cannot be cancelled, and the event loop's destructor would wait
        // for it. Everything that matters has ended and is written.
        if (looks_names_up(config)) std::_Exit(0);
        return 0;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "finpostd: %s\n", plain_message(error).c_str());
        return 1;
    }
}

} // namespace finpost
