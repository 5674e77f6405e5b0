#include "crash/disk_image.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <fstream>
#include <functional>
#include <map>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace finpost::test {

bool is_of_bytes(const disk_call& call) noexcept {
    return call.what == disk_call::kind::write || call.what == disk_call::kind::resize ||
           call.what == disk_call::kind::reserve;
}

namespace {

void require(bool good, const std::string& what) {
    if (!good) throw std::system_error(errno, std::generic_category(), what);
}

void write_file(const fs::path& path, const file_content& from) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    require(fd >= 0, path);
    const auto size = static_cast<ssize_t>(from.bytes.size());
    const bool whole = ::pwrite(fd, from.bytes.data(), from.bytes.size(), 0) == size &&
                       ::ftruncate(fd, static_cast<off_t>(from.size)) == 0;
    ::close(fd);
    require(whole, path);
}

std::string read_file(const fs::path& path) {
    std::string all(fs::file_size(path), '\0');
    std::ifstream(path, std::ios::binary)
        .read(all.data(), static_cast<std::streamsize>(all.size()));
    return all;
}

// Which calls a later sync has made durable.
class synced_calls {
public:
    explicit synced_calls(std::span<const disk_call> calls) : durable_(calls.size()) {
        std::set<file_number> files;
        std::set<std::string> directories;
        for (std::size_t i = calls.size(); i-- > 0;) {
            const disk_call& call = calls[i];
            if (call.what == disk_call::kind::sync)
                files.insert(call.file);
            else if (call.what == disk_call::kind::sync_directory)
                directories.insert(call.name);
            else if (is_of_bytes(call))
                durable_[i] = call.is == disk_call::fate::on_disk || files.count(call.file) == 1;
            else
                durable_[i] = directories.count(folder_of(call.name)) == 1;
        }
    }
    bool operator[](std::size_t i) const { return durable_[i]; }

private:
    std::vector<bool> durable_;
};

class loser {
public:
    loser(disk_image& image, power_loss loss, std::mt19937_64& random)
        : image_(image), loss_(loss), random_(random) {}

    void apply(const disk_call& call, bool durable) {
        switch (call.what) {
        case disk_call::kind::write:
            durable || chance(loss_.bytes) ? write_all(call) : write_some(call);
            break;
        case disk_call::kind::resize:
            if (durable || chance(loss_.bytes)) image_.files[call.file].resize(call.at);
            break;
        case disk_call::kind::reserve:
            if (durable || chance(loss_.bytes)) grow(call.file, call.at);
            break;
        case disk_call::kind::sync:
        case disk_call::kind::sync_directory:
            break;
        default:
            if (durable || chance(loss_.names)) rename(call);
        }
    }

private:
    bool chance(double of) { return std::bernoulli_distribution(of)(random_); }

    void rename(const disk_call& call) {
        switch (call.what) {
        case disk_call::kind::create:
            image_.names[call.name] = call.file;
            image_.files[call.file]; // empty, when no byte of it came to the disk
            break;
        case disk_call::kind::make_directory:
            image_.directories.insert(call.name);
            break;
        case disk_call::kind::rename:
            image_.names.erase(call.name);
            [[fallthrough]];
        case disk_call::kind::link:
            image_.names[call.to] = call.file;
            image_.files[call.file];
            break;
        default:
            image_.names.erase(call.name);
        }
    }
    void write_all(const disk_call& call) { image_.files[call.file].write(call.at, call.data); }
    void grow(file_number file, std::uint64_t to) {
        file_content& content = image_.files[file];
        content.resize(std::max(content.size, to));
    }

    // Nothing or some sectors. The end of the file may have come to the disk by itself.
    void write_some(const disk_call& call) {
        const std::uint64_t end = call.at + call.data.size();
        const bool torn = loss_.bytes > 0 && chance(0.5);
        if (torn) {
            const std::uint64_t sector = chance(0.5) ? 512 : 4096;
            for (std::uint64_t at = call.at; at < end;) {
                const std::uint64_t next = std::min(end, (at / sector + 1) * sector);
                if (chance(0.5))
                    image_.files[call.file].write(
                        at, std::string_view(call.data).substr(at - call.at, next - at));
                at = next;
            }
        }
        if (loss_.bytes > 0 && chance(0.3)) grow(call.file, end);
    }

    disk_image& image_;
    const power_loss loss_;
    std::mt19937_64& random_;
};

// What has no name any more is gone, and so is what is in a directory that is not there.
void forget_unnamed(disk_image& image) {
    std::erase_if(image.directories, [&](const std::string& each) {
        const std::string in = folder_of(each);
        return !in.empty() && image.directories.count(in) == 0;
    });
    std::erase_if(image.names, [&](const auto& each) {
        const std::string in = folder_of(each.first);
        return !in.empty() && image.directories.count(in) == 0;
    });
    std::set<file_number> named;
    for (const auto& [name, file] : image.names) named.insert(file);
    std::erase_if(image.files, [&](const auto& each) { return named.count(each.first) == 0; });
}

} // namespace

void file_content::write(std::uint64_t at, std::string_view data) {
    if (bytes.size() < at + data.size()) bytes.resize(at + data.size());
    data.copy(bytes.data() + at, data.size());
    size = std::max<std::uint64_t>(size, bytes.size());
}

void file_content::resize(std::uint64_t to) {
    if (to < bytes.size()) bytes.resize(to);
    size = to;
}

std::string folder_of(const std::string& name) {
    const auto slash = name.find_last_of('/');
    return slash == name.npos ? std::string() : name.substr(0, slash);
}

void disk_image::write_to(const fs::path& folder) const {
    fs::create_directory(folder);
    for (const std::string& each : directories) { // sorted: the outer ones first
        require(::mkdir((folder / each).c_str(), 0700) == 0, each);
    }
    std::map<file_number, fs::path> written;
    for (const auto& [name, file] : names) {
        const auto [first, fresh] = written.try_emplace(file, folder / name);
        if (fresh)
            write_file(folder / name, files.at(file));
        else
            fs::create_hard_link(first->second, folder / name);
    }
}

std::string disk_image::differs_from(const fs::path& folder) const {
    std::size_t there = 0;
    for (const auto& each : fs::recursive_directory_iterator(folder)) {
        ++there;
        const std::string name = fs::relative(each.path(), folder).string();
        if (each.is_directory()) {
            if (directories.count(name) == 0) return name + " is a directory";
            continue;
        }
        const auto found = names.find(name);
        if (found == names.end()) return name + " is not known";
        const file_content& content = files.at(found->second);
        if (content.size != each.file_size()) return name + " has another size";
        std::string all = content.bytes;
        all.resize(content.size);
        if (read_file(each.path()) != all) return name + " has other bytes";
    }
    return there == names.size() + directories.size() ? "" : "something is missing";
}

std::size_t disk_image::hash() const {
    std::size_t all = 0;
    const auto add = [&](std::size_t more) { all = all * 1'000'003 + more; };
    const std::hash<std::string_view> of;
    for (const std::string& each : directories) add(of(each));
    for (const auto& [name, file] : names) {
        const file_content& content = files.at(file);
        add(of(name));
        add(of(content.bytes));
        add(content.size);
    }
    return all;
}

disk_image after_power_loss(disk_image before, std::span<const disk_call> calls, power_loss loss,
                            std::mt19937_64& random) {
    const synced_calls durable(calls);
    loser apply(before, loss, random);
    for (std::size_t i = 0; i < calls.size(); ++i)
        if (calls[i].is != disk_call::fate::only_in_memory) apply.apply(calls[i], durable[i]);
    forget_unnamed(before);
    return before;
}

} // namespace finpost::test
