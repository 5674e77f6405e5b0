#include "send.hpp"

#include "progress_bar.hpp"
#include "stages_text.hpp"
#include "streams.hpp"

#include "finpost/base64.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace asio = boost::asio;

namespace finpost {

namespace {

enum code { whole = 0, usage = 2, no_connection = 3, time_limit = 4, refused = 5, cut = 6 };

void complain(const std::string& what) { std::fprintf(stderr, "finpost: %s\n", what.c_str()); }

bool is_standard_input(const std::string& file) { return file.empty() || file == "-"; }

std::string input_name(const std::string& file) {
    return is_standard_input(file) ? "standard input" : file;
}

// A descriptor, or a complaint that names the file.
std::optional<int> open_input(const std::string& file) {
    const bool standard = is_standard_input(file);
    const int fd = standard ? STDIN_FILENO : ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat about {};
    const int mode = fd < 0 ? -1 : ::fcntl(fd, F_GETFL);
    if (mode >= 0 && (mode & O_PATH) != 0)
        errno = EBADF; // see occupy_standard_descriptors
    else if (mode >= 0 && ::fstat(fd, &about) == 0 && S_ISDIR(about.st_mode))
        errno = EISDIR;
    else if (mode >= 0)
        return fd;
    complain(input_name(file) + ": " + std::strerror(errno));
    return std::nullopt;
}

// What goes wrong on this side is not to be told as if the peer had done it.
class noting_source final : public byte_source {
public:
    explicit noting_source(byte_source& from) : from_(from) {}
    void read(std::span<std::byte> room,
              std::function<void(error_code, std::size_t)> done) override {
        from_.read(room, [this, done = std::move(done)](error_code ec, std::size_t n) {
            if (ec) failed = ec;
            done(ec, n);
        });
    }
    error_code failed;

private:
    byte_source& from_;
};

class noting_sink final : public byte_sink {
public:
    explicit noting_sink(byte_sink& to) : to_(to) {}
    error_code write(std::span<const std::byte> data) override {
        empty = empty && data.empty();
        return failed = to_.write(data);
    }
    error_code failed;
    bool empty = true;

private:
    byte_sink& to_;
};

} // namespace

// What people read when something went wrong.
std::string explain(const host_port& target, error_code failed, const exchange_result& result) {
    const std::string where = to_string(target);
    const std::string why = failed.message() + (result.detail.empty() ? "" : ": " + result.detail);
    if (result.refused) {
        return "refused by the gateway: " + std::string(to_string(*result.refused)) + " (" +
               failed.message() + "), request " + result.request_id;
    }
    if (failed == reason::empty)
        return "there is nothing to send: a gateway makes no request of an empty payload";
    const std::string stage(to_string(result.stage));
    if (exit_code(failed, result) == no_connection)
        return "no connection to " + where + " (" + stage + "): " + why;
    if (failed == asio::error::timed_out) {
        return "the time was over in stage " + stage + ", with " + std::to_string(result.sent) +
               " bytes sent and " + std::to_string(result.received) + " received";
    }
    if (failed == asio::error::broken_pipe)
        return where + " closed the connection before the whole payload was sent";
    return "the connection was cut in stage " + stage + ": " + why;
}

int exit_code(error_code failed, const exchange_result& result) {
    if (!failed) return whole;
    if (result.refused) return refused;
    if (result.stage == exchange_stage::payload)
        return failed == asio::error::timed_out ? time_limit : usage;
    // Nothing was sent, or nothing of it was taken: whoever wants to may try again without a second
    // thought.
    if (result.stage <= exchange_stage::handshake || failed == reason::tls_handshake)
        return no_connection;
    return failed == asio::error::timed_out ? time_limit : cut;
}

std::optional<client_options> prepare_or_complain(const connection_options& options) {
    std::vector<std::string> problems, warnings;
    auto out = prepare(options, problems, warnings);
    for (const std::string& one : problems) complain(one);
    for (const std::string& one : warnings) complain("warning: " + one);
    return out;
}

int send(const send_options& options) {
    std::signal(SIGPIPE, SIG_IGN);
    auto limits = prepare_or_complain(options);
    const auto fd = open_input(options.file);
    if (!fd || !limits) return usage;
    descriptor_source raw(*fd);
    noting_source input(raw);
    encoding_source encoded(input);
    byte_source& payload = options.encode ? static_cast<byte_source&>(encoded) : input;
    descriptor_sink standard_output(STDOUT_FILENO);
    noting_sink output(standard_output);
    decoding_sink decoded(output);
    byte_sink& reply = options.decode ? static_cast<byte_sink&>(decoded) : output;

    error_code failed;
    exchange_result result;
    {
        const std::uint64_t size = raw.size();
        asio::io_context io(1);
        progress_bar bar(io.get_executor(), options.encode ? base64::encoded_size(size) : size);
        limits->progress = [&bar](std::uint64_t sent, std::uint64_t received) {
            bar.update(sent, received);
        };
        async_exchange(io.get_executor(), options.target, payload, reply, *limits,
                       [&](error_code ec, exchange_result what) {
                           failed = ec;
                           result = std::move(what);
                           io.stop();
                       });
        io.run();
        raw.stop(); // before what its reader runs on
        if (options.verbose) std::fputs((describe(result) + stages_text(result)).c_str(), stderr);
        // A lookup that is still under way would hold the end up: leave it behind.
        if (failed && result.stage == exchange_stage::resolve) {
            complain(explain(options.target, failed, result));
            std::_Exit(exit_code(failed, result));
        }
    }
    if (!failed && options.decode) failed = decoded.finish();
    if (!failed && output.empty) complain("the reply is empty");
    if (!failed) return output.empty && options.expect_reply ? cut : whole;
    if (output.failed)
        complain("standard output: " + output.failed.message());
    else if (!decoded.wrong().empty())
        complain("the reply is not Base64: " + decoded.wrong());
    else if (input.failed && failed == input.failed)
        complain(input_name(options.file) + ": " + failed.message() +
                 (result.stage == exchange_stage::payload ? "; nothing was sent"
                                                          : "; the connection was reset"));
    else
        complain(explain(options.target, failed, result));
    return exit_code(failed, result);
}

} // namespace finpost
