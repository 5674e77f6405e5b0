#include "log/log_setup.hpp"

#include "log/log_line.hpp"
#include "log/log_writer.hpp"
#include "of_each_thread.hpp"

#include <boost/log/attributes/attribute_value_impl.hpp>
#include <boost/log/attributes/value_extraction.hpp>
#include <boost/log/core.hpp>
#include <boost/log/sinks/sink.hpp>
#include <boost/smart_ptr/make_shared.hpp>

#include <atomic>
#include <cerrno>
#include <new>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace blog = boost::log;

namespace finpost {

using namespace detail;

namespace {

constexpr std::size_t usual_size = 4 << 20; // ten thousand access lines

const blog::attribute_name& lines_name() {
    static const blog::attribute_name name("Lines");
    return name;
}

/// Boost.Log's own asynchronous frontend either grows without a bound, or blocks, or drops without
/// a word, and a record a line costs an exchange more than its line does. Here a record is what
/// has gathered, and the core sees it in the writer's thread.
class lines_sink final : public blog::sinks::sink {
public:
    explicit lines_sink(log_writer& writer) : sink(false), writer_(writer) {}
    bool will_consume(const blog::attribute_value_set&) override { return true; }
    void consume(const blog::record_view& record) override {
        const auto lines = blog::extract<std::string_view>(lines_name(), record);
        if (lines) writer_.write(*lines);
    }
    void flush() override {} // `log_setup::stop` does that, with a limit

private:
    log_writer& writer_;
};

[[noreturn]] void cannot_open(int error, const std::string& file) {
    throw std::system_error(error, std::generic_category(), "cannot open the log file " + file);
}

// Without waiting, whatever it is. A named pipe that nobody reads would be waited for or refused;
// opened for reading as well it takes what fits into it, and has it for a reader who comes later.
int open_for_append(const std::string& file) {
    struct stat about {};
    const bool named_pipe = ::stat(file.c_str(), &about) == 0 && S_ISFIFO(about.st_mode);
    const int access = named_pipe ? O_RDWR : O_WRONLY;
    const int fd = ::open(file.c_str(), access | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0640);
    if (fd < 0) cannot_open(errno, file);
    return fd;
}

// The record borrows the lines: it is gone from the core when this returns.
void push(std::string_view lines) {
    const auto core = blog::core::get();
    const blog::attribute_set none;
    blog::record record = core->open_record(none);
    if (!record) return;
    record.attribute_values().insert(lines_name(), blog::attributes::make_attribute_value(lines));
    core->push_record(boost::move(record));
}

struct owned_descriptor {
    explicit owned_descriptor(int opened) : fd(opened) {}
    ~owned_descriptor() {
        if (fd >= 0) ::close(fd);
    }
    owned_descriptor(const owned_descriptor&) = delete;
    owned_descriptor& operator=(const owned_descriptor&) = delete;
    const int fd;
};

} // namespace

class log_setup::state {
public:
    state(const log_config& config, int fd, int to_close, std::size_t most)
        : file(config.file), level(config.level),
          json(config.format == log_format::json ||
               (config.format == log_format::automatic && ::isatty(fd) == 0)),
          owned(to_close), writer(fd, most, push), sink(boost::make_shared<lines_sink>(writer)) {
        // Without a sink Boost.Log's core writes every record to the console by itself.
        blog::core::get()->add_sink(sink);
    }
    ~state() {
        writer.stop(std::chrono::seconds(1)); // what still waits goes through the sink
        blog::core::get()->remove_sink(sink);
    }

    const std::string file; // empty: there is none
    const log_level level;
    const bool json;
    const owned_descriptor owned; // outlives the writer
    log_writer writer;
    const boost::shared_ptr<lines_sink> sink;
    std::atomic<std::uint64_t> failed{0};
};

log_setup::log_setup(const log_config& config) {
    const int file = config.file.empty() ? -1 : open_for_append(config.file);
    const int fd = config.file.empty() ? STDERR_FILENO : file;
    state_ = std::make_shared<state>(config, fd, file, usual_size);
}

log_setup::log_setup(const log_config& config, int fd, std::size_t most)
    : state_(std::make_shared<state>(config, fd, -1, most)) {}

log_setup::~log_setup() { stop(std::chrono::seconds(1)); }

logger log_setup::door() const {
    return logger(state_->level, [state = state_](log_level level, std::string_view event,
                                                  std::span<const log_field> fields) {
        try {
            std::string* const kept =
                of_each_thread<std::string, log_setup>::get(); // with its memory
            if (kept == nullptr) throw std::bad_alloc();
            std::string& line = *kept;
            line.clear();
            const auto now = std::chrono::system_clock::now();
            if (state->json)
                append_json_line(line, now, level, event, fields);
            else
                append_text_line(line, now, level, event, fields);
            state->writer.append(line);
        } catch (...) {
            // A log line is not worth an exchange: no memory for it is one more drop.
            state->failed.fetch_add(1, std::memory_order_relaxed);
        }
    });
}

bool log_setup::reopen() {
    const int now = state_->owned.fd;
    if (now < 0) return false;
    const owned_descriptor next(open_for_append(state_->file));
    if (is_regular_file(next.fd) != is_regular_file(now)) cannot_open(EEXIST, state_->file);
    // The writer goes on with the same number, and in one step: what it is writing now is still for
    // the old file.
    if (::dup3(next.fd, now, O_CLOEXEC) < 0) cannot_open(errno, state_->file);
    return true;
}

std::uint64_t log_setup::dropped() const noexcept { return state_->writer.lost() + state_->failed; }

bool log_setup::stop(std::chrono::milliseconds limit) { return state_->writer.stop(limit); }

} // namespace finpost
