#pragma once

#include "net/unique_fd.hpp"

#include "finpost/result.hpp"

#include <cstddef>
#include <span>
#include <string>

namespace finpost {

/// A file (0600) that has its name when it is whole and on stable storage, and not before.
class durable_file {
public:
    static parsed<durable_file> create(const std::string& path);
    durable_file(durable_file&&) noexcept = default;
    durable_file& operator=(durable_file&&) = delete;
    /// Without `commit` there is no file.
    ~durable_file();

    parsed<void> write(std::span<const std::byte> bytes);

    enum class existing {
        // With many files their directory is synced once, by the caller.
        keep,       ///< a file of that name stays; it is as good when it has the same bytes
        keep_first, ///< a file of that name stays, whatever it has
        replace,    ///< it goes; what is no file stays. The name is durable
    };
    /// False when another file was there that is not as good.
    parsed<bool> commit(existing what);

private:
    durable_file(std::string path, std::string temporary, detail::unique_fd fd)
        : path_(std::move(path)), temporary_(std::move(temporary)), fd_(std::move(fd)) {}
    parsed<bool> commit_new(existing what);
    parsed<bool> commit_over();
    parsed<bool> compare() const;

    std::string path_, temporary_;
    detail::unique_fd fd_;
};

/// Makes `path`, or takes one that is ours and that nobody else can write to.
parsed<void> make_own_directory(const std::string& path);

} // namespace finpost
