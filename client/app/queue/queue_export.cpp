#include "queue/queue_export.hpp"

#include "queue/checked_read.hpp"
#include "queue/durable_file.hpp"
#include "queue/queue_directory.hpp"

#include <boost/json/serialize.hpp>

#include <utility>

namespace json = boost::json;

namespace finpost {

namespace {

class exporter {
public:
    exporter(queue_door& queue, const std::string& directory, export_report& report,
             const std::function<void(const std::string&)>& tell)
        : queue_(queue), directory_(directory), report_(report), tell_(tell) {}

    parsed<void> add(const json::object& row) {
        const auto id = id_of(row);
        if (!id) return id.error();
        const std::string path = directory_ + '/' + std::string(id->text());
        auto file = durable_file::create(path);
        if (!file) return file.error();
        std::uint64_t size = 0;
        const auto read = read_checked(queue_, row, [&](std::span<const std::byte> bytes) {
            size += bytes.size();
            return file->write(bytes);
        });
        if (!read) return read.error();
        if (*read == checked_bytes::gone) return ++report_.gone, parsed<void>();
        auto named = file->commit(durable_file::existing::keep);
        if (!named) return named.error();
        if (!*named) return fail(path + ": is there already, with other bytes");
        const auto described = describe(row, path + ".json");
        if (!described) return described.error();
        if (*read == checked_bytes::damaged)
            return fail(path + ": the bytes are not those that were stored");
        if (*described)
            ++report_.exported, report_.bytes += size;
        else
            ++report_.there;
        return {};
    }

private:
    parsed<void> fail(const std::string& what) {
        tell_(what);
        ++report_.failed;
        return {};
    }
    // Whether it was not there yet: what is known of a payload changes, and the first export
    // counts.
    parsed<bool> describe(const json::object& row, const std::string& path) const {
        auto file = durable_file::create(path);
        if (!file) return file.error();
        const std::string text = json::serialize(row) + '\n';
        const auto written = file->write(std::as_bytes(std::span(text)));
        if (!written) return written.error();
        return file->commit(durable_file::existing::keep_first);
    }

    queue_door& queue_;
    const std::string& directory_;
    export_report& report_;
    const std::function<void(const std::string&)>& tell_;
};

} // namespace

parsed<void> export_payloads(queue_door& queue, const queue_filter& filter,
                             const std::string& directory, export_report& report,
                             const std::function<void(const std::string&)>& tell) {
    auto made = make_own_directory(directory);
    if (!made) return made;
    exporter to(queue, directory, report, tell);
    std::uint64_t after = 0;
    do {
        const auto page = queue.list(filter, after);
        if (!page) return page.error();
        for (const json::object& row : page->rows) {
            made = to.add(row);
            if (!made) return made;
        }
        after = page->next;
    } while (after != 0);
    const error_code failed = detail::sync_directory(directory);
    if (failed) return parse_error{directory + ": cannot be synced: " + failed.message()};
    return {};
}

} // namespace finpost
