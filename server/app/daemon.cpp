#include "daemon.hpp"

#include "admin/admin_port.hpp"
#include "admin/metrics_text.hpp"
#include "admin/readiness.hpp"
#include "async/alarm_clock.hpp"
#include "config/configure.hpp"
#include "config/effective_config.hpp"
#include "config/options.hpp"
#include "config/restart_only.hpp"
#include "control/queue_control.hpp"
#include "demo_service.hpp"
#include "descriptor_limit.hpp"
#include "gateway_set.hpp"
#include "io_context_pool.hpp"
#include "log/log_setup.hpp"
#include "log/quiet_log.hpp"
#include "loops_alive.hpp"
#include "quoted.hpp"
#include "service_manager.hpp"
#include "socket_activation.hpp"

#include "finpost/metrics.hpp"
#include "finpost/version.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <utility>

#include <unistd.h>

namespace asio = boost::asio;

namespace finpost {

using namespace detail;

namespace {

constexpr std::chrono::milliseconds log_limit{1'000}; // for the last lines, at the exit

std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::size_t threads_of(const daemon_config& config) {
    return config.threads > 0 ? config.threads : std::max(1u, std::thread::hardware_concurrency());
}

template <class Range>
std::string joined(const Range& all) {
    std::string text;
    for (const auto& item : all) {
        if (!text.empty()) text += ',';
        text += to_string(item);
    }
    return text;
}

std::optional<std::int64_t> seconds_until(std::optional<tls_context::time_point> when) {
    if (!when) return std::nullopt;
    return std::chrono::floor<std::chrono::seconds>(*when - std::chrono::system_clock::now())
        .count();
}

// One more signal while everything is put away must not make a failure of a clean stop.
void block_signals() {
    sigset_t stops;
    ::sigemptyset(&stops);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) ::sigaddset(&stops, signal);
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

// Whether a listener can do nothing without the queue.
bool stores_all(const daemon_config& config) {
    const auto& all = config.listeners;
    return std::any_of(all.begin(), all.end(), [](const listener_config& each) {
        return each.delivery.mode == delivery_mode::queue;
    });
}

bool looks_names_up(const daemon_config& config) {
    const auto is_name = [](const http_url& url) {
        return !parse_socket_address(to_string(host_port{url.host, url.port})).has_value();
    };
    return std::any_of(config.upstreams.begin(), config.upstreams.end(), [&](const auto& upstream) {
        const auto& urls = upstream.config.endpoints;
        return std::any_of(urls.begin(), urls.end(), is_name);
    });
}

/// The gateway with everything around it, from start to stop.
class daemon {
public:
    daemon(const options& options, const service_environment& manager, log_setup& log_output)
        : options_(options), config_(options.config), log_output_(log_output),
          loops_(threads_of(options.config)),
          quiet_(log_output.door(), loops_.first().get_executor()), log_(quiet_.door()),
          manager_(manager.notify_socket, log_), watchdog_(manager.watchdog),
          control_(asio::make_strand(loops_.first())),
          signals_(loops_.first(), SIGINT, SIGTERM, SIGHUP),
          signals_again_(loops_.first().get_executor(), [this] { wait_for_signal(); }),
          next_look_(loops_.first().get_executor(), [this] { look_at_files(); }), delay_(control_),
          gateways_(loops_.loops(), counters_, log_) {}

    ~daemon() {
        if (queue_control_) queue_control_->stop(); // before the store goes that it asks
    }
    daemon(const daemon&) = delete;
    daemon& operator=(const daemon&) = delete;

    /// Binds what was not `passed`; throws what `finpostd` says before it exits with 1.
    void start(passed_sockets passed) {
        std::signal(SIGPIPE, SIG_IGN);
        std::signal(SIGXFSZ,
                    SIG_IGN); // a spilled payload that is too large for the limit is refused
        signals_.add(SIGUSR1);
        if (const std::string bad = problems_of(passed, config_); !bad.empty())
            throw std::runtime_error(bad);
        prepare(config_);
        unique_fd for_admin;
        if (config_.admin) for_admin = take_socket(passed, *config_.admin);
        gateways_.make(config_, std::move(passed.sockets), [this] { queue_failed(); });
        if (const queue_owner* queue = gateways_.queue(); queue && !config_.queue.directory.empty())
            queue_control_ = std::make_unique<queue_control>(
                config_.queue.directory, queue->store(), counters_.queue.dropped, log_);
        watched_ = config_.written.files;
        take(config_);
        if (config_.admin) start_admin(std::move(for_admin));
        wait_for_signal(); // before anybody can know that this runs
        gateways_.start();
        warn();
        log_ready();
        manager_.ready(service_status());
        if (watchdog_) alive_.emplace(loops_.loops(), *watchdog_ / 2, [this] { manager_.alive(); });
    }

    /// Serves until a signal has stopped everything.
    void run() {
        // A bug in one handler must not end the process, nor the thread.
        loops_.run([this](const std::exception& bug) {
            internal_errors_.add();
            log_(log_level::error, "internal error", {{"what", bug.what()}});
        });
        block_signals();
        quiet_.flush();
        const metrics::sessions view = counters_.read_sessions();
        const std::chrono::duration<double> took = clock::now() - stop_began_;
        log_(log_level::info, "stopped",
             {{"exchanges", number(view.replied)},
              {"queued", number(view.queued)},
              {"refused", number(view.refused)},
              {"aborted", number(view.aborted)},
              {"probes", number(view.probes)},
              {"finished", number(answered() - answered_before_)},
              {"cut", number(counters_.cut.value() + gateways_.gateway().sessions())},
              {"seconds", took.count()},
              {"log_dropped", number(log_output_.dropped())}});
        admin_.reset();
        if (queue_control_) queue_control_->stop();
        gateways_.close();
    }

    /// What the process ends with: 1 when its queue has failed, and a restart is wanted.
    int exit_code() const { return queue_failed_ ? 1 : 0; }

    /// Whether a name lookup may be under way.
    bool looks_names_up() const { return looks_names_up_; }

private:
    using clock = std::chrono::steady_clock;

    // Exchanges that came to their end: with a reply, or with a refusal for a reason of their own.
    std::uint64_t answered() {
        const metrics::sessions view = counters_.read_sessions();
        return view.replied + view.queued + view.refused -
               counters_.refused_for(reason::draining).value();
    }

    // What this machine and this process make of a configuration.
    void prepare(daemon_config& config) {
        const std::size_t limit = raise_descriptor_limit();
        const std::size_t wanted = all_clients(config);
        if (fit_into_descriptors(config, limit)) {
            log_(log_level::warning, "descriptors short",
                 {{"descriptors", number(limit)},
                  {"max_connections", number(all_clients(config))},
                  {"wanted", number(wanted)}});
        }
        if (!config.demo) return;
        if (!demo_) {
            demo_ = make_demo_service(loops_.first().get_executor(), config.gateway.max_payload,
                                      config.queue.there_is_one(), log_);
            demo_->start();
        }
        const std::string url = "http://" + to_string(demo_->address()) + '/';
        config.upstreams.front().config.endpoints = {parse_http_url(url).value()};
    }

    // It is in force now.
    void take(daemon_config config) {
        looks_names_up_ = looks_names_up_ || finpost::looks_names_up(config);
        auto text = std::make_shared<const std::string>(effective_config(config));
        most_sessions_ = all_clients(config);
        most_buffered_ = config.gateway.max_buffered;
        config_ = std::move(config);
        last_reload_ = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now())
                           .time_since_epoch()
                           .count();
        last_reload_ok_ = true;
        set_next_look();
        const std::lock_guard lock(mutex_);
        effective_ = std::move(text);
    }

    void set_next_look() noexcept {
        if (config_.reload_every)
            next_look_.set(clock::now() + *config_.reload_every);
        else
            next_look_.clear();
    }

    // On the one thread of the first event loop, as everything of the control strand.
    void look_at_files() noexcept {
        if (stop_signals_ != 0) return;
        try {
            const std::string changed = changed_files(watched_);
            if (!changed.empty()) {
                log_output_.door()(log_level::info, "files changed", {{"files", changed}});
                reload_and_tell();
            }
        } catch (const std::exception& failed) {
            no_reload(failed);
        }
        set_next_look();
    }

    // What failed is no part of the configuration: the next look tries it again.
    void no_reload(const std::exception& failed) noexcept {
        last_reload_ok_ = false;
        reloads_failed_.add();
        try {
            log_(log_level::error, "reload failed", {{"what", plain_message(failed)}});
        } catch (const std::bad_alloc&) {
            // There is no memory to say so either.
        }
    }

    // For the admin port: from any thread.
    std::string effective() const {
        const std::lock_guard lock(mutex_);
        return *effective_;
    }

    // The new configuration is complete before anything of the old one goes. Without a file it is
    // what flags and variables said at the start; certificates, authorities and the log file are
    // new all the same.
    // Returns what the manager of services shows to people.
    std::string reload() {
        std::vector<std::string> problems;
        daemon_config next = load_config(options_.flags, options_.file, problems);
        std::vector<file_stamp> files = next.written.files;
        if (problems.empty()) {
            try {
                const std::string kept = keep_what_needs_a_restart(config_, next);
                prepare(next);
                gateways_.change(next);
                if (!kept.empty()) log_(log_level::warning, "restart needed", {{"settings", kept}});
            } catch (const std::bad_alloc&) {
                throw;
            } catch (const std::exception& failed) {
                problems.push_back(plain_message(failed));
            }
        }
        watched_ = std::move(files); // also of what is refused: it is not tried again as it is
        const logger all = log_output_.door(); // each says something else: none is a repetition
        constexpr std::size_t most = 50;       // the count says whether there are more
        for (std::size_t i = 0; i < std::min(problems.size(), most); ++i)
            all(log_level::error, "reload problem", {{"what", problems[i]}});
        if (!problems.empty()) {
            last_reload_ok_ = false;
            reloads_failed_.add();
            log_(log_level::error, "reload failed",
                 {{"problems", number(problems.size())},
                  {"what", "nothing has changed: the configuration before is in force"}});
            return "reload failed, the configuration before is in force: " +
                   printable(problems.front());
        }
        take(std::move(next));
        warn();
        reloads_.add();
        log_(log_level::info, "reloaded",
             {{"listen", joined(gateways_.gateway().endpoints())},
              {"upstream", upstream_urls()},
              {"max_connections", number(all_clients(config_))}});
        return service_status();
    }

    void reload_and_tell() {
        manager_.reloading();
        try {
            manager_.ready(reload());
        } catch (...) {
            manager_.ready("reload failed: no memory");
            throw;
        }
    }

    std::string service_status() {
        return "listening on " + joined(gateways_.gateway().endpoints()) + ", admin port " +
               (admin_ ? to_string(admin_->address()) : "off");
    }

    std::string upstream_urls() const {
        std::string urls; // as others may see them: a webhook's path is a secret
        for (const named_upstream& upstream : config_.upstreams) {
            for (const http_url& url : upstream.config.endpoints)
                urls += (urls.empty() ? "" : ",") + masked_url(to_string(url));
        }
        return urls;
    }

    void start_admin(unique_fd listening) {
        const admin_view view{
            [this] { return not_ready(); },
            [this] {
                return metrics_text(counters_, {FINPOST_VERSION, gateways_.endpoints(),
                                                log_output_.dropped(), internal_errors_.value(),
                                                reloads_.value(), reloads_failed_.value(),
                                                stopping_, most_sessions_, most_buffered_,
                                                seconds_until(gateways_.gateway().tls_expires()),
                                                seconds_until(gateways_.upstream_tls_expires()),
                                                queue_now(), last_reload_, last_reload_ok_});
            },
            [this](std::size_t most) { return gateways_.gateway().session_views(most); },
            [this] { return gateways_.gateway().sessions(); },
            [this] { return effective(); },
            [this] { return queue_now(); }};
        try {
            admin_ = std::make_unique<admin_port>(*config_.admin, std::move(listening), view, log_);
        } catch (const boost::system::system_error& failed) {
            throw std::runtime_error("admin port: " + plain_message(failed));
        }
    }

    std::optional<queue_stats> queue_now() const {
        const queue_owner* const queue = gateways_.queue();
        if (queue == nullptr) return std::nullopt;
        return queue->stats();
    }

    std::string not_ready() {
        if (stopping_) return "draining";
        if (!gateways_.gateway().accepting()) return "not listening";
        if (const queue_owner* queue = gateways_.queue()) {
            const std::string trouble = queue->trouble(stores_all(config_));
            if (!trouble.empty()) return "queue: " + trouble;
        }
        const auto now = std::chrono::steady_clock::now();
        std::string down;
        for (const auto& endpoints : gateways_.endpoints_by_upstream()) {
            const std::string why = no_usable_endpoint(endpoints, now);
            if (!why.empty()) (down += down.empty() ? "no usable endpoint: " : "; ") += why;
        }
        return down;
    }

    void warn() {
        const logger all = log_output_.door(); // each says something else: none is a repetition
        for (const std::string& warning : config_.written.warnings)
            all(log_level::warning, "configuration warning", {{"what", warning}});
        for (const named_upstream* upstream : longer_than_tracked(config_)) {
            log_(log_level::warning, "upstream_total long",
                 {{"upstream_total", format_duration(upstream->config.total)},
                  {"what", tracking_advice}});
        }
    }

    void log_ready() {
        log_(log_level::info, "ready",
             {{"version", FINPOST_VERSION},
              {"listen", joined(gateways_.gateway().endpoints())},
              {"admin", admin_ ? to_string(admin_->address()) : "off"},
              {"upstream", upstream_urls()},
              {"demo", config_.demo},
              {"threads", number(loops_.size())},
              {"max_connections", number(all_clients(config_))},
              {"pid", static_cast<std::int64_t>(::getpid())}});
    }

    // Whatever becomes of a signal, the next one is seen.
    void wait_for_signal() noexcept {
        try {
            signals_.async_wait([this](const boost::system::error_code& ec, int number) {
                if (ec) return;
                wait_for_signal();
                take_signal(number);
            });
        } catch (const std::bad_alloc&) {
            signals_again_.set(clock::now() + std::chrono::milliseconds(100));
        }
    }

    void take_signal(int number) {
        try {
            on_signal(number);
        } catch (const std::bad_alloc& failed) {
            if (number == SIGTERM || number == SIGINT)
                return loops_.stop(); // no memory to drain with
            if (number == SIGHUP) no_reload(failed);
        }
    }

    // On the thread of the queue. Whoever watches over this process starts it again, and the queue
    // is opened and checked anew.
    void queue_failed() noexcept {
        queue_failed_ = true;
        try {
            asio::post(control_, [this] {
                if (stop_signals_++ != 0) return;
                try {
                    drain("none");
                } catch (const std::bad_alloc&) {
                    loops_.stop(); // no memory to drain with
                }
            });
        } catch (const std::bad_alloc&) {
            loops_.stop();
        }
    }

    void reopen_log() {
        try {
            if (log_output_.reopen())
                log_(log_level::info, "log reopened", {{"file", config_.log.file}});
            else
                log_(log_level::warning, "log not reopened", {{"what", "it goes to no file"}});
        } catch (const std::exception& failed) {
            log_(log_level::warning, "log not reopened", {{"what", failed.what()}});
        }
    }

    void on_signal(int which) {
        if (which == SIGUSR1) return reopen_log();
        if (which == SIGHUP) {
            if (stop_signals_ != 0) return;
            if (!config_.log.file.empty()) reopen_log();
            return reload_and_tell();
        }
        const char* const name = which == SIGINT ? "SIGINT" : "SIGTERM";
        switch (++stop_signals_) {
        case 1:
            return drain(name);
        case 2:
            log_(log_level::warning, "stopping now", {{"signal", name}});
            stop_now_ = true;
            delay_.cancel();
            gateways_.gateway().stop();
            gateways_.stop_deliveries();
            return;
        default:
            loops_.stop(); // somebody is in more of a hurry than the sessions
        }
    }

    void drain(std::string_view signal) {
        log_(log_level::info, "draining",
             {{"signal", signal},
              {"sessions", number(gateways_.gateway().sessions())},
              {"grace", format_duration(config_.drain)}});
        manager_.stopping(counters_.read_sessions().in_flight);
        stopping_ = true;
        answered_before_ = answered();
        stop_began_ = clock::now();
        try {
            asio::co_spawn(control_, stop(stops_loops(loops_)),
                           [this](std::exception_ptr failed) { drain_ended(!!failed); });
        } catch (const std::bad_alloc&) {
            loops_.stop();
        }
    }

    // However the coroutine of a stop ends, the process does not go on without it.
    class stops_loops {
    public:
        explicit stops_loops(io_context_pool& loops) noexcept : loops_(&loops) {}
        stops_loops(stops_loops&& other) noexcept : loops_(std::exchange(other.loops_, nullptr)) {}
        ~stops_loops() {
            if (loops_ != nullptr) loops_->stop();
        }

    private:
        io_context_pool* loops_;
    };

    void drain_ended(bool failed) {
        if (failed) log_(log_level::error, "drain failed");
    }

    asio::awaitable<void> stop(stops_loops at_the_end) {
        if (config_.drain_delay > duration::zero()) {
            delay_.expires_after(config_.drain_delay);
            auto [ec] = co_await delay_.async_wait(asio::as_tuple(asio::use_awaitable));
            static_cast<void>(ec); // cut short by the second signal, or not
        }
        const duration grace = stop_now_ ? duration::zero() : config_.drain;
        // By a callback: a `co_await` does not survive a drain that finds no memory to begin with.
        // The last receipts are given before the last deliveries begin.
        const auto held = std::make_shared<stops_loops>(std::move(at_the_end));
        const auto until = clock::now() + grace;
        gateways_.gateway().async_drain(grace, [this, held, until](error_code failed) {
            drain_ended(failed.failed());
            const auto left = std::chrono::ceil<duration>(until - clock::now());
            gateways_.drain_deliveries(std::max(left, duration::zero()), held);
        });
    }

    const options& options_;
    daemon_config config_; // after the start, the control strand's
    log_setup& log_output_;
    metrics counters_; // outlive the event loop and what it still holds
    counter internal_errors_, reloads_, reloads_failed_;
    bool looks_names_up_ = false;
    std::atomic<std::int64_t> last_reload_{0}; // for the admin port, as the next is
    std::atomic<bool> last_reload_ok_{true};
    mutable std::mutex mutex_;
    std::shared_ptr<const std::string> effective_; // the text of config_, under the mutex
    std::atomic<bool> stopping_{false};
    std::atomic<bool> queue_failed_{false};
    std::atomic<std::size_t> most_sessions_{0}; // for the admin port, as the next is
    std::atomic<std::uint64_t> most_buffered_{0};

    io_context_pool loops_;
    quiet_log quiet_;
    const logger log_;
    service_manager manager_;
    const std::optional<std::chrono::microseconds> watchdog_;
    std::optional<loops_alive> alive_;                      // with a watchdog
    asio::strand<asio::io_context::executor_type> control_; // signals and stopping
    asio::signal_set signals_;
    alarm_clock signals_again_;       // to wait for one where there was no memory
    alarm_clock next_look_;           // at the files that the configuration was read from
    std::vector<file_stamp> watched_; // as they were for the last reload, whatever became of it
    asio::steady_timer delay_;
    int stop_signals_ = 0;
    bool stop_now_ = false;
    std::uint64_t answered_before_ = 0; // the stop: these two say what was finished since
    clock::time_point stop_began_;

    std::unique_ptr<small_http_server> demo_;
    std::unique_ptr<queue_control> queue_control_; // goes after the store that it asks
    gateway_set gateways_;
    std::unique_ptr<admin_port> admin_; // last: it asks the others
};

} // namespace

int run_daemon(const options& options) {
    try {
        // No thread but this one, and nothing open but what was passed.
        const service_environment manager = take_service_environment();
        passed_sockets passed = take_passed_sockets();
        log_setup log(options.config.log);
        daemon running(options, manager, log);
        try {
            running.start(std::move(passed));
        } catch (const std::exception& error) {
            if (!options.config.log.file.empty()) {
                const std::string what = plain_message(error);
                log.door()(log_level::error, "not started", {{"what", what}});
            }
            throw;
        }
        running.run();
        log.stop(log_limit);
        // A name lookup under way cannot be cancelled, and the event loop's destructor would wait
        // for it. Everything that matters has ended and is written.
        if (running.looks_names_up()) std::_Exit(running.exit_code());
        return running.exit_code();
    } catch (const std::exception& error) {
        std::fprintf(stderr, "finpostd: %s\n", plain_message(error).c_str());
        return 1;
    }
}

} // namespace finpost
