#include "stages_text.hpp"

#include <array>
#include <cstdio>

namespace finpost {

namespace {

using microseconds = std::chrono::microseconds;

std::string milliseconds_text(microseconds span, const char* format) {
    std::array<char, 32> text{};
    std::snprintf(text.data(), text.size(), format, static_cast<double>(span.count()) / 1000);
    return text.data();
}

std::string bytes_text(std::uint64_t n) { return "  " + std::to_string(n) + " bytes"; }

const char* end_of_payload(const exchange_result& result, const frame_spec& frame) {
    switch (frame.type) {
    case frame_spec::kind::eof:
    case frame_spec::kind::fixed:
    case frame_spec::kind::idle:
        return result.secured.count() > 0 ? "the close_notify" : "the FIN";
    default:
        return "the end of the frame";
    }
}

class stage_lines {
public:
    // Stages that were not reached have no line.
    void add(std::string name, microseconds until, const std::string& more = {}) {
        if (until.count() == 0) return;
        line(std::move(name), until - last_, more);
        last_ = until;
    }
    void line(std::string name, microseconds took, const std::string& more) {
        name.resize(9, ' ');
        text += name + milliseconds_text(took, " %10.3f ms") + more + '\n';
    }
    std::string text;

private:
    microseconds last_{};
};

} // namespace

std::string stages_text(const exchange_result& result, const frame_spec& frame) {
    const bool half_closed = result.half_closed.count() > 0, began = result.first_byte.count() > 0;
    const bool early = began && half_closed && result.first_byte < result.half_closed;
    const char* const end = end_of_payload(result, frame);
    stage_lines out;
    if (result.begun >= std::chrono::milliseconds(100))
        out.add("payload", result.begun); // somebody typed it
    out.add("resolve", result.resolved);
    out.add("connect", result.connected);
    out.add("tls", result.secured);
    if (half_closed)
        out.add("send", result.half_closed, bytes_text(result.sent) + ", then " + end);
    else if (result.stage == exchange_stage::send)
        out.add("send", began ? result.first_byte : result.ended,
                bytes_text(result.sent) + ", without " + end);
    if (half_closed && !early) out.add("wait", began ? result.first_byte : result.ended);
    if (began) {
        const std::string since =
            early
                ? ", the first " +
                      milliseconds_text(result.half_closed - result.first_byte, "%.3f ms before ") +
                      end
                : "";
        out.add("receive", result.ended, bytes_text(result.received) + since);
    } else if (result.stage < exchange_stage::send) {
        out.add(std::string(to_string(result.stage)), result.ended);
    }
    out.line("total", result.ended, {});
    return out.text;
}

} // namespace finpost
