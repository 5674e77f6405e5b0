#include "load_plan.hpp"

#include "frame_writer.hpp"
#include "load_payload.hpp"
#include "quoted.hpp"

#include <charconv>
#include <string_view>
#include <system_error>

namespace finpost {

using namespace detail;

namespace {

constexpr std::uint64_t most_connections = 1'000'000;
constexpr std::uint64_t most_requests = 1'000'000'000'000;
constexpr std::uint64_t most_rate = 10'000'000;
constexpr std::uint64_t largest_size = std::uint64_t{64} << 30;
constexpr duration usual_length{10'000};
constexpr duration longest_count{120'000}; // a run of -n exchanges that does not get through them

class reader {
public:
    explicit reader(std::vector<std::string>& problems) : problems_(problems) {}

    // `into` keeps its default where the option was not given.
    template <class Number>
    void number(const char* name, const std::string& text, std::uint64_t least, std::uint64_t most,
                Number& into) {
        if (text.empty()) return;
        std::uint64_t value = 0;
        const char* const end = text.data() + text.size();
        const auto [stop, ec] = std::from_chars(text.data(), end, value);
        if (ec != std::errc{} || stop != end || value < least || value > most) {
            return wrong(name, in_quotes(text) + " is not a whole number from " +
                                   std::to_string(least) + " to " + std::to_string(most));
        }
        into = static_cast<Number>(value);
    }

    void time(const char* name, const std::string& text, duration& into) {
        if (text.empty()) return;
        const auto read = parse_duration(text);
        if (!read) return wrong(name, read.error().message);
        if (*read <= duration::zero()) return wrong(name, "must be longer than 0s");
        into = *read;
    }

    void size(const char* name, const std::string& text, std::uint64_t& into) {
        if (text.empty()) return;
        const auto read = parse_size(text);
        if (!read) return wrong(name, read.error().message);
        if (*read == 0) return wrong(name, "must be at least 1: an empty payload gets no reply");
        if (*read > largest_size) return wrong(name, "must be at most 64GiB");
        into = *read;
    }

    void wrong(const char* name, const std::string& what) {
        problems_.push_back(std::string(name) + ": " + what);
    }

private:
    std::vector<std::string>& problems_;
};

// Whether each payload can be a frame, and each reply another.
void read_framing(reader& read, const load_arguments& from, load_plan& plan) {
    using kind = frame_spec::kind;
    read.number("--per-connection", from.per_connection, 1, most_requests, plan.per_connection);
    const auto frame = parse_frame_spec(from.frame.empty() ? "eof" : from.frame);
    if (!frame) return read.wrong("--frame", frame.error().message);
    plan.frame = *frame;
    const std::string spec = to_string(plan.frame);
    if (frame->type == kind::eof) {
        if (!from.per_connection.empty())
            read.wrong("--per-connection",
                       "needs --frame: without one a payload ends with its connection");
        return;
    }
    if (frame->type == kind::fixed || frame->type == kind::idle)
        return read.wrong("--frame", spec + " says where a payload ends, and not where a reply " +
                                         "does: that ends with its connection, as without --frame");
    const std::string_view mark = end_mark(plan.frame);
    if (!mark.empty() && load_payloads::may_hold(mark))
        read.wrong("--frame", spec + " may stand in a payload: these are of the letters and " +
                                  "digits of Base64");
    frame_writer writer(plan.frame);
    if (!writer.begin(plan.size)) read.wrong("--size", spec + ": " + std::string(writer.fault()));
    if (plan.slow > 0) read.wrong("--slow", "not with --frame: slow clients send no frames");
}

} // namespace

std::optional<load_plan> read_load_plan(const load_arguments& from,
                                        std::vector<std::string>& problems) {
    const std::size_t before = problems.size();
    load_plan plan;
    reader read(problems);
    const auto target = parse_host_port(from.target);
    if (!target)
        read.wrong("HOST:PORT", target.error().message);
    else if (target->port == 0)
        read.wrong("HOST:PORT", "port 0 cannot be connected to");
    else
        plan.target = *target;
    read.number("--slow", from.slow, 0, most_connections, plan.slow);
    read.number("--connections", from.connections, plan.slow > 0 ? 0 : 1, most_connections,
                plan.connections);
    read.number("--requests", from.requests, 1, most_requests, plan.requests);
    read.number("--rate", from.rate, 1, most_rate, plan.rate);
    read.size("--size", from.size, plan.size);
    plan.length = plan.requests > 0 ? longest_count : usual_length;
    read.time("--duration", from.duration, plan.length);
    read.time("--timeout", from.timeout, plan.timeout);
    plan.verify = !from.no_verify;
    read_framing(read, from, plan);
    if (problems.size() > before) return std::nullopt;
    return plan;
}

} // namespace finpost
