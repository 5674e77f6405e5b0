#include "config/file_stamp.hpp"

#include "config/secret_reference.hpp"

#include "finpost/config.hpp"
#include "finpost/upstream_config.hpp"

#include <algorithm>
#include <cerrno>

#include <sys/stat.h>

namespace finpost {

namespace {

std::int64_t nanoseconds(const timespec& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void add(std::vector<file_stamp>& to, const std::string& path) {
    const bool known = std::any_of(to.begin(), to.end(),
                                   [&](const file_stamp& each) { return each.path == path; });
    if (!path.empty() && !known) to.push_back(stamp_of(path));
}

void add(std::vector<file_stamp>& to, const tls_options& tls) {
    for (const std::string* path : {&tls.cert, &tls.key, &tls.ca}) add(to, *path);
}

} // namespace

file_stamp stamp_of(const std::string& path) {
    file_stamp stamp{path};
    struct stat about {};
    if (::stat(path.c_str(), &about) != 0) {
        stamp.error = errno;
        return stamp;
    }
    stamp.device = about.st_dev;
    stamp.inode = about.st_ino;
    stamp.size = about.st_size;
    stamp.modified = nanoseconds(about.st_mtim);
    stamp.changed = nanoseconds(about.st_ctim);
    return stamp;
}

std::string changed_files(const std::vector<file_stamp>& before) {
    std::string paths;
    for (const file_stamp& each : before)
        if (stamp_of(each.path) != each) paths += (paths.empty() ? "" : ", ") + each.path;
    return paths;
}

void add_files(std::vector<file_stamp>& to, const gateway_config& listener) {
    add(to, listener.tls);
}

void add_files(std::vector<file_stamp>& to, const upstream_config& upstream) {
    add(to, upstream.tls);
    for (const http_header& header : upstream.headers)
        for (const std::string& path : referenced_files(header.value)) add(to, path);
}

} // namespace finpost
