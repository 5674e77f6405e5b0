#include "queue/queue_command.hpp"

#include "control/queue_json.hpp"
#include "progress_bar.hpp"
#include "queue/checked_read.hpp"
#include "queue/direct_queue.hpp"
#include "queue/durable_file.hpp"
#include "queue/queue_changes.hpp"
#include "queue/queue_door.hpp"
#include "queue/queue_export.hpp"
#include "queue/queue_help.hpp"
#include "queue/queue_move.hpp"
#include "queue/queue_options.hpp"
#include "queue/queue_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <system_error>

#include <unistd.h>

namespace json = boost::json;

namespace finpost {

namespace {

constexpr int done = 0, failed = 1, bad_usage = 2;

void say(const std::string& problem) { std::fprintf(stderr, "finpost: %s\n", problem.c_str()); }

int fail(const std::string& problem) {
    say(problem);
    return failed;
}

// What was written may still fail to be: on a disk that is full, say.
parsed<void> print(std::string_view text) {
    if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size()) return {};
    return parse_error{"standard output: " + std::generic_category().message(errno)};
}

int ended_with(int code) {
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
    return fail("standard output: " + std::generic_category().message(errno));
}

// `unsafe`: who only looks after a queue gives no receipts, and takes any server.
postgres_queue_config database_of(const std::string& url, const std::string& password_file,
                                  bool unsafe) {
    postgres_queue_config config;
    config.url = url;
    config.password_file = password_file;
    config.unsafe = unsafe;
    return config;
}

int show_object(const json::object& object, bool as_json, const std::string& text,
                int code = done) {
    const auto printed = print(as_json ? json::serialize(object) + '\n' : text);
    return printed ? ended_with(code) : fail(printed.error().message);
}

int init(queue_door& queue, const queue_options& options) {
    const auto stats = queue.stats();
    if (!stats) return fail(stats.error().message);
    const bool here = options.database.empty();
    const std::string& place = here ? options.directory : options.database;
    return show_object({{here ? "queue_dir" : "queue_database", place}, {"good", true}},
                       options.json, place + ": the queue is good\n");
}

int stats(queue_door& queue, const queue_options& options) {
    const auto now = queue.stats();
    if (!now) return fail(now.error().message);
    return show_object(*now, options.json, stats_text(*now));
}

std::string json_page(const queue_rows& page, bool& first) {
    std::string text;
    for (const json::object& row : page.rows) {
        text += first ? "" : ",\n ";
        first = false;
        text += json::serialize(listed(row));
    }
    return text;
}

int list(queue_door& queue, const queue_options& options) {
    queue_table table;
    bool first = true;
    auto printed = print(options.json ? "[" : "");
    std::uint64_t after = 0;
    do {
        const auto page = queue.list(options.filter, after);
        if (!page) return std::fflush(stdout), fail(page.error().message);
        if (printed)
            printed = print(options.json ? json_page(*page, first) : table.page(page->rows));
        if (!printed) return fail(printed.error().message);
        after = page->next;
    } while (after != 0);
    if (options.json) printed = print("]\n");
    return printed ? ended_with(done) : fail(printed.error().message);
}

int show_damage(const request_id& id) {
    return fail(std::string(id.text()) + ": the bytes are not those that were stored");
}

int bytes_to_output(queue_door& queue, const json::object& row, const request_id& id) {
    if (::isatty(STDOUT_FILENO) == 1) {
        say("--bytes: standard output is a terminal: use -o FILE, or a pipe");
        return bad_usage;
    }
    const auto read = read_checked(queue, row, [](std::span<const std::byte> bytes) {
        return print({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    });
    if (!read) return std::fflush(stdout), fail(read.error().message);
    if (*read == checked_bytes::gone)
        return fail(std::string(id.text()) + ": has left the queue meanwhile");
    const int code = ended_with(done);
    return *read == checked_bytes::damaged ? show_damage(id) : code;
}

int bytes_to_file(queue_door& queue, const json::object& row, const request_id& id,
                  const std::string& path) {
    auto file = durable_file::create(path);
    if (!file) return fail("--output: " + file.error().message);
    const auto read = read_checked(
        queue, row, [&](std::span<const std::byte> bytes) { return file->write(bytes); });
    if (!read) return fail(read.error().message);
    if (*read == checked_bytes::gone)
        return fail(std::string(id.text()) + ": has left the queue meanwhile");
    const auto named = file->commit(durable_file::existing::replace);
    if (!named) return fail("--output: " + named.error().message);
    return *read == checked_bytes::damaged ? show_damage(id) : done;
}

int show(queue_door& queue, const queue_options& options) {
    const request_id& id = options.ids.front();
    const auto found = queue.show(id);
    if (!found) return fail(found.error().message);
    if (!*found) return fail(std::string(id.text()) + ": is not in the queue");
    if (options.bytes) return bytes_to_output(queue, **found, id);
    if (!options.output.empty()) {
        const int code = bytes_to_file(queue, **found, id, options.output);
        if (code != done) return code;
    }
    return show_object(**found, options.json, entry_text(**found));
}

int report_changes(const change_report& report, const queue_options& options, const char* what,
                   const std::string& text) {
    json::array missing;
    for (const request_id& id : report.missing) {
        say(std::string(id.text()) + ": is not in the queue");
        missing.emplace_back(id.text());
    }
    for (const request_id& id : report.unchanged) say(std::string(id.text()) + ": waits already");
    json::object out;
    out[what] = report.changed;
    out["missing"] = std::move(missing);
    return show_object(out, options.json, payloads_text(report.changed) + text,
                       report.missing.empty() ? done : failed);
}

int replay(queue_door& queue, const queue_options& options) {
    change_report report;
    parsed<void> replayed;
    if (options.all) {
        const std::uint64_t total = to_replay(queue, options.filter);
        const progress_bar bar(queue.loop().get_executor(), [&report, total] {
            return progress_text("replayed", report.changed, total);
        });
        replayed = replay_all(queue, options.filter, report);
    } else {
        replayed = replay_some(queue, options.ids, report);
    }
    if (!replayed) say(replayed.error().message);
    const int code = report_changes(report, options, "replayed",
                                    report.changed == 1 ? " waits again\n" : " wait again\n");
    return replayed ? code : failed;
}

int drop(queue_door& queue, const queue_options& options) {
    change_report report;
    const auto dropped = drop_some(queue, options.ids, report);
    if (!dropped) say(dropped.error().message);
    const int code = report_changes(report, options, "dropped", " dropped\n");
    return dropped ? code : failed;
}

int export_to(queue_door& queue, const queue_options& options) {
    export_report report;
    const std::uint64_t total = all_in(queue, options.filter);
    parsed<void> exported;
    {
        const progress_bar bar(queue.loop().get_executor(), [&report, total] {
            return progress_text("exported", report.looked_at(), total);
        });
        exported = export_payloads(queue, options.filter, options.export_to, report, say);
    }
    if (!exported) say(exported.error().message);
    const json::object out{{"exported", report.exported},
                           {"bytes", report.bytes},
                           {"already_there", report.there},
                           {"gone", report.gone},
                           {"failed", report.failed}};
    std::string text = payloads_text(report.exported);
    (text += " exported, ") += std::to_string(report.bytes) + " bytes";
    if (report.there > 0) (text += "; already there: ") += std::to_string(report.there);
    if (report.gone > 0) (text += "; left the queue meanwhile: ") += std::to_string(report.gone);
    if (report.failed > 0) (text += "; failed: ") += std::to_string(report.failed);
    const bool good = exported && report.failed == 0;
    return show_object(out, options.json, text += '\n', good ? done : failed);
}

bool is_url(const std::string& place) {
    return place.starts_with("postgresql://") || place.starts_with("postgres://");
}

parsed<std::unique_ptr<direct_queue>> open_to_move(const std::string& place,
                                                   const std::string& password_file, bool make) {
    if (is_url(place)) return direct_queue::open(database_of(place, password_file, !make), make);
    auto opened = direct_queue::open(place, make);
    if (opened) return opened;
    std::string what = opened.error().message;
    if (what.find("is in use by ") != what.npos) what += ": move needs the gateway stopped";
    return parse_error{std::move(what)};
}

int move(const queue_options& options) {
    std::error_code none;
    if (options.from == options.to || std::filesystem::equivalent(options.from, options.to, none)) {
        say("--to: is the same place as --from");
        return bad_usage;
    }
    const auto from = open_to_move(options.from, options.password_file, false);
    if (!from) return fail("--from: " + from.error().message);
    const auto to = open_to_move(options.to, options.password_file, true);
    if (!to) return fail("--to: " + to.error().message);
    move_report report;
    const auto moved = move_payloads(**from, **to, options.filter, report, say);
    if (!moved) say(moved.error().message);
    const json::object out{
        {"moved", report.moved}, {"were_dead", report.dead}, {"damaged", report.damaged}};
    std::string text = payloads_text(report.moved) + " moved";
    if (report.dead > 0)
        (text += "; of them were dead letters, and wait now: ") += std::to_string(report.dead);
    if (report.damaged > 0)
        (text += "; damaged, and not moved: ") += std::to_string(report.damaged);
    const bool good = moved && report.damaged == 0;
    return show_object(out, options.json, text += '\n', good ? done : failed);
}

parsed<std::unique_ptr<queue_door>> open_queue(const queue_options& options, bool make) {
    if (options.database.empty()) return open_queue_door(options.directory, make);
    const bool unsafe = true;
    auto opened =
        direct_queue::open(database_of(options.database, options.password_file, unsafe), make);
    if (!opened) return opened.error();
    return std::unique_ptr<queue_door>(std::move(*opened));
}

int perform(const queue_options& options) {
    if (options.what == queue_options::action::move) return move(options);
    const bool make = options.what == queue_options::action::init;
    const auto queue = open_queue(options, make);
    if (!queue) return fail(queue.error().message);
    switch (options.what) {
    case queue_options::action::init:
        return init(**queue, options);
    case queue_options::action::stats:
        return stats(**queue, options);
    case queue_options::action::list:
        return list(**queue, options);
    case queue_options::action::show:
        return show(**queue, options);
    case queue_options::action::replay:
        return replay(**queue, options);
    case queue_options::action::drop:
        return drop(**queue, options);
    case queue_options::action::export_:
        return export_to(**queue, options);
    case queue_options::action::help:
    case queue_options::action::move:
        break;
    }
    return bad_usage;
}

} // namespace

int queue(int argc, const char* const* argv) {
    std::vector<std::string> problems;
    const queue_options options = read_queue_options(argc, argv, problems);
    for (const std::string& problem : problems) say(problem);
    if (!problems.empty()) return bad_usage;
    if (options.what == queue_options::action::help)
        return std::fputs(queue_help.data(), stdout), ended_with(done);
    try {
        return perform(options);
    } catch (const std::exception& bug) {
        return fail(bug.what());
    }
}

} // namespace finpost
