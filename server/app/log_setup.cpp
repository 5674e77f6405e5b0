#include "log_setup.hpp"

#include "log_line.hpp"
#include "log_queue.hpp"
#include "log_writer.hpp"

#include <boost/log/attributes/attribute_value_impl.hpp>
#include <boost/log/core.hpp>
#include <boost/log/sinks/async_frontend.hpp>
#include <boost/log/sinks/basic_sink_backend.hpp>
#include <boost/smart_ptr/make_shared.hpp>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace blog = boost::log;

namespace finpost {

namespace {

constexpr std::size_t queued_lines = 16 << 10;

const blog::attribute_name& line_name() {
    static const blog::attribute_name name("Line");
    return name;
}

class line_backend
    : public blog::sinks::basic_sink_backend<blog::sinks::synchronized_feeding> {
public:
    explicit line_backend(log_writer& writer) : writer_(writer) {}
    void consume(const blog::record_view& record) {
        const auto line = record.attribute_values()[line_name()].extract<std::string>();
        if (line) writer_.append(*line);
    }

private:
    log_writer& writer_;
};

using sink = blog::sinks::asynchronous_sink<line_backend, counting_queue>;

int open_for_append(const std::string& file) {
    const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
    if (fd < 0) {
        throw std::system_error(errno, std::generic_category(), "cannot open the log file " + file);
    }
    return fd;
}

void push(std::string line) {
    const auto core = blog::core::get();
    blog::attribute_set none;
    blog::record record = core->open_record(none);
    if (!record) return;
    record.attribute_values().insert(line_name(),
                                     blog::attributes::make_attribute_value(std::move(line)));
    core->push_record(boost::move(record));
}

} // namespace

class log_setup::state {
public:
    state(const log_config& config, int fd, std::size_t most)
        : level(config.level), json(config.format == log_format::json ||
                                    (config.format == log_format::automatic && ::isatty(fd) == 0)),
          writer(fd),
          front(boost::make_shared<sink>(boost::make_shared<line_backend>(writer), false)) {
        front->limit(most);
        front->when_dry([this] { writer.flush(); });
        // Without a sink Boost.Log's core writes every record to the console by itself.
        blog::core::get()->add_sink(front);
        thread = std::thread([this] { front->run(); });
    }

    ~state() {
        stop(std::chrono::seconds(1));
        if (owned_fd >= 0) ::close(owned_fd);
    }

    bool stop(std::chrono::milliseconds limit) {
        if (!thread.joinable()) return true;
        open = false;
        const auto until = std::chrono::steady_clock::now() + limit;
        writer.give_up_at(until); // so that a reader which takes nothing cannot hold the thread
        const bool all = front->wait_dry(until);
        blog::core::get()->remove_sink(front);
        front->stop();
        thread.join();
        writer.flush();
        left_over = front->left();
        return all && left_over == 0;
    }

    const log_level level;
    const bool json;
    int owned_fd = -1;
    log_writer writer;
    boost::shared_ptr<sink> front;
    std::thread thread;
    std::atomic<bool> open{true};
    std::atomic<std::uint64_t> late{0}, left_over{0};
};

log_setup::log_setup(const log_config& config) {
    if (config.file.empty()) {
        state_ = std::make_shared<state>(config, STDERR_FILENO, queued_lines);
        return;
    }
    const int fd = open_for_append(config.file);
    state_ = std::make_shared<state>(config, fd, queued_lines);
    state_->owned_fd = fd;
}

log_setup::log_setup(const log_config& config, int fd, std::size_t most)
    : state_(std::make_shared<state>(config, fd, most)) {}

log_setup::~log_setup() { stop(std::chrono::seconds(1)); }

logger log_setup::door() const {
    return logger(state_->level, [state = state_](log_level level, std::string_view event,
                                                  std::span<const log_field> fields) {
        if (!state->open) {
            state->late.fetch_add(1, std::memory_order_relaxed);
            return;
        }
        try {
            const auto now = std::chrono::system_clock::now();
            push(state->json ? json_line(now, level, event, fields)
                             : text_line(now, level, event, fields));
        } catch (...) {
            // A log line is not worth an exchange: no memory for it is one more drop.
            state->late.fetch_add(1, std::memory_order_relaxed);
        }
    });
}

std::uint64_t log_setup::dropped() const noexcept {
    return state_->front->refused() + state_->writer.lost() + state_->late + state_->left_over;
}

bool log_setup::stop(std::chrono::milliseconds limit) { return state_->stop(limit); }

} // namespace finpost
