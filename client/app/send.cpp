#include "send.hpp"

#include "progress_bar.hpp"
#include "send_streams.hpp"
#include "stages_text.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/system/errc.hpp>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace asio = boost::asio;
namespace errc = boost::system::errc;

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
    complain(input_name(file) + ": " +
             error_code(errno, boost::system::system_category()).message());
    return std::nullopt;
}

struct exchange_end {
    error_code failed;
    exchange_result result;
};

exchange_end run_exchange(const send_options& options, client_options limits,
                          payload_input& payload, reply_output& reply) {
    exchange_end end;
    asio::io_context io(1);
    progress_bar bar(io.get_executor(), payload.size());
    limits.progress = [&bar](std::uint64_t sent, std::uint64_t received) {
        bar.update(sent, received);
    };
    async_exchange(io.get_executor(), options.target, payload.source(), reply.sink(),
                   std::move(limits), [&](error_code ec, exchange_result result) {
                       end = {ec, std::move(result)};
                       io.stop();
                   });
    io.run();
    payload.stop(); // before what its reader runs on
    if (options.verbose)
        std::fputs((describe(end.result) + stages_text(end.result, options.frame)).c_str(), stderr);
    // A lookup that is still under way would hold the end up: leave it behind.
    if (end.failed && end.result.stage == exchange_stage::resolve) {
        complain(explain(options.target, end.failed, end.result));
        std::_Exit(exit_code(end.failed, end.result));
    }
    return end;
}

// Why an exchange failed, where this side's own input and output are looked at first.
std::string explain_failure(const send_options& options, const exchange_end& end,
                            const payload_input& payload, const reply_output& reply) {
    if (reply.failed()) return "standard output: " + reply.failed().message();
    if (!reply.decoding_fault().empty())
        return "the reply is not Base64: " + reply.decoding_fault();
    if (!reply.form_fault().empty() && end.failed == errc::bad_message) return reply.form_fault();
    if (payload.failed() && end.failed == payload.failed()) {
        const bool sent = end.result.stage != exchange_stage::payload;
        return input_name(options.file) + ": " + end.failed.message() +
               (sent ? "; the connection was reset" : "; nothing was sent");
    }
    return explain(options.target, end.failed, end.result);
}

// Says what the exchange came to. A refusal in its form counts also when the connection was cut
// behind it.
int conclude(const send_options& options, const exchange_end& end, const payload_input& payload,
             const reply_output& reply) {
    const told& said = reply.said();
    if (options.verbose && !said.fields.empty())
        std::fprintf(stderr, "reply: %s\n", said.fields.c_str());
    if (said.what == told::outcome::refused) return complain(said.why), refused;
    if (end.failed) {
        complain(explain_failure(options, end, payload, reply));
        return exit_code(end.failed, end.result);
    }
    if (!said.why.empty()) complain(said.why);
    if (reply.empty()) complain("the reply is empty");
    if (said.what == told::outcome::failed) return refused;
    return reply.empty() && options.expect_reply ? cut : whole;
}

bool is_framed(const frame_spec& frame) noexcept {
    using kind = frame_spec::kind;
    return frame.type != kind::eof && frame.type != kind::fixed && frame.type != kind::idle;
}

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
    if (failed == errc::invalid_argument && !result.detail.empty()) {
        const bool sent = result.stage > exchange_stage::payload;
        return "the payload does not fit its frame: " + result.detail +
               (sent ? "; the connection was reset" : "; nothing was sent");
    }
    // What a frame is like that is wrong or cut is told in whole sentences.
    if ((failed == errc::bad_message || failed == asio::error::eof) && !result.detail.empty())
        return result.detail;
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
    for (const std::string& problem : problems) complain(problem);
    for (const std::string& warning : warnings) complain("warning: " + warning);
    return out;
}

int send(const send_options& options) {
    std::signal(SIGPIPE, SIG_IGN);
    auto limits = prepare_or_complain(options);
    const auto fd = open_input(options.file);
    if (!fd || !limits) return usage;
    limits->frame = options.frame;
    payload_input payload(*fd, options.encode);
    reply_output reply(options.decode, options.reply_format, is_framed(options.frame));
    exchange_end end = run_exchange(options, *std::move(limits), payload, reply);
    if (end.failed)
        reply.finish_cut(end.result.reply);
    else
        end.failed = reply.finish();
    return conclude(options, end, payload, reply);
}

} // namespace finpost
