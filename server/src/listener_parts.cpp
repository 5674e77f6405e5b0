#include "listener_parts.hpp"

#include "quoted.hpp"

#include "finpost/spill_file.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace finpost::detail {

namespace {

void check_addresses(config_checker& check, const std::vector<socket_address>& all) {
    check.require(!all.empty(), "listen", "at least one address is needed");
    for (auto address = all.begin(); address != all.end(); ++address) {
        const bool twice = address->port() != 0 && std::count(all.begin(), address, *address) > 0;
        check.require(!twice, "listen", to_string(*address) + " is given twice");
    }
}

void check_sizes(config_checker& check, const gateway_config& config) {
    check.require(config.max_payload > 0 && config.max_payload <= largest_size, "max_payload",
                  "must be above zero and at most 64 TiB");
    const bool streams = config.stream_above && *config.stream_above < config.max_payload;
    // A stream reads on a little before it begins, and then has its buffers.
    const std::uint64_t held = streams ? *config.stream_above + (1 << 20) : config.max_payload;
    check.require(
        config.max_buffered >= held && config.max_buffered <= largest_size, "max_buffered",
        "must be at least " + std::string(streams ? "stream_above and 1 MiB (" : "max_payload (") +
            format_size(held) + ") and at most 64 TiB");
}

void check_frames(config_checker& check, const gateway_config& config) {
    const auto usable = [](const frame_spec& spec) {
        const auto again = parse_frame_spec(to_string(spec));
        return again && *again == spec;
    };
    check.require(usable(config.frame), "frame", "is none that parse_frame_spec makes");
    check.require(!config.reply_frame || usable(*config.reply_frame), "reply_frame",
                  "is none that parse_frame_spec makes");
    check.positive(config.between, "between");
    if (config.tcp_keepalive) check.positive(*config.tcp_keepalive, "tcp_keepalive");
    check.require(config.frame.type != frame_spec::kind::idle || !config.stream_above,
                  "stream_above",
                  "does not go together with a frame that a pause ends: every pause of the client "
                  "would end the request");
    check.require(config.frame.type != frame_spec::kind::fixed ||
                      config.frame.size <= config.max_payload,
                  "frame", "its size must be at most max_payload");
}

reply_forms checked_forms(config_checker& check, const gateway_config& config) {
    reply_forms forms;
    forms.format = config.reply_format;
    const auto read = [&](const std::string& text, reply_kind kind,
                          std::string_view field) -> std::optional<reply_template> {
        if (text.empty()) return std::nullopt;
        auto parsed = parse_reply_template(text, kind);
        check.require(parsed.has_value(), field, parsed ? "" : parsed.error().message);
        if (!parsed) return std::nullopt;
        const bool framed = config.frame.type != frame_spec::kind::eof;
        check.require(!framed || !parsed->may_be_empty(), field,
                      "may give no byte, which a frame cannot tell from none");
        return std::move(*parsed);
    };
    forms.reply = read(config.reply_template, reply_kind::reply, "reply_template");
    forms.refusal = read(config.refusal_template, reply_kind::refusal, "refusal_template");
    forms.receipt = read(config.receipt_template, reply_kind::receipt, "receipt_template");
    const bool bodies = forms.are_bodies();
    check.require(bodies || config.encode == codec::none, "encode",
                  "is for replies that are the body alone: not with a reply_format or a template");
    check.require(!forms.are_hl7() || !config.stream_above, "stream_above",
                  "does not go together with reply_format hl7: a message is read before it is sent "
                  "on");
    const bool own = !bodies || forms.refusal || forms.receipt;
    check.require(!own || are_carried(forms, config),
                  forms.reply                          ? "reply_template"
                  : forms.format != reply_format::body ? "reply_format"
                  : forms.refusal                      ? "refusal_template"
                                                       : "receipt_template",
                  "gives a text that the frame of replies cannot carry: it holds the frame's end, "
                  "or has another size");
    return forms;
}

std::string checked_spill_directory(config_checker& check, const gateway_config& config) {
    std::string dir = config.spill_dir.empty() ? default_spill_directory() : config.spill_dir;
    check.require(config.spill_above <= largest_size, "spill_above", "must be at most 64 TiB");
    if (config.spill_above == 0) return dir;
    const auto made = spill_file::create(dir);
    if (made.has_error())
        check.require(false, "spill_dir",
                      "no file can be made in " + in_quotes(dir) + " (" + made.error().message() +
                          "): name another directory, or set spill_above to off");
    return dir;
}

} // namespace

checked<listener_parts> make_listener_parts(const gateway_config& config) {
    config_checker check;
    listener_parts parts;
    check_addresses(check, config.listen);
    check_frames(check, config);
    check_sizes(check, config);
    parts.forms = checked_forms(check, config);
    parts.spill_directory = checked_spill_directory(check, config);
    check.require(config.max_connections > 0, "max_connections", "must be above zero");
    parts.tls = make_listener_tls(config.tls);
    check.add(parts.tls.problems);
    check.positive(config.tls_handshake, "tls_handshake");
    check.require(config.max_handshakes > 0, "max_handshakes", "must be above zero");
    check.positive(config.proxy_protocol, "proxy_protocol");
    check.positive(config.receive_idle, "receive_idle");
    check.positive(config.receive_total, "receive_total");
    check.positive(config.reply_total, "reply_total");
    check.positive(config.lingering_close, "lingering_close");
    check.require(config.trace_sampled >= 0 && config.trace_sampled <= 1, "trace_sampled",
                  "must be a share between 0 and 1");
    return check.done(std::move(parts));
}

} // namespace finpost::detail

namespace finpost {

std::vector<config_problem> validate(const gateway_config& config) {
    const auto made = detail::make_listener_parts(config);
    return made ? std::vector<config_problem>() : made.error();
}

} // namespace finpost
