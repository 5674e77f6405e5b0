#include "sim/world.hpp"

#include "random.hpp"
#include "sim/clients.hpp"
#include "sim/epoll.hpp"
#include "sim/framing.hpp"
#include "sim/invariants.hpp"
#include "sim/memory_store.hpp"
#include "sim/queue_invariants.hpp"
#include "sim/service.hpp"
#include "sim/tcp.hpp"
#include "sim/tls.hpp"

#include "finpost/delivery_queue.hpp"
#include "finpost/gateway.hpp"
#include "finpost/http_upstream.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/multiple_exceptions.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <exception>
#include <optional>
#include <thread>
#include <variant>

namespace asio = boost::asio;

// In place of the product's: the same numbers for the same seed.
std::uint64_t finpost::detail::random_bits() {
    const sim::outside ours;
    return sim::kernel::current->randomness.next();
}

namespace finpost::sim {

namespace {

duration millis(std::uint64_t n) { return duration(static_cast<std::int64_t>(n)); }

void frame_rules(gateway_config& out, const rules_plan& rules) {
    out.frame = spec_of(rules);
    out.max_payload = std::max(out.max_payload, out.frame.size);
    out.frame_tail = static_cast<tail_policy>(rules.frame_tail);
    if (rules.replies != sim::reply_frame::same)
        out.reply_frame = answer_spec_of(rules).value_or(frame_spec());
    out.reply_format = static_cast<finpost::reply_format>(form_of(rules));
    out.max_exchanges = rules.max_exchanges;
    out.between = millis(rules.between);
}

gateway_config gateway_rules(const rules_plan& rules) {
    gateway_config out;
    out.listen = {parse_socket_address("127.0.0.1:5000").value()};
    out.max_payload = rules.max_payload;
    if (has_frames(rules)) frame_rules(out, rules);
    if (rules.stream_above != everything && !has_frames(rules))
        out.stream_above = rules.stream_above;
    out.max_buffered = rules.max_buffered;
    out.spill_above = rules.spill_above;
    out.max_connections = rules.max_connections;
    out.max_per_source = rules.max_per_source;
    out.accept_rate = rules.accept_rate;
    out.min_rate = rules.min_rate;
    out.max_handshakes = rules.max_handshakes;
    if (rules.tls) {
        out.tls.cert = certificate_file();
        out.tls.key = key_file();
    }
    if (rules.proxy) out.proxy_protocol_from = {parse_network("127.0.0.0/8").value()};
    if (rules.base64) out.decode = out.encode = codec::base64;
    if (rules.cancels) out.on_client_reset = client_reset_policy::cancel;
    out.on_refusal = static_cast<refusal_style>(rules.on_refusal);
    out.foreign = rules.refuses_foreign  ? foreign_policy::refuse
                  : rules.probes_foreign ? foreign_policy::probe
                                         : foreign_policy::forward;
    out.receive_idle = millis(rules.receive_idle);
    out.receive_total = millis(rules.receive_total);
    out.reply_total = millis(rules.reply_total);
    out.lingering_close = millis(rules.linger);
    out.tls_handshake = out.proxy_protocol = millis(rules.handshake);
    return out;
}

upstream_config service_rules(const rules_plan& rules) {
    upstream_config out;
    out.endpoints = {parse_http_url("http://127.0.0.1:3000/").value()};
    if (rules.second_service)
        out.endpoints.push_back(parse_http_url("http://127.0.0.1:3001/").value());
    out.max_connections = rules.upstream_connections;
    if (rules.health) out.health_path = "/health";
    if (rules.relays) out.on_status = status_policy::relay;
    out.max_reply = rules.max_reply;
    out.connect = millis(rules.connect);
    out.total = millis(rules.total);
    out.keep_alive = millis(rules.keep_alive);
    out.health_every = millis(rules.health_every);
    return out;
}

delivery_config delivery_rules(const rules_plan& rules) {
    delivery_config out;
    out.upstream = "service";
    out.retry_first = duration(200);
    out.retry_most = duration(2'000);
    out.retry_for = millis(rules.retry_for);
    out.deliveries = rules.deliveries;
    out.receipt_timeout = millis(rules.queue_timeout);
    return out;
}

// What one loop still holds may own a timer or a socket of another: a host empties all before one
// goes.
class event_loop : public asio::io_context {
public:
    event_loop() : io_context(1) {}
    using execution_context::shutdown;
};

// One schedule while it runs.
class world {
public:
    world(const plan& what, std::size_t trace_lines) : plan_(what), k_(what.dice), net_(k_) {
        k_.hard = what.hard;
        k_.told = trace_lines;
        all_.plan = &plan_;
        all_.rules = gateway_rules(what.rules);
        all_.service = service_rules(what.rules);
        for (std::size_t i = 0; i < what.clients.size(); ++i) {
            client_history& one = all_.clients.emplace_back();
            one.plan = &what.clients[i];
            one.number = i;
            one.port = static_cast<std::uint16_t>(first_client_port + i);
            prepare(one, what);
        }
    }

    run_result go() {
        {
            loops_.resize(std::max<std::uint64_t>(1, plan_.rules.loops));
            for (auto& one : loops_) one = std::make_unique<event_loop>();
            k_.on_stuck = [this] { stop_loops(); };
            k_.on_death = [this] {
                all_.killed = true;
                stop_loops();
            };
            k_.on_call = [this] { check_books(); };
            k_.on_wait = [this] { look_at_sessions(); };
            start();
            plan_acts();
            watch_network();
            const nanos began = k_.now;
            for (client_history& one : all_.clients)
                run_client(all_, one, [this] { one_is_over(); });
            run_loops();
            while (all_.over < all_.clients.size() && k_.step(k_.end_of_time)) {
            } // the others live on
            all_.took = k_.now - began;
            finish();
        }
        if (store_) store_->forget();
        for (const auto& one : loops_) one->shutdown();
        loops_.clear();
        if (!k_.dead) all_.descriptors_left = k_.open_fds();
        run_result out;
        out.wrong = judge(all_);
        out.trace = std::move(k_.trace);
        out.hash = all_.hash, out.ticks = all_.ticks, out.calls = all_.calls,
        out.allocations = all_.allocations;
        out.hits = k_.hits, out.conducts = all_.conducts, out.took = all_.took,
        out.posts = all_.posts.size();
        out.sessions = all_.books;
        for (const client_history& one : all_.clients)
            out.clients.push_back({one.how, one.got, one.logged, one.reason});
        out.retries = all_.counters.upstream_retries.value();
        return out;
    }

private:
    logger log() {
        return logger(log_level::info, [this](log_level level, std::string_view event,
                                              std::span<const log_field> fields) {
            const outside ours;
            if (k_.dead) return;
            const auto text = [&](std::string_view name) -> std::string {
                for (const log_field& one : fields)
                    if (one.name == name)
                        if (const auto* t = std::get_if<std::string_view>(&one.value))
                            return std::string(*t);
                return {};
            };
            if (k_.told > 0)
                k_.say("log: " + std::string(event) + ' ' + text("peer") + ' ' + text("outcome") +
                       ' ' + text("reason") + ' ' + text("what"));
            const bool expected = event == "accept failed" || event == "spilling failed" ||
                                  event == "queue not read" || all_.any(hardship::allocation) ||
                                  k_.hard.allocation_fails_at + k_.hard.allocation_fails_every > 0;
            if (level == log_level::error && !expected)
                all_.complain("log: " + std::string(event) + ' ' + text("what"));
            if (event != "exchange") return;
            const std::string peer = text("peer");
            std::uint16_t port = 0;
            std::from_chars(peer.data() + peer.rfind(':') + 1, peer.data() + peer.size(), port);
            client_history* const one = all_.of_port(port);
            if (one == nullptr) return;
            one->logged = text("outcome");
            one->reason = text("reason");
            one->lines.push_back({text("id"), one->logged, one->reason});
            for (const log_field& f : fields)
                if (const auto* v = std::get_if<double>(&f.value)) {
                    const auto longest = [v](double& to) { to = std::max(to, *v); };
                    if (f.name == "receive_ms") longest(one->receive_ms);
                    if (f.name == "upstream_ms") longest(one->upstream_ms);
                    if (f.name == "reply_ms") longest(one->reply_ms);
                }
        });
    }

    void start() {
        // A start that fails is another story.
        const hardships later = std::exchange(k_.hard, hardships());
        std::vector<asio::any_io_executor> executors;
        for (const auto& one : loops_) executors.push_back(one->get_executor());
        const event_loops shared = event_loops::shared(executors.front());
        const event_loops per_thread = event_loops::per_thread(std::move(executors));
        forwarder_.emplace(per_thread, all_.service, all_.counters, log());
        forwarder_->start();
        if (stores(plan_.rules)) {
            store_ = std::make_shared<memory_store>(all_, loops_.front()->get_executor());
            queue_.emplace(loops_.back()->get_executor(), store_, *forwarder_,
                           delivery_rules(plan_.rules), all_.counters, log());
            queue_->start();
        }
        gateway_.emplace(plan_.rules.strands ? shared : per_thread, groups(all_.rules, false),
                         all_.counters, log());
        gateway_->start();
        serve(service_port);
        if (plan_.rules.second_service) serve(second_service_port);
        k_.hard = later;
        k_.hard.dies_at = later.dies_at == 0 ? 0 : k_.tick + later.dies_at;
        k_.allocations = 0;
        began_ = k_.tick;
        most_sessions_ = all_.rules.max_connections;
        for (const act& one : plan_.acts)
            most_sessions_ = std::max<std::size_t>(most_sessions_, one.max_connections);
        if (plan_.rules.second_group) most_sessions_ *= 2;
    }

    // With two groups the second has an address of its own, or the first's when it `moves` there.
    std::vector<listener_group> groups(const gateway_config& rules, bool moves) {
        std::vector<listener_group> out{
            {rules, forwarder_->as_handler(), forwarder_->as_streaming_handler()}};
        if (queue_)
            out.front() = {rules, plan_.rules.delivery == delivery_form::queue
                                      ? queue_->as_handler("listener")
                                      : queue_->as_fallback("listener")};
        if (!plan_.rules.second_group) return out;
        out.push_back(out.front());
        out[moves ? 0 : 1].config.listen = {parse_socket_address("127.0.0.1:5002").value()};
        return out;
    }

    // What has come to the gateway's kernel of clients, and what it has taken.
    void watch_network() {
        const auto client_at = [this](const tcp_end& end) -> client_history* {
            if (ntohs(end.local.sin_port) / 10 != gateway_port / 10) return nullptr;
            const std::size_t i = ntohs(end.remote.sin_port) - std::size_t{first_client_port};
            return i < all_.clients.size() ? &all_.clients[i] : nullptr;
        };
        net_.on_accept = [this, client_at](const tcp_end& end) {
            client_history* const one = client_at(end);
            if (one == nullptr) return;
            one->accepted_at = k_.now;
            if (all_.rules.accept_rate > 0)
                all_.accepts.emplace_back(k_.now, ntohs(end.local.sin_port));
        };
        net_.on_arrival = [this, client_at](const tcp_end& end, std::size_t n) {
            client_history* const one = client_at(end);
            if (one == nullptr) return;
            if (n == 0) {
                if (one->end_came < 0) one->end_came = k_.now;
                return;
            }
            if (one->arrived.empty()) one->arrived.emplace_back(k_.now, 0);
            const std::uint64_t all = one->arrived.back().second + n;
            if (k_.now - one->arrived.back().first < 1 * ms)
                one->arrived.back().second = all;
            else
                one->arrived.emplace_back(k_.now, all);
        };
    }

    void serve(std::uint16_t port) {
        listening& door = net_.serve(port, [this](tcp_end& one) {
            served_.push_back(&one);
            // As the kernel sees it, whatever the pool counts; health checks have theirs beside.
            const auto open = std::count_if(served_.begin(), served_.end(),
                                            [](const tcp_end* end) { return end->peer->fd >= 0; });
            constexpr std::size_t checks = 4;
            if (static_cast<std::size_t>(open) > all_.service.max_connections + checks)
                all_.complain("connections to the service: " + std::to_string(open));
            serve_connection(all_, one);
        });
        services_[port - service_port] = &door;
    }

    bool goes_down(const auto& of_service) const {
        return plan_.service.all_down || of_service.local.sin_port == htons(service_port);
    }

    void plan_acts() {
        const service_plan& service = plan_.service;
        if (service.down_at > 0) {
            k_.at(k_.now + service.down_at, [this] {
                all_.did(conduct::restarts);
                all_.did(conduct::all_restart, plan_.service.all_down && services_[1] != nullptr);
                for (listening* one : services_)
                    if (one != nullptr && goes_down(*one)) one->stop();
                // As a process that ends; nobody could tell where some responses end.
                for (tcp_end* one : served_) {
                    if (!goes_down(*one)) continue;
                    all_.until_close.contains(one) ? one->reset() : one->close();
                }
            });
            k_.at(k_.now + std::max(service.down_at, service.up_at), [this] {
                serve(service_port);
                if (services_[1] != nullptr && plan_.service.all_down) serve(second_service_port);
            });
        }
        for (const act& one : plan_.acts) {
            const auto what = [this, &one] { carry_out(one); };
            if (one.tick > 0)
                k_.host_at_tick(began_ + one.tick, what);
            else
                k_.host_at(k_.now + one.at, what);
        }
        if (plan_.few != everything) {
            k_.at(k_.now + plan_.few_from, [this] { k_.most_fds = k_.open_fds() + plan_.few; });
            k_.at(k_.now + plan_.few_until, [this] { k_.most_fds = 1 << 20; });
        }
    }

    void carry_out(const act& one) {
        const outside ours;
        k_.note(names(one.kind)[static_cast<std::size_t>(one.kind)].data());
        static constexpr conduct kinds[] = {conduct::drains, conduct::stops, conduct::reloads};
        all_.did(kinds[static_cast<std::size_t>(one.kind)]);
        all_.did(conduct::broken_rules, one.broken), all_.did(conduct::address_taken, one.taken);
        all_.did(conduct::moves, one.moves), all_.did(conduct::second_address, one.second_address);
        switch (one.kind) {
        case act_kind::drain:
            return drain(one.grace);
        case act_kind::stop: {
            all_.stopped = true;
            const within program;
            return gateway_->stop();
        }
        case act_kind::reload:
            return reload(one);
        }
    }

    void reload(const act& one) {
        gateway_config rules = all_.rules;
        if (one.max_connections > 0) rules.max_connections = one.max_connections;
        if (one.max_per_source > 0) rules.max_per_source = one.max_per_source;
        if (one.second_address)
            rules.listen.push_back(parse_socket_address("127.0.0.1:5001").value());
        if (one.broken) rules.max_connections = 0;
        if (one.taken) {
            if (strangers_ == nullptr) strangers_ = &net_.serve(strangers_port, [](tcp_end&) {});
            rules.listen.push_back(parse_socket_address("127.0.0.1:4999").value());
        }
        std::vector<listener_group> wanted = groups(rules, one.moves);
        const std::vector<socket_address> before = gateway_->endpoints();
        const bool bad = one.broken || one.taken;
        const bool excused =
            plan_.few != everything ||
            k_.hard.socket_fails + k_.hard.disk_full + k_.hard.disk_error + k_.hard.no_file > 0;
        try {
            const within program;
            gateway_->change(std::move(wanted));
            const outside words;
            const bool over = all_.drain_began >= 0 || all_.stopped || k_.dead; // it binds nothing
            if (one.broken || (one.taken && !over)) all_.complain("a bad reload was taken");
        } catch (const std::bad_alloc&) { // nothing has changed
        } catch (const std::exception& failed) {
            const outside words;
            if (!k_.dead && !(gateway_->endpoints() == before))
                all_.complain("a reload failed, and has changed where it listens");
            if (!bad && !excused && !k_.dead && !all_.any(hardship::allocation))
                all_.complain(std::string("a reload failed: ") + failed.what());
        }
    }

    void drain(nanos grace) {
        if (all_.drain_began >= 0) return;
        all_.drain_began = k_.now;
        all_.grace = grace;
        drain_again(grace);
    }

    // However a drain ends, its host is told: Asio's own completion needs memory.
    class drain_watch {
    public:
        drain_watch(world& of, nanos grace) : of_(&of), grace_(grace) {}
        drain_watch(drain_watch&& other) noexcept
            : of_(std::exchange(other.of_, nullptr)), grace_(other.grace_) {}
        ~drain_watch() {
            if (of_ != nullptr) of_->drained(over_, grace_);
        }
        void over() { over_ = true; }

    private:
        world* of_;
        nanos grace_;
        bool over_ = false;
    };

    void drain_again(nanos grace) {
        const outside ours;
        auto ended = [this, watch = drain_watch(*this, grace)](error_code failed) mutable {
            const outside words;
            if (!failed)
                watch.over();
            else if (failed != asio::error::no_memory) // then it is tried again
                all_.complain("a drain failed: " + failed.message());
        };
        try {
            const within program;
            gateway_->async_drain(duration(grace / ms), std::move(ended));
        } catch (const std::bad_alloc&) { // it is tried again
        }
    }

    void drained(bool over, nanos grace) {
        const outside ours;
        if (!over) return k_.host_at(k_.now + 10 * ms, [this, grace] { drain_again(grace); });
        all_.drain_ended = k_.now;
        if (gateway_->sessions() != 0) all_.complain("sessions after the drain");
        const within program;
        if (!queue_) return forwarder_->close();
        queue_->async_drain(duration(grace / ms), [this](error_code) { forwarder_->close(); });
    }

    void one_is_over() {
        if (all_.over < all_.clients.size() || k_.dead) return;
        const nanos most = k_.now + 40 * s; // for what is stored
        k_.host_at(k_.now + 10 * ms, [this, most] { drain_when_delivered(most); });
    }

    void drain_when_delivered(nanos most) {
        const outside ours;
        const bool over = !store_ || store_->waiting() == 0 || k_.now >= most || all_.stopped;
        if (over) return drain(30 * s);
        k_.host_at(k_.now + 200 * ms, [this, most] { drain_when_delivered(most); });
    }

    void run_loops() {
        const within program;
        for (bool again = true; again;) {
            again = false;
            try {
                if (loops_.size() == 1)
                    loops_.front()->run();
                else
                    take_turns();
            } catch (const std::exception& bug) {
                if (is_want_of_memory(
                        bug)) { // in a handler of Asio's: the host goes on, as finpostd does
                    again = !k_.stuck && !k_.dead;
                    continue;
                }
                const outside ours;
                all_.complain(std::string("an exception left the event loop: ") + bug.what());
            }
        }
    }

    // Asio throws the exceptions of two handlers as one.
    static bool is_want_of_memory(const std::exception& thrown) {
        if (dynamic_cast<const std::bad_alloc*>(&thrown) != nullptr) return true;
        const auto* several = dynamic_cast<const asio::multiple_exceptions*>(&thrown);
        if (several == nullptr) return false;
        try {
            std::rethrow_exception(several->first_exception());
        } catch (const std::bad_alloc&) {
            return true;
        } catch (...) {
            return false;
        }
    }

    // Each loop does what it can; when none can do anything, time goes on.
    void take_turns() {
        for (;;) {
            // What one loop was told may be work for another.
            const std::uint64_t before = k_.events + k_.host_calls;
            std::size_t did = 0;
            bool over = true;
            for (const auto& one : loops_) {
                did += one->poll();
                over = over && one->stopped();
            }
            if (over || k_.stuck || k_.dead) return;
            for (const auto& one : loops_)
                if (one->stopped()) one->restart();
            if (did > 0 || k_.events + k_.host_calls != before) continue;
            const outside ours;
            if (k_.host.empty() && !k_.step(k_.end_of_time)) {
                k_.stuck = true;
                return;
            }
        }
    }

    void stop_loops() {
        for (const auto& one : loops_) one->stop();
    }

    void complain_of_books(bool wrong, const char* what, std::int64_t n) {
        if (!wrong || all_.complaints.size() >= 5) return;
        const outside ours;
        all_.complain("books: " + std::string(what) + ' ' + std::to_string(n));
    }

    // At every call of the program, whatever it is in the middle of: nothing here takes a lock.
    void check_books() {
        const metrics& c = all_.counters;
        const auto seen = c.read_sessions();
        complain_of_books(seen.accepted + seen.further < seen.replied + seen.queued + seen.refused +
                                                             seen.aborted + seen.probes,
                          "more ends than clients", static_cast<std::int64_t>(seen.accepted));
        // What a reply goes through on its way to a file, and each head that is under way.
        const auto heads =
            static_cast<std::uint64_t>(std::max<std::int64_t>(1, c.upstream_busy.value()));
        const std::uint64_t overdraft = (64u << 10) + (16u << 10) * heads;
        const auto between = [this](const char* what, const gauge& n, std::uint64_t most) {
            const std::int64_t value = n.value();
            complain_of_books(value < 0 || static_cast<std::uint64_t>(value) > most, what, value);
        };
        between("buffered", c.buffered_bytes, all_.rules.max_buffered + overdraft);
        between("spilled", c.spilled_bytes, everything);
        between("between frames", c.between_frames, most_sessions_);
        between("upstream_busy", c.upstream_busy, all_.service.max_connections);
        between("upstream_idle", c.upstream_idle, all_.service.max_connections);
        complain_of_books(c.upstream_busy.value() + c.upstream_idle.value() >
                              static_cast<std::int64_t>(all_.service.max_connections),
                          "upstream connections",
                          c.upstream_busy.value() + c.upstream_idle.value());
    }

    // Whenever it waits.
    void look_at_sessions() {
        if (!gateway_) return;
        const outside ours;
        const std::size_t n = gateway_->sessions();
        complain_of_books(n > most_sessions_, "sessions", static_cast<std::int64_t>(n));
        if (has_frames(plan_.rules)) look_at_pauses();
        if (all_.rules.max_handshakes >= gateway_config().max_handshakes) return;
        const auto views = gateway_->session_views(1'000);
        const auto stalled = std::count_if(views.begin(), views.end(), [](const session_view& one) {
            return one.stage == session_stage::handshake;
        });
        all_.most_preambles = std::max(all_.most_preambles, static_cast<std::size_t>(stalled));
    }

    // In a pause nothing is held.
    void look_at_pauses() {
        const auto views = gateway_->session_views(1'000);
        std::int64_t pausing = 0, refused = 0, busy = 0;
        for (const session_view& one : views) {
            const bool pauses = one.stage == session_stage::pause;
            pausing += pauses && one.exchanges > 0 ? 1 : 0;
            refused += one.stage == session_stage::refuse && one.exchanges > 0 ? 1 : 0;
            busy += pauses ? 0 : 1;
        }
        const std::int64_t counted = all_.counters.between_frames.value();
        complain_of_books(counted < pausing || counted > pausing + refused,
                          "counted as between frames", counted);
        const std::int64_t held = all_.counters.buffered_bytes.value();
        const bool quiet = busy == 0 && all_.counters.upstream_busy.value() == 0;
        complain_of_books(quiet && held > 0, "held in pauses", held);
    }

    void finish() {
        all_.books = all_.counters.read_sessions();
        all_.sessions_left = gateway_->sessions();
        all_.stuck = k_.stuck;
        for (const post& one : all_.posts) k_.mix(one.key), k_.mix(one.body);
        for (const kept_payload& one : all_.kept) k_.mix(one.key), k_.mix(one.body);
        for (const client_history& one : all_.clients) k_.mix(one.got);
        all_.hash = k_.hash, all_.ticks = k_.tick - began_, all_.calls = k_.calls,
        all_.allocations = k_.allocations;
        all_.hits = k_.hits;
        k_.on_call = k_.on_wait = nullptr;
        gateway_.reset();
        queue_.reset();
        forwarder_.reset();
    }

    const plan& plan_;
    kernel k_;
    network net_;
    history all_;
    std::vector<std::unique_ptr<event_loop>> loops_;
    std::shared_ptr<memory_store> store_;
    std::optional<http_upstream> forwarder_;
    std::optional<delivery_queue> queue_;
    std::optional<gateway> gateway_;
    std::array<listening*, 2> services_{};
    listening* strangers_ = nullptr; // somebody else's, on a port that a reload wants
    std::vector<tcp_end*> served_;   // the service's ends, closed ones too
    std::size_t most_sessions_ = 0;  // by the plan's rules, of all groups
    std::uint64_t began_ = 0;
};

} // namespace

run_result run(const plan& what, std::size_t trace_lines) {
    if (what.rules.tls) {
        make_openssl_repeatable();
        certificate_file(), key_file();
    }
    // A thread of its own: what the product keeps by thread begins anew, so that the same plan
    // makes the same run.
    run_result out;
    std::thread([&] { out = world(what, trace_lines).go(); }).join();
    return out;
}

} // namespace finpost::sim
